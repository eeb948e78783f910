/* vmm/control/migration.c - begins and ends a migration of the running guest.
 */
#include "vmm/control/migration.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "arch/arch.h"
#include "base/clock.h"
#include "vmm/control/control.h"
#include "vmm/control/saved.h"
#include "vmm/control/server.h"
#include "vmm/machine/machine.h"
#include "vmm/snapshot/about.h"

#define REPORT_NS (500 * NS_PER_MS)

struct migration *migration_of(struct control *control, struct err *err)
{
	struct migration *m = control->migration;

	if (m)
		return m;
	m = calloc(1, sizeof(*m));
	if (!m) {
		(void)err_set(err, -ENOMEM, "migration: out of memory");
		return NULL;
	}
	m->control = control;
	m->downtime = MIGRATION_DOWNTIME_MS * NS_PER_MS;
	m->bandwidth = MIGRATION_BANDWIDTH;
	m->slow.most = CONVERGE_MOST;
	control->migration = m;
	return m;
}

static void report_due(struct loop_timer *timer)
{
	struct migration *m = container_of(timer, struct migration, report);

	migration_report(m, false);
	loop_timer_set(timer, REPORT_NS);
}

static int hold_moving_guest(void *ctx, struct state *state, bool *ret_paused,
			     struct err *err)
{
	struct migration *m = ctx;
	int r;

	migration_slow_end(m);
	r = saved_hold(m->control, state, err);
	m->holds = r == 0;
	m->paused = *ret_paused = m->control->paused;
	if (m->holds && !m->paused)
		qmp_server_event(m->control->server, "STOP", json_null());
	return r;
}

static int drop_given_up(void *ctx, struct page_copy *copy, struct err *err)
{
	const struct migration *m = ctx;

	return saved_drop(m->control, copy, err);
}

static void release_moving_guest(void *ctx)
{
	struct migration *m = ctx;

	m->holds = false;
	control_release(m->control);
	if (!m->paused && !m->control->paused)
		qmp_server_event(m->control->server, "RESUME", json_null());
}

/* What was sent has to be what there is: the loop has served clients and timers
 * meanwhile. */
static int give_up_moving_guest(void *ctx, struct err *err)
{
	struct migration *m = ctx;
	struct control *control = m->control;

	if (machine_outcome(control->machine) != OUTCOME_NONE)
		return err_set(err, -ECANCELED, "the guest has ended");
	if (control->paused != m->paused)
		return err_set(err, -ECANCELED,
			       "a client has %s the guest meanwhile",
			       control->paused ? "paused" : "resumed");
	control->machine->moved = true;
	migrate_files_yield(&m->files);
	return 0;
}

/* The target may still have its part; a third that came is warned of. */
static void take_back_guest(void *ctx)
{
	struct migration *m = ctx;

	migrate_files_unshare(&m->files);
	m->control->machine->moved = false;
}

static void forget_migration(struct migration *m)
{
	m->job = migrate_job_free(m->job);
	m->reader = dirty_reader_remove(m->reader);
	migrate_uri_finish(&m->uri);
	free(m->about);
	m->about = NULL;
	if (m->report.expired)
		loop_timer_remove(m->control->machine->loop, &m->report);
	m->report.expired = NULL;
}

/* What a user is to do who has lost sight of the guest. Its name may be the
 * target's by now, and then it runs there. */
static void explain_loss(struct migration *m)
{
	(void)err_wrap(&m->err,
		       "the guest was given to the target, which has not said "
		       "that it runs: see there with 'vmm list'; if it runs, "
		       "end this process with 'kill %d', else save the guest "
		       "with 'vmm snapshot create %s DIR --stop'",
		       (int)getpid(), m->control->name);
}

static void migration_done(void *ctx)
{
	struct migration *m = ctx;
	struct control *control = m->control;

	migration_slow_end(m);
	migrate_job_progress(m->job, &m->last);
	m->err = migrate_job_result(m->job)->err;
	if (!control->machine->moved)
		migrate_files_unshare(&m->files);
	m->holds = false;
	if (m->last.state == MIGRATE_LOST)
		explain_loss(m);
	forget_migration(m);
	control->busy = NULL;
	migration_tell_status(m, m->last.state);
	migration_report(m, false);
	if (m->last.state != MIGRATE_COMPLETED || !m->ends)
		return;
	control->asked_quit = true;
	machine_end(control->machine, OUTCOME_QUIT);
}

static int make_about_text(struct migration *m, struct err *err)
{
	struct snapshot_about about = { 0 };
	int r = saved_about(m->control, &about, err);

	if (r == 0)
		r = snapshot_about_text(&about, &m->about, err);
	snapshot_about_finish(&about);
	return r;
}

static int start_report(struct migration *m, struct err *err)
{
	const int r = loop_timer_add(m->control->machine->loop, &m->report,
				     err);

	if (r < 0)
		return r;
	m->report.expired = report_due;
	loop_timer_set(&m->report, REPORT_NS);
	return 0;
}

static int start_migrate_job(struct migration *m,
			     const struct migrate_wish *wish, struct err *err)
{
	struct machine *machine = m->control->machine;
	const struct migrate_guest guest = {
		.loop = machine->loop,
		.hold = hold_moving_guest,
		.drop = drop_given_up,
		.release = release_moving_guest,
		.give_up = give_up_moving_guest,
		.take_back = take_back_guest,
		.moved = migration_moved,
		.done = migration_done,
		.ctx = m,
	};
	int r = dirty_reader_add(&machine->dirty, DIRTY_ALL, &m->reader, err);

	if (r == 0)
		r = migrate_files_share(&m->files, err);
	if (r < 0)
		return r;
	r = migrate_job_new(&m->job, &guest, wish, m->reader, err);
	if (r < 0)
		migrate_files_unshare(&m->files);
	return r;
}

static int prepare_migration(struct migration *m, const char *uri,
			     struct err *err)
{
	struct machine *machine = m->control->machine;
	const struct control_socket *sock = &m->control->socket;
	int r = migrate_uri_parse(&m->uri, uri, err);

	if (r == 0)
		r = migrate_files_of(&m->files, machine, err);
	if (r == 0)
		r = make_about_text(m, err);
	if (r == 0)
		r = start_report(m, err);
	migrate_regions_of(&m->regions, machine);
	m->place = (struct migrate_place){ 0 };
	if (sock->fd >= 0)
		migrate_place_here(&m->place, sock->dev, sock->ino);
	return r;
}

int migration_begin(struct migration *m, const char *uri,
		    struct migrate_wish wish, bool ends, struct err *err)
{
	struct control *control = m->control;
	int r = control_check_here(control, err);

	if (r < 0)
		return r;
	if (control->busy)
		return err_set(err, -EBUSY, "%s is under way", control->busy);
	m->ends = ends;
	m->passes = 0;
	m->told = MIGRATE_LOST; /* nothing, for now */
	r = prepare_migration(m, uri, err);
	wish.uri = &m->uri;
	wish.arch = arch_name;
	wish.about = m->about;
	wish.place = &m->place;
	wish.files = &m->files;
	wish.regions = &m->regions;
	if (r == 0)
		r = start_migrate_job(m, &wish, err);
	if (r < 0) {
		forget_migration(m);
		return r;
	}
	m->began = true;
	control->busy = "a migration";
	migration_tell_status(m, MIGRATE_SETUP);
	return 0;
}
