/* vmm/control/migrate_commands.c - sends the running guest to another vmm. */
#include "vmm/control/migrate_commands.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "vmm/control/control.h"
#include "vmm/control/migration.h"
#include "vmm/control/qmp.h"
#include "vmm/machine/machine.h"
#include "vmm/migrate/packer.h"

/* A guest that is given up may take CHANNEL_PATIENCE_MS. */
#define SETTLE_NS (40 * NS_PER_SECOND)

/* Goes on with one whose connection broke. */
static int resume_migration(struct migration *m, const char *text,
			    struct err *err)
{
	struct migrate_uri uri = { 0 };
	int r;

	if (!m->job)
		return err_set(err, -EINVAL,
			       "no migration waits for a new connection");
	r = migrate_uri_parse(&uri, text, err);
	if (r == 0)
		r = migrate_job_resume(m->job, &uri, err);
	migrate_uri_finish(&uri);
	return r;
}

int command_migrate(struct qmp_call *call, struct err *err)
{
	struct migration *m = migration_of(call->ctx, err);
	int r;

	if (!m)
		return err->code;
	if (qmp_arg_bool(call, "resume", false))
		return resume_migration(m, qmp_arg_string(call, "uri", ""),
					err);
	r = migration_begin(
		m, qmp_arg_string(call, "uri", ""),
		(struct migrate_wish){
			.downtime = m->downtime,
			.bandwidth = m->bandwidth,
			.compress = m->compress ? PACKER_LEVEL_DEFAULT : 0,
			.postcopy = m->postcopy,
		},
		false, err);
	if (r == 0)
		migration_slow_begin(m, m->slow.capability);
	return r;
}

int command_x_vmm_migrate(struct qmp_call *call, struct err *err)
{
	struct migration *m = migration_of(call->ctx, err);
	struct migrate_wish wish = { 0 };
	int r = qmp_check_ms(call, "downtime-ms", err);

	if (r == 0)
		r = qmp_check_ms(call, "timeout-ms", err);
	if (r == 0)
		r = qmp_check_level(call, "compress", err);
	if (r < 0)
		return r;
	if (!m)
		return err->code;
	wish.downtime = (uint64_t)qmp_arg_int(call, "downtime-ms",
					      MIGRATION_DOWNTIME_MS) *
			NS_PER_MS;
	wish.timeout = (uint64_t)qmp_arg_int(call, "timeout-ms", 0) * NS_PER_MS;
	wish.bandwidth = qmp_arg_size(call, "bandwidth", 0);
	wish.pause = qmp_arg_bool(call, "then-pause", false);
	wish.compress = (int)qmp_arg_int(call, "compress", 0);
	wish.postcopy = qmp_arg_bool(call, "postcopy", false);
	if (qmp_arg_bool(call, "resume", false))
		return resume_migration(m, qmp_arg_string(call, "uri", ""),
					err);
	r = migration_begin(m, qmp_arg_string(call, "uri", ""), wish,
			    qmp_arg_bool(call, "stop", false), err);
	if (r == 0)
		migration_slow_begin(m, qmp_arg_bool(call, "converge", false));
	return r == 0 && wish.postcopy ? migrate_job_switch(m->job, err) : r;
}

int command_migrate_start_postcopy(struct qmp_call *call, struct err *err)
{
	const struct control *control = call->ctx;

	if (!control->migration || !control->migration->job)
		return err_set(err, -EINVAL, "no migration is under way");
	return migrate_job_switch(control->migration->job, err);
}

/* As in QEMU, none under way is no error. */
int command_migrate_cancel(struct qmp_call *call, struct err *err)
{
	const struct control *control = call->ctx;

	(void)err;
	if (control->migration && control->migration->job)
		migrate_job_stop(control->migration->job);
	return 0;
}

int command_query_migrate(struct qmp_call *call, struct err *err)
{
	const struct control *control = call->ctx;

	(void)err;
	call->ret = control->migration ? migration_describe(control->migration)
				       : json_object();
	return 0;
}

bool migrate_commands_hold(const struct control *control)
{
	return control->migration && control->migration->holds;
}

int migrate_commands_check_save(const struct control *control, struct err *err)
{
	const struct migration *m = control->migration;

	if (!control->machine->moved)
		return 0;
	if (!m || m->last.state != MIGRATE_LOST)
		return control_check_here(control, err);
	return migrate_files_check_yielded(&m->files, err);
}

void migrate_commands_settle(struct control *control)
{
	struct migration *m = control->migration;

	if (!m || !m->job || migrate_job_settle(m->job, SETTLE_NS))
		return;
	log_warn("the host's storage, or a command, does not answer: the "
		 "migration is left to the end of the process");
	/* Its thread may still use all of it. */
	control->machine->abandoned = true;
}

void migrate_commands_end(struct control *control)
{
	struct migration *m = control->migration;

	control->migration = NULL;
	/* One that was not settled is still used. */
	if (m && !m->job)
		free(m);
}
