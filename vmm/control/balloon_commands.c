/* vmm/control/balloon_commands.c - the guest's balloon, as clients see it. */
#include "vmm/control/balloon_commands.h"

#include <errno.h>

#include "devices/virtio/balloon.h"
#include "vmm/control/control.h"
#include "vmm/control/qmp.h"
#include "vmm/control/server.h"
#include "vmm/machine/machine.h"

/* Source: QEMU, qapi/machine.json, BALLOON_CHANGE */
static void tell_balloon_changed(void *ctx, uint64_t actual)
{
	const struct control *control = ctx;

	if (qmp_server_heard(control->server))
		qmp_server_event(
			control->server, "BALLOON_CHANGE",
			json_pack("{s:o}", "actual", qmp_number(actual)));
}

static json_t *stats_object(const struct balloon_stats *stats)
{
	static const char *const names[] = VIRTIO_BALLOON_S_NAMES;
	json_t *object = json_object();

	for (unsigned i = 0; i < VIRTIO_BALLOON_S_NR; i++)
		if (stats->have >> i & 1)
			qmp_add(&object, names[i], qmp_number(stats->val[i]));
	return json_pack("{s:o, s:o}", "stats", object, "last-update",
			 qmp_number(stats->time));
}

static void tell_stats(void *ctx, const struct balloon_stats *stats)
{
	const struct control *control = ctx;

	if (qmp_server_heard(control->server))
		qmp_server_event(control->server, "X_VMM_BALLOON_STATS",
				 stats_object(stats));
}

void balloon_commands_begin(struct control *control)
{
	const struct balloon_listener listener = { .changed =
							   tell_balloon_changed,
						   .stats = tell_stats,
						   .ctx = control };

	if (control->machine->balloon)
		balloon_listen(control->machine->balloon, listener);
}

void balloon_commands_end(struct control *control)
{
	if (control->machine->balloon)
		balloon_listen(control->machine->balloon,
			       (struct balloon_listener){ 0 });
}

/* Sets @ret, or says that there is none, in QEMU's words. */
static int find_balloon(struct qmp_call *call, struct virtio **ret,
			struct err *err)
{
	const struct control *control = call->ctx;

	*ret = control->machine->balloon;
	if (*ret)
		return 0;
	call->class = QMP_DEVICE_NOT_ACTIVE;
	return err_set(err, -ENODEV,
		       "No balloon device has been activated (run with "
		       "--balloon)");
}

int command_balloon(struct qmp_call *call, struct err *err)
{
	const uint64_t value = qmp_arg_size(call, "value", 0);
	struct virtio *balloon;
	const int r = find_balloon(call, &balloon, err);

	if (r < 0)
		return r;
	if (value == 0)
		return err_set(err, -EINVAL,
			       "Parameter 'value' expects a size");
	balloon_set_target(balloon, value);
	return 0;
}

int command_query_balloon(struct qmp_call *call, struct err *err)
{
	struct virtio *balloon;
	struct balloon_info info;
	const int r = find_balloon(call, &balloon, err);

	if (r < 0)
		return r;
	balloon_query(balloon, &info);
	call->ret = json_pack("{s:o}", "actual", qmp_number(info.actual));
	return 0;
}

int command_x_vmm_balloon_stats(struct qmp_call *call, struct err *err)
{
	struct virtio *balloon;
	struct balloon_info info;
	struct balloon_stats stats;
	int r = find_balloon(call, &balloon, err);
	bool asked;

	if (r < 0)
		return r;
	balloon_query(balloon, &info);
	balloon_last_stats(balloon, &stats);
	r = balloon_ask_stats(balloon);
	/* An answer that is owed already will do. */
	asked = r == 0 || r == -EAGAIN;
	call->ret = stats_object(&stats);
	qmp_add(&call->ret, "asked", json_boolean(asked));
	qmp_add(&call->ret, "driver", json_boolean(info.driver));
	qmp_add(&call->ret, "ram", qmp_number(info.ram));
	qmp_add(&call->ret, "target", qmp_number(info.target));
	qmp_add(&call->ret, "actual", qmp_number(info.actual));
	qmp_add(&call->ret, "given-back", qmp_number(info.reclaim.bytes));
	qmp_add(&call->ret, "calls", qmp_number(info.reclaim.calls));
	qmp_add(&call->ret, "failed", qmp_number(info.reclaim.failed));
	return 0;
}
