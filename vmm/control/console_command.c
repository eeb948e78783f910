/* vmm/control/console_command.c - hands the guest's console to a client. */
#include <errno.h>

#include "base/log.h"
#include "host/tty_relay.h"
#include "vmm/control/commands.h"
#include "vmm/control/control.h"
#include "vmm/control/qmp.h"
#include "vmm/machine/machine.h"

static void attach(struct control *control, int fd, bool keys)
{
	struct err err = { 0 };

	if (tty_relay_attach(control->machine->relay, fd, keys, &err) < 0)
		log_warn("a client cannot have the console: %s", err.msg);
}

static void attach_keys(void *ctx, int fd)
{
	attach(ctx, fd, true);
}

static void attach_raw(void *ctx, int fd)
{
	attach(ctx, fd, false);
}

int command_x_vmm_console_attach(struct qmp_call *call, struct err *err)
{
	const struct control *control = call->ctx;
	const struct tty_relay *relay = control->machine->relay;

	if (!relay) {
		call->class = QMP_DEVICE_NOT_ACTIVE;
		return err_set(err, -ENODEV,
			       "the console is not to be had: it was not "
			       "started with --terminal socket");
	}
	if (tty_relay_taken(relay) && !qmp_arg_bool(call, "force", false))
		return err_set(err, -EBUSY, "another client has the console");
	call->take_over = qmp_arg_bool(call, "keys", false) ? attach_keys
							    : attach_raw;
	return 0;
}
