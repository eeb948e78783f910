/*
 * vmm/control/dirty_rate_commands.c - the rate of dirty pages, as clients see
 * it.
 *
 * Source: QEMU, qapi/migration.json, calc-dirty-rate and query-dirty-rate.
 */
#include "vmm/control/dirty_rate_commands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "mem/dirty_rate.h"
#include "vmm/control/control.h"
#include "vmm/control/qmp.h"
#include "vmm/control/server.h"
#include "vmm/kvm/dirty_log.h"
#include "vmm/kvm/vm.h"
#include "vmm/machine/machine.h"

#define LEAST_MS 50
#define MOST_MS 60000

struct dirty_rate_watch {
	struct control *control; /* borrowed */
	struct dirty_rate rate;
	json_int_t started; /* seconds of the monotonic clock */
	json_int_t calc_ms;
	struct vm *vm; /* whose vCPUs are counted; NULL: none, or replaced */
	unsigned vcpus; /* of which it is known; 0: KVM does not tell */
	uint32_t pages[CONFIG_MAX_CPUS];
};

static bool is_ring(const struct vm *vm)
{
	return strcmp(dirty_log_name(vm->dirty_log), "ring") == 0;
}

/* In QEMU's words. */
static const char *mode_name(const struct control *control)
{
	return control->vm && is_ring(control->vm) ? "dirty-ring"
						   : "dirty-bitmap";
}

static void sample_dirty_rate(void *ctx, bool end)
{
	struct dirty_rate_watch *watch = ctx;
	struct vm *vm = end ? watch->vm : watch->control->vm;

	watch->vm = vm;
	watch->vcpus = vm && is_ring(vm) ? vm->vcpus : 0;
	for (unsigned i = 0; i < watch->vcpus; i++) {
		uint32_t now = 0;

		(void)dirty_log_vcpu_pages(vm->dirty_log, i, &now);
		watch->pages[i] = end ? now - watch->pages[i] : now;
	}
}

/* Pages in a second, as MiB in a second. */
static json_t *rate_mib(const struct dirty_rate_watch *watch, uint64_t pages)
{
	return qmp_number(pages * watch->control->machine->limits.page_size >>
			  20);
}

static void add_vcpus(const struct dirty_rate_watch *watch, json_t **info)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < watch->vcpus; i++) {
		const uint64_t pages = dirty_rate_per_second(&watch->rate,
							     watch->pages[i]);

		qmp_append(&list,
			   json_pack("{s:i, s:o, s:o}", "id", (int)i,
				     "dirty-rate", rate_mib(watch, pages),
				     "x-vmm-pages", qmp_number(pages)));
	}
	qmp_add(info, "vcpu-dirty-rate", list);
}

static void add_regions(const struct dirty_rate_watch *watch, json_t **info)
{
	const struct mem_map *map = &watch->control->machine->mem;
	json_t *list = json_array();
	uint64_t all = 0;

	for (size_t i = 0; i < map->count; i++) {
		const struct mem_region *r = &map->region[i];

		if (r->kind == MEM_RESERVED)
			continue;
		all += watch->rate.pages[i];
		qmp_append(&list, json_pack("{s:o, s:o, s:o}", "name",
					    qmp_string(r->name), "start",
					    qmp_number(r->gpa.start), "pages",
					    qmp_number(dirty_rate_per_second(
						    &watch->rate,
						    watch->rate.pages[i]))));
	}
	all = dirty_rate_per_second(&watch->rate, all);
	qmp_add(info, "dirty-rate", rate_mib(watch, all));
	qmp_add(info, "x-vmm-pages", qmp_number(all));
	qmp_add(info, "x-vmm-regions", list);
}

static const char *rate_status(const struct dirty_rate_watch *watch)
{
	switch (watch ? watch->rate.state : DIRTY_RATE_UNSTARTED) {
	case DIRTY_RATE_MEASURING:
		return "measuring";
	case DIRTY_RATE_MEASURED:
		return "measured";
	default:
		return "unstarted";
	}
}

/* @watch: NULL: nobody has asked before. @ms: how calc-time is told */
static json_t *describe_dirty_rate(const struct control *control,
				   const struct dirty_rate_watch *watch,
				   bool ms)
{
	const struct machine *machine = control->machine;
	const json_int_t calc = watch ? watch->calc_ms : 0;
	json_t *info = json_pack(
		"{s:s, s:I, s:I, s:s, s:i, s:s, s:o}", "status",
		rate_status(watch), "start-time", watch ? watch->started : 0,
		"calc-time", ms ? calc : calc / 1000, "calc-time-unit",
		ms ? "millisecond" : "second", "sample-pages", 0, "mode",
		mode_name(control), "x-vmm-page-size",
		qmp_number(machine->limits.page_size));

	if (!watch)
		return info;
	if (watch->rate.state == DIRTY_RATE_FAILED)
		qmp_add(&info, "x-vmm-error", qmp_string(watch->rate.err.msg));
	if (watch->rate.state == DIRTY_RATE_MEASURED) {
		add_regions(watch, &info);
		if (watch->vcpus > 0)
			add_vcpus(watch, &info);
	}
	return info;
}

static void dirty_rate_done(void *ctx)
{
	const struct dirty_rate_watch *watch = ctx;
	const struct control *control = watch->control;

	if (qmp_server_heard(control->server))
		qmp_server_event(control->server, "X_VMM_DIRTY_RATE",
				 describe_dirty_rate(control, watch, true));
}

/* Made at the first request. */
static int find_watch(struct control *control, struct err *err)
{
	struct dirty_rate_watch *watch;
	int r;

	if (control->dirty_rate)
		return 0;
	watch = calloc(1, sizeof(*watch));
	if (!watch)
		return err_set(err, -ENOMEM, "dirty rate: out of memory");
	watch->control = control;
	r = dirty_rate_init(&watch->rate, control->machine->loop,
			    &control->machine->dirty,
			    (struct dirty_rate_user){ sample_dirty_rate,
						      dirty_rate_done, watch },
			    err);
	if (r < 0)
		free(watch);
	else
		control->dirty_rate = watch;
	return r;
}

/* Sets *@ret to whether times are in milliseconds. */
static int get_unit(const struct qmp_call *call, bool *ret, struct err *err)
{
	const char *unit = qmp_arg_string(call, "calc-time-unit", "second");

	*ret = strcmp(unit, "millisecond") == 0;
	if (*ret || strcmp(unit, "second") == 0)
		return 0;
	return err_set(err, -EINVAL,
		       "Parameter 'calc-time-unit' does not accept this value");
}

/* Pages are not sampled: what KVM logs is exact. */
static int check_mode(const struct qmp_call *call, struct err *err)
{
	const struct control *control = call->ctx;
	const char *have = mode_name(control);
	const char *mode = qmp_arg_string(call, "mode", have);

	if (strcmp(mode, have) == 0)
		return 0;
	return err_set(err, -EINVAL, "Parameter 'mode' expects '%s' here",
		       have);
}

int command_calc_dirty_rate(struct qmp_call *call, struct err *err)
{
	struct control *control = call->ctx;
	json_int_t time = qmp_arg_int(call, "calc-time", 0);
	struct dirty_rate_watch *watch;
	bool ms;
	int r = get_unit(call, &ms, err);

	if (r == 0)
		r = check_mode(call, err);
	if (r < 0)
		return r;
	if (!ms && time > 0 && time <= MOST_MS / 1000)
		time *= 1000;
	else if (!ms)
		time = 0;
	if (time < LEAST_MS || time > MOST_MS)
		return err_set(err, -EINVAL,
			       "Parameter 'calc-time' expects from 50 ms to "
			       "60 s");
	r = find_watch(control, err);
	if (r < 0)
		return r;
	watch = control->dirty_rate;
	r = dirty_rate_start(&watch->rate, (uint64_t)time * NS_PER_MS, err);
	if (r < 0)
		return r;
	watch->started = (json_int_t)(clock_ns() / NS_PER_SECOND);
	watch->calc_ms = time;
	return 0;
}

int command_query_dirty_rate(struct qmp_call *call, struct err *err)
{
	const struct control *control = call->ctx;
	bool ms;
	const int r = get_unit(call, &ms, err);

	if (r < 0)
		return r;
	call->ret = describe_dirty_rate(control, control->dirty_rate, ms);
	return 0;
}

void dirty_rate_tell(const struct control *control, size_t region,
		     json_t **told)
{
	const struct dirty_rate_watch *watch = control->dirty_rate;
	const struct dirty_rate *rate;
	uint64_t age;

	if (!watch || watch->rate.state != DIRTY_RATE_MEASURED)
		return;
	rate = &watch->rate;
	age = clock_ns() - rate->begun_ns - rate->took_ns;
	qmp_add(told, "dirty",
		qmp_number(rate->pages[region] << rate->dirty->page_shift));
	qmp_add(told, "dirty-time", qmp_number(rate->took_ns / NS_PER_MS));
	qmp_add(told, "dirty-age", qmp_number(age / NS_PER_MS));
}

void dirty_rate_commands_restart(struct control *control)
{
	if (control->dirty_rate)
		control->dirty_rate->vm = NULL;
}

void dirty_rate_commands_end(struct control *control)
{
	if (control->dirty_rate)
		dirty_rate_finish(&control->dirty_rate->rate);
	free(control->dirty_rate);
	control->dirty_rate = NULL;
}
