/* vmm/control/control.c - a running guest, as its clients see and change it. */
#include "vmm/control/control.h"

#include <errno.h>

#include <jansson.h>

#include "vmm/control/server.h"
#include "vmm/kvm/vm.h"
#include "vmm/machine/machine.h"

void control_pause(struct control *control)
{
	if (control->paused)
		return;
	control->paused = true;
	if (control->arrival)
		return;
	if (!control->held)
		vm_pause(control->vm);
	qmp_server_event(control->server, "STOP", json_null());
}

void control_resume(struct control *control)
{
	if (!control->paused)
		return;
	control->paused = control->panicked = false;
	if (control->arrival)
		return;
	if (!control->held)
		vm_resume(control->vm);
	qmp_server_event(control->server, "RESUME", json_null());
}

int control_check_here(const struct control *control, struct err *err)
{
	if (!control->machine->moved)
		return 0;
	return err_set(err, -EPERM, "the guest has moved to another process");
}

void control_hold(struct control *control)
{
	control->held++;
	vm_pause(control->vm);
}

void control_release(struct control *control)
{
	control->held--;
	if (!control->held && !control->paused)
		vm_resume(control->vm);
}
