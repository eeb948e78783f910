/* vmm/control/panic.c - what follows a panic of the guest. */
#include "vmm/control/panic.h"

#include "base/log.h"
#include "vmm/control/control.h"
#include "vmm/control/dump_commands.h"
#include "vmm/control/server.h"
#include "vmm/debug/dump.h"
#include "vmm/machine/machine.h"

/* Source: QEMU, qapi/run-state.json, GuestPanicAction */
static void tell_panic_pause(struct control *control)
{
	qmp_server_event(control->server, "GUEST_PANICKED",
			 json_pack("{s:s}", "action", "pause"));
}

static void pause_panicked(struct control *control)
{
	const char *name = control->name;

	machine_forget_panic(control->machine);
	control->panicked = true;
	log_warn("the guest has panicked and is paused: 'vmm dump %s FILE' "
		 "writes its core, 'vmm stop --force %s' ends it",
		 name, name);
	tell_panic_pause(control);
	control_pause(control);
}

/* The guest does not go on. */
static void panic_dumped(struct control *control,
			 const struct dump_result *result)
{
	const char *file = control->machine->config->on_panic.file;

	if (result->code < 0)
		log_error("--on-panic dump: %s", result->err.msg);
	else
		log_warn("the guest has panicked: its core is %s", file);
	machine_end(control->machine, OUTCOME_PANIC);
}

static bool dump_panicked(struct control *control)
{
	const char *file = control->machine->config->on_panic.file;
	struct err err = { 0 };

	machine_forget_panic(control->machine);
	control->panicked = true;
	tell_panic_pause(control);
	if (dump_begin(control, file, panic_dumped, &err) == 0)
		return true;
	log_error("--on-panic dump: %s", err.msg);
	machine_end(control->machine, OUTCOME_PANIC);
	return false;
}

bool control_panicked(struct control *control)
{
	const enum panic_action action =
		control->machine->config->on_panic.action;

	if (action == PANIC_PAUSE) {
		pause_panicked(control);
		return true;
	}
	/* The second time, the core is there. */
	return action == PANIC_DUMP && !control->panicked &&
	       dump_panicked(control);
}
