/* vmm/control/pageout_command.c - has the host swap the guest's memory out. */
#include "vmm/control/pageout_command.h"

#include <errno.h>

#include "base/clock.h"
#include "mem/pageout_job.h"
#include "vmm/control/control.h"
#include "vmm/control/qmp.h"
#include "vmm/control/server.h"
#include "vmm/machine/machine.h"

static void tell_pageout(struct control *control,
			 const struct pageout_result *result, bool cold)
{
	json_t *data = json_pack("{s:o, s:o}", "looked-at",
				 qmp_number(result->looked_at), "paged-out",
				 qmp_number(result->paged_out));

	if (cold)
		qmp_add(&data, "cold-by",
			json_string(cold_way_name(result->way)));
	if (result->way == COLD_UNWRITTEN)
		qmp_add(&data, "named-cold", qmp_number(result->cooled));
	if (result->err.code < 0)
		qmp_add(&data, "error", qmp_string(result->err.msg));
	qmp_server_event(control->server, "X_VMM_PAGEOUT", data);
	control->pageout = pageout_job_free(control->pageout);
}

static void pageout_done(void *ctx, const struct pageout_result *result)
{
	tell_pageout(ctx, result, false);
}

static void pageout_of_cold_done(void *ctx, const struct pageout_result *result)
{
	tell_pageout(ctx, result, true);
}

int command_x_vmm_pageout(struct qmp_call *call, struct err *err)
{
	struct control *control = call->ctx;
	const json_int_t ms = qmp_arg_int(call, "idle-ms", 0);
	struct pageout_job *job = NULL;
	const struct pageout_request want = {
		.region = qmp_arg_string(call, "region", NULL),
		.watch_ns = (uint64_t)ms * NS_PER_MS,
		.done = ms > 0 ? pageout_of_cold_done : pageout_done,
		.ctx = control,
	};
	int r = qmp_check_ms(call, "idle-ms", err);

	if (r < 0)
		return r;
	if (!control->machine->limits.sync_mmu) {
		call->class = QMP_KVM_MISSING_CAP;
		return err_set(err, -ENOTSUP,
			       "this host's KVM lacks KVM_CAP_SYNC_MMU: memory "
			       "the guest has touched stays with it");
	}
	r = pageout_job_new(&job, control->machine->loop,
			    &control->machine->mem, &want, err);
	if (r < 0)
		return r;
	/* A client that asks again means that: the job before may wait for a
	 * day, and its client be gone. */
	if (control->pageout)
		pageout_job_give_way(control->pageout);
	control->pageout = job;
	return 0;
}
