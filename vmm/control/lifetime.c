/* vmm/control/lifetime.c - from the making of the control socket to its end. */
#include "vmm/control/lifetime.h"

#include <string.h>
#include <unistd.h>

#include "base/decimal.h"
#include "base/log.h"
#include "mem/pageout_job.h"
#include "vmm/control/arrival.h"
#include "vmm/control/balloon_commands.h"
#include "vmm/control/command_list.h"
#include "vmm/control/control.h"
#include "vmm/control/dirty_rate_commands.h"
#include "vmm/control/dump_commands.h"
#include "vmm/control/gdb_commands.h"
#include "vmm/control/hotplug_commands.h"
#include "vmm/control/migrate_commands.h"
#include "vmm/control/server.h"
#include "vmm/control/snapshot_commands.h"
#include "vmm/kvm/vm.h"

bool control_is_wanted(const struct config *config)
{
	return !config->control || strcmp(config->control, "none") != 0;
}

static int open_socket(struct control *control,
		       const struct control_file *owner, struct err *err)
{
	const char *path = control->machine->config->control;
	int r;

	r = control_socket_open(&control->socket, path ? path : control->name,
				owner, err);
	if (r == 0)
		r = qmp_server_new(&control->server, control->machine->loop,
				   &command_list, control, err);
	if (r == 0)
		r = qmp_server_listen(control->server, control->socket.fd, err);
	return r;
}

static void set_thread_name(struct control *control)
{
	char *at = control->unnamed + sizeof(control->unnamed) - 1;

	control->name = control->machine->config->name;
	if (control->name)
		return;
	*at = 0;
	at = decimal_put_before(at, (unsigned)getpid()) - 3;
	memcpy(at, "vm-", 3);
	control->name = at;
}

int control_init(struct control *control, struct machine *machine,
		 const struct control_file *owner, struct err *err)
{
	const struct config *config = machine->config;
	int r;

	*control = (struct control){ .machine = machine, .socket.fd = -1 };
	set_thread_name(control);
	if (!control_is_wanted(config))
		return 0;
	r = open_socket(control, owner, err);
	if (r == 0)
		return 0;
	control_finish(control);
	if (config->control) {
		err->input = true; /* it is the path that will not do */
		return err_wrap(err, "--control %s", config->control);
	}
	if (config->name)
		return err_wrap(err, "--name %s", config->name);
	/* No client could ever see its console. */
	if (config->terminal == TERMINAL_SOCKET)
		return err_wrap(err, "--terminal socket");
	log_info("there is no control socket: %s", err->msg);
	return 0;
}

void control_equipped(struct control *control)
{
	if (!control->server)
		return;
	balloon_commands_begin(control);
	hotplug_commands_begin(control);
}

void control_finish(struct control *control)
{
	if (!control->machine)
		return;
	arrival_ends(control, false);
	balloon_commands_end(control);
	hotplug_commands_end(control);
	control->pageout = pageout_job_free(control->pageout);
	dirty_rate_commands_end(control);
	snapshot_commands_end(control);
	dump_commands_end(control);
	migrate_commands_end(control);
	/*
	 * Done before clients learn of the end: they may reuse the name then.
	 */
	control_socket_remove(&control->socket);
	control->server = qmp_server_free(control->server);
	control_socket_close(&control->socket);
}

int control_begin(struct control *control, struct vm *vm, struct err *err)
{
	control->vm = vm;
	control->asked_reset = false;
	gdb_commands_restart(control, vm);
	if (control->paused || control->held)
		vm_pause(vm);
	return gdb_commands_begin(control, err);
}

/* @cause: one of QEMU's ShutdownCause. Source: QEMU, qapi/run-state.json */
static void tell_machine_end(struct control *control, const char *event,
			     bool guest, const char *cause)
{
	if (qmp_server_heard(control->server))
		qmp_server_event(control->server, event,
				 json_pack("{s:b, s:s}", "guest", guest,
					   "reason", cause));
}

void control_settle(struct control *control)
{
	snapshot_commands_settle(control);
	dump_commands_settle(control);
	migrate_commands_settle(control);
	gdb_commands_restart(control, NULL);
}

void control_restarts(struct control *control)
{
	control->vm = NULL;
	control->panicked = false;
	dirty_rate_commands_restart(control);
	tell_machine_end(control, "RESET", !control->asked_reset,
			 control->asked_reset ? "host-qmp-system-reset"
					      : "guest-reset");
}

void control_ends(struct control *control, bool failed)
{
	const enum outcome why = failed ? OUTCOME_ERROR
					: machine_outcome(control->machine);

	gdb_commands_end(control);
	control->vm = NULL;
	switch (why) {
	case OUTCOME_POWEROFF:
		return tell_machine_end(control, "SHUTDOWN", true,
					"guest-shutdown");
	case OUTCOME_RESET:
		return tell_machine_end(
			control, "SHUTDOWN", !control->asked_reset,
			control->asked_reset ? "host-qmp-system-reset"
					     : "guest-reset");
	case OUTCOME_PANIC:
		if (qmp_server_heard(control->server))
			qmp_server_event(
				control->server, "GUEST_PANICKED",
				json_pack("{s:s}", "action", "poweroff"));
		return tell_machine_end(control, "SHUTDOWN", true,
					"guest-panic");
	case OUTCOME_QUIT:
		return tell_machine_end(control, "SHUTDOWN", false,
					control->asked_quit ? "host-qmp-quit"
							    : "host-ui");
	case OUTCOME_SIGNAL:
	case OUTCOME_TIMEOUT: /* QEMU has none; it is an alarm's, so to say */
		return tell_machine_end(control, "SHUTDOWN", false,
					"host-signal");
	case OUTCOME_NONE:
	case OUTCOME_ERROR:
		return tell_machine_end(control, "SHUTDOWN", false,
					"host-error");
	}
}
