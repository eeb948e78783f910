/* vmm/control/dump_commands.c - core dumps of the running guest. */
#include "vmm/control/dump_commands.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "vmm/control/control.h"
#include "vmm/control/qmp.h"
#include "vmm/control/server.h"
#include "vmm/debug/dump.h"
#include "vmm/machine/machine.h"

#define FILE_PROTOCOL "file:"

/* How long storage may take to answer when the VM is about to go. */
#define SETTLE_NS (30 * NS_PER_SECOND)

/* How the last dump went, for query-dump. */
static json_t *describe_dump(const struct control *control)
{
	static const char *const word[] = {
		[DUMP_NONE] = "none",
		[DUMP_ACTIVE] = "active",
		[DUMP_DONE] = "completed",
		[DUMP_FAILED] = "failed",
	};
	const uint64_t bytes = control->dump_status == DUMP_DONE
				     ? control->dumped
				     : 0;

	/* Source: QEMU, qapi/dump.json, DumpQueryResult */
	return json_pack("{s:s, s:o, s:o}", "status",
			 word[control->dump_status], "completed",
			 qmp_number(bytes), "total", qmp_number(bytes));
}

static void dump_done(void *ctx)
{
	struct control *control = ctx;
	const struct dump_result *result = dump_job_result(control->dump);
	json_t *data;

	control->dump_status = result->code < 0 ? DUMP_FAILED : DUMP_DONE;
	control->dumped = result->bytes;
	data = json_pack("{s:o}", "result", describe_dump(control));
	if (result->code < 0)
		qmp_add(&data, "error", qmp_string(result->err.msg));
	qmp_server_event(control->server, "DUMP_COMPLETED", data);
	if (!control->dump_left)
		control->dumped_then(control, result);
	control->dump_left = false;
	control->dump = dump_job_free(control->dump);
}

int dump_begin(struct control *control, const char *path,
	       void (*then)(struct control *control,
			    const struct dump_result *result),
	       struct err *err)
{
	int r;

	if (control->dump)
		return err_set(err, -EBUSY, "a dump is being written");
	control->dumped_then = then;
	control_hold(control);
	r = dump_job_new(&control->dump, control->vm, path, dump_done, control,
			 err);
	if (r < 0) {
		control_release(control);
		return r;
	}
	control->dump_status = DUMP_ACTIVE;
	return 0;
}

static void release_dumped(struct control *control,
			   const struct dump_result *result)
{
	(void)result;
	control_release(control);
}

static int check_dump_arguments(const struct qmp_call *call, struct err *err)
{
	const char *format = qmp_arg_string(call, "format", "elf");

	if (qmp_arg_bool(call, "paging", false))
		return err_set(err, -ENOTSUP,
			       "Parameter 'paging' expects false: page tables "
			       "are the reader's to walk");
	if (strcmp(format, "elf") != 0)
		return err_set(err, -ENOTSUP,
			       "Parameter 'format' expects 'elf'");
	if (!qmp_arg_bool(call, "detach", false))
		return err_set(err, -ENOTSUP,
			       "Parameter 'detach' expects true: "
			       "DUMP_COMPLETED tells of the end");
	if (strncmp(qmp_arg_string(call, "protocol", ""), FILE_PROTOCOL "/",
		    sizeof(FILE_PROTOCOL)) != 0)
		return err_set(err, -EINVAL,
			       "Parameter 'protocol' expects 'file:' and an "
			       "absolute path");
	return 0;
}

int command_dump_guest_memory(struct qmp_call *call, struct err *err)
{
	struct control *control = call->ctx;
	const char *protocol = qmp_arg_string(call, "protocol", "");
	int r = check_dump_arguments(call, err);

	if (r < 0)
		return r;
	if (machine_outcome(control->machine) != OUTCOME_NONE)
		return err_set(err, -ECANCELED, "the guest has ended");
	return dump_begin(control, protocol + strlen(FILE_PROTOCOL),
			  release_dumped, err);
}

int command_query_dump(struct qmp_call *call, struct err *err)
{
	(void)err;
	call->ret = describe_dump(call->ctx);
	return 0;
}

int command_query_dump_capability(struct qmp_call *call, struct err *err)
{
	(void)err;
	call->ret = json_pack("{s:[s]}", "formats", "elf");
	return 0;
}

void dump_commands_settle(struct control *control)
{
	if (!control->dump || control->dump_left ||
	    dump_job_settle(control->dump, SETTLE_NS))
		return;
	control->dump_left = true;
	control_release(control);
}

void dump_commands_end(struct control *control)
{
	if (!control->dump)
		return;
	log_warn("the host's storage does not answer: the dump is left to the "
		 "end of the process");
	/* The thread may still read guest memory. */
	control->machine->abandoned = true;
	control->dump = NULL;
}
