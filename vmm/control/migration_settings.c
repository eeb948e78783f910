/* vmm/control/migration_settings.c - what clients set for all migrations of a
 * guest. */
#include "vmm/control/migrate_commands.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/clock.h"
#include "vmm/control/control.h"
#include "vmm/control/migration.h"
#include "vmm/control/qmp.h"

int command_migrate_set_parameters(struct qmp_call *call, struct err *err)
{
	struct migration *m = migration_of(call->ctx, err);
	const bool downtime = json_object_get(call->args, "downtime-limit");
	const bool bandwidth = json_object_get(call->args, "max-bandwidth");
	const json_int_t most = qmp_arg_int(call, "max-cpu-throttle",
					    CONVERGE_MOST);
	const int r = qmp_check_ms(call, "downtime-limit", err);

	if (r < 0)
		return r;
	if (most < 1 || most > CONVERGE_MOST)
		return err_set(err, -ERANGE,
			       "Parameter 'max-cpu-throttle' expects 1 to %d",
			       CONVERGE_MOST);
	if (!m)
		return err->code;
	if (downtime)
		m->downtime = (uint64_t)qmp_arg_int(call, "downtime-limit",
						    MIGRATION_DOWNTIME_MS) *
			      NS_PER_MS;
	m->bandwidth = qmp_arg_size(call, "max-bandwidth", m->bandwidth);
	if (json_object_get(call->args, "max-cpu-throttle"))
		m->slow.most = m->slow.plan.most = (unsigned)most;
	/* The one under way may have been given others of its own. */
	if (m->job)
		migrate_job_limit(m->job, downtime ? &m->downtime : NULL,
				  bandwidth ? &m->bandwidth : NULL);
	return 0;
}

int command_query_migrate_parameters(struct qmp_call *call, struct err *err)
{
	const struct migration *m = migration_of(call->ctx, err);

	if (!m)
		return err->code;
	call->ret = json_pack("{s:o, s:o, s:i}", "downtime-limit",
			      qmp_number(m->downtime / NS_PER_MS),
			      "max-bandwidth", qmp_number(m->bandwidth),
			      "max-cpu-throttle", (int)m->slow.most);
	return 0;
}

static const struct {
	const char *name; /* QEMU's */
	size_t at; /* of a bool in struct migration */
} capabilities[] = {
	{ "events", offsetof(struct migration, events) },
	{ "postcopy-ram", offsetof(struct migration, postcopy) },
	{ "compress", offsetof(struct migration, compress) },
	{ "auto-converge", offsetof(struct migration, slow.capability) },
};

#define CAPABILITIES (sizeof(capabilities) / sizeof(capabilities[0]))

static bool *capability_state(struct migration *m, size_t i)
{
	return (bool *)((char *)m + capabilities[i].at);
}

static int set_capability(struct migration *m, const json_t *one,
			  struct err *err)
{
	const char *name = json_string_value(
		json_object_get(one, "capability"));
	const json_t *state = json_object_get(one, "state");

	if (!name || !json_is_boolean(state))
		return err_set(err, -EINVAL,
			       "Parameter 'capabilities' expects objects with "
			       "'capability' and 'state'");
	for (size_t i = 0; i < CAPABILITIES; i++)
		if (strcmp(name, capabilities[i].name) == 0) {
			*capability_state(m, i) = json_is_true(state);
			return 0;
		}
	/* To switch off what there is not is no mistake. */
	return json_is_true(state)
		     ? err_set(err, -EINVAL,
			       "this machine has no migration capability '%s'",
			       name)
		     : 0;
}

int command_migrate_set_capabilities(struct qmp_call *call, struct err *err)
{
	struct migration *m = migration_of(call->ctx, err);
	const json_t *list = json_object_get(call->args, "capabilities");
	int r = 0;

	if (!m)
		return err->code;
	for (size_t i = 0; r == 0 && i < json_array_size(list); i++)
		r = set_capability(m, json_array_get(list, i), err);
	return r;
}

int command_query_migrate_capabilities(struct qmp_call *call, struct err *err)
{
	const struct control *control = call->ctx;
	struct migration *m = control->migration;

	(void)err;
	call->ret = json_array();
	for (size_t i = 0; i < CAPABILITIES; i++)
		qmp_append(&call->ret, json_pack("{s:s, s:b}", "capability",
						 capabilities[i].name, "state",
						 m && *capability_state(m, i)));
	return 0;
}
