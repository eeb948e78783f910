/* vmm/control/run_commands.c - pauses, resets, rebuilds, ends the guest. */
#include <errno.h>

#include "devices/virtio/power_button.h"
#include "vmm/config_words.h"
#include "vmm/control/commands.h"
#include "vmm/control/control.h"
#include "vmm/control/dirty_rate_commands.h"
#include "vmm/control/migrate_commands.h"
#include "vmm/control/qmp.h"
#include "vmm/control/server.h"
#include "vmm/kvm/vm.h"
#include "vmm/machine/machine.h"
#include "vmm/migrate/rest.h"

int command_query_name(struct qmp_call *call, struct err *err)
{
	const struct control *control = call->ctx;

	(void)err;
	call->ret = json_pack("{s:s}", "name", control->name);
	return 0;
}

/* Source: QEMU, qapi/run-state.json, RunState */
static const char *run_state(const struct control *control)
{
	const enum outcome outcome = machine_outcome(control->machine);

	/* It has ended, and the loop has not come to notice. */
	if (outcome > OUTCOME_RESET)
		return "shutdown";
	if (control->arrival)
		return "inmigrate";
	if (control->machine->moved)
		return "postmigrate";
	if (migrate_commands_hold(control))
		return "finish-migrate";
	if (control->debugged)
		return "debug";
	if (control->panicked)
		return "guest-panicked";
	return control->paused ? "paused" : "running";
}

int command_query_status(struct qmp_call *call, struct err *err)
{
	const char *word = run_state(call->ctx);

	(void)err;
	call->ret = json_pack("{s:b, s:s}", "running", *word == 'r', "status",
			      word);
	return 0;
}

/* To pause would wait for CPUs that wait for memory. */
static int check_memory_comes(const struct control *control, struct err *err)
{
	if (!control->rest || !rest_is_broken(control->rest))
		return 0;
	return err_set(err, -EBUSY,
		       "the guest waits for memory that is at the source "
		       "still, to which the connection broke");
}

int command_stop(struct qmp_call *call, struct err *err)
{
	const int r = check_memory_comes(call->ctx, err);

	if (r < 0)
		return r;
	control_pause(call->ctx);
	return 0;
}

int command_cont(struct qmp_call *call, struct err *err)
{
	const int r = control_check_here(call->ctx, err);

	if (r == 0)
		control_resume(call->ctx);
	return r;
}

int command_system_reset(struct qmp_call *call, struct err *err)
{
	struct control *control = call->ctx;
	const int r = control_check_here(control, err);

	if (r < 0)
		return r;
	control->asked_reset = true;
	machine_end(control->machine, OUTCOME_RESET);
	return 0;
}

/* An answer of success would have a client wait for what never comes. */
int command_system_powerdown(struct qmp_call *call, struct err *err)
{
	struct control *control = call->ctx;
	struct virtio *button = control->machine->power_button;

	if (!button)
		return err_set(err, -ENODEV,
			       "this machine has no power button (run with "
			       "--power-button)");
	if (virtio_power_button_press(button) < 0)
		return err_set(err, -ENOTCONN,
			       "the guest has no driver at work for its power "
			       "button");
	qmp_server_event(control->server, "POWERDOWN", json_null());
	return 0;
}

int command_quit(struct qmp_call *call, struct err *err)
{
	struct control *control = call->ctx;

	(void)err;
	control->asked_quit = true;
	machine_end(control->machine, OUTCOME_QUIT);
	return 0;
}

int command_x_vmm_rebuild(struct qmp_call *call, struct err *err)
{
	size_t size;
	struct control *control = call->ctx;
	int r = control_check_here(control, err);

	if (r == 0)
		r = config_check_saved(control->machine->config, err);

	if (r < 0)
		return r;
	/* The new VM's rings count from 0 again. */
	dirty_rate_commands_restart(control);
	r = vm_rebuild(control->vm, &size, err);
	if (r == 0)
		call->ret = json_pack("{s:I}", "state-size", (json_int_t)size);
	return r;
}
