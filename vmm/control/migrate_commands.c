/* vmm/control/migrate_commands.c - sends the running guest to another vmm. */
#include "vmm/control/migrate_commands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arch/arch.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "vmm/control/control.h"
#include "vmm/control/qmp.h"
#include "vmm/control/saved.h"
#include "vmm/control/server.h"
#include "vmm/machine/machine.h"
#include "vmm/migrate/source.h"
#include "vmm/snapshot/about.h"

/* What QEMU begins with. */
#define DOWNTIME_MS 300
#define BANDWIDTH (UINT64_C(128) << 20)
#define REPORT_NS (500 * NS_PER_MS)

/* A guest's migrations, from the first one on. */
struct migration {
	struct control *control; /* borrowed; its member is this */
	uint64_t downtime; /* in ns; of the next one, and the one under way */
	uint64_t bandwidth; /* bytes in a second; 0: all there is */
	bool events; /* a client wants MIGRATION and MIGRATION_PASS */

	/* The last one, or the one under way, if @job. */
	struct migrate_job *job; /* owned */
	struct dirty_reader *reader; /* owned */
	struct migrate_uri uri; /* owned */
	char *about; /* owned */
	struct migrate_place place;
	struct migrate_files files;
	struct migrate_regions regions;
	bool began; /* there has been one */
	bool holds; /* the guest */
	bool paused; /* what the target was told: a client had paused it */
	bool ends; /* the process does with it */
	unsigned passes; /* that clients were told of */
	enum migrate_state told; /* to clients */
	struct migrate_progress last; /* when it ended */
	struct err err; /* why it failed */
	struct loop_timer report; /* on the loop if it has a callback */
};

static struct migration *migration_of(struct control *control)
{
	struct migration *m = control->migration;

	if (m)
		return m;
	m = calloc(1, sizeof(*m));
	if (m) {
		m->control = control;
		m->downtime = DOWNTIME_MS * NS_PER_MS;
		m->bandwidth = BANDWIDTH;
	}
	control->migration = m;
	return m;
}

static int lack_memory(struct err *err)
{
	return err_set(err, -ENOMEM, "migration: out of memory");
}

static void get_progress(struct migration *m, struct migrate_progress *ret)
{
	if (m->job)
		migrate_job_progress(m->job, ret);
	else
		*ret = m->last;
}

/* Source: QEMU, qapi/migration.json, MigrationStatus. */
static const char *status_word(enum migrate_state state)
{
	static const char *const words[] = {
		[MIGRATE_SETUP] = "setup",
		[MIGRATE_ACTIVE] = "active",
		[MIGRATE_DEVICE] = "device",
		[MIGRATE_CANCELLING] = "cancelling",
		[MIGRATE_COMPLETED] = "completed",
		[MIGRATE_CANCELLED] = "cancelled",
		[MIGRATE_FAILED] = "failed",
		/* As after a failure whose outcome the user has to see to. */
		[MIGRATE_LOST] = "failed",
	};

	return words[state];
}

/* Source: QEMU, qapi/migration.json, MigrationRAMInfo. Its members are never
 * left out. */
static json_t *describe_ram(const struct migrate_progress *p)
{
	static const char *const nones[] = {
		"multifd-bytes",
		"downtime-bytes",
		"postcopy-bytes",
		"postcopy-requests",
		"dirty-sync-missed-zero-copy",
	};
	const double mbps = (double)p->rate * 8 / 1e6;
	json_t *ram = json_object();

	qmp_add(&ram, "transferred", qmp_number(p->sent));
	qmp_add(&ram, "remaining", qmp_number(p->rates.left));
	qmp_add(&ram, "total", qmp_number(p->total));
	qmp_add(&ram, "duplicate", qmp_number(p->zero_pages));
	qmp_add(&ram, "normal", qmp_number(p->pages));
	qmp_add(&ram, "normal-bytes", qmp_number(p->pages * IMAGE_PAGE));
	qmp_add(&ram, "dirty-pages-rate",
		qmp_number(p->rates.dirty_rate / IMAGE_PAGE));
	qmp_add(&ram, "mbps", json_real(mbps));
	qmp_add(&ram, "dirty-sync-count", qmp_number(p->rates.passes));
	qmp_add(&ram, "page-size", qmp_number(IMAGE_PAGE));
	qmp_add(&ram, "pages-per-second", qmp_number(p->rate / IMAGE_PAGE));
	qmp_add(&ram, "precopy-bytes", qmp_number(p->sent));
	/* Of what there is not here. */
	for (size_t i = 0; i < sizeof(nones) / sizeof(*nones); i++)
		qmp_add(&ram, nones[i], qmp_number(0));
	return ram;
}

static json_t *describe_migration(struct migration *m)
{
	struct migrate_progress p;
	json_t *data;

	if (!m->began)
		return json_object();
	get_progress(m, &p);
	data = json_pack("{s:s}", "status", status_word(p.state));
	qmp_add(&data, "total-time", qmp_number(p.took / NS_PER_MS));
	qmp_add(&data, "setup-time", qmp_number(p.setup / NS_PER_MS));
	qmp_add(&data, "ram", describe_ram(&p));
	if (p.state < MIGRATE_COMPLETED)
		qmp_add(&data, "expected-downtime",
			qmp_number(p.rates.pause / NS_PER_MS));
	else
		qmp_add(&data, "downtime", qmp_number(p.held / NS_PER_MS));
	if (p.state == MIGRATE_FAILED || p.state == MIGRATE_LOST)
		qmp_add(&data, "error-desc", qmp_string(m->err.msg));
	return data;
}

/* For the command that waits: how far it is, or what has become of it. */
static void report_migration(struct migration *m, bool passed)
{
	struct qmp_server *server = m->control->server;
	struct migrate_progress p;
	json_t *data;

	if (!qmp_server_heard(server))
		return;
	get_progress(m, &p);
	data = describe_migration(m);
	qmp_add(&data, "downtime-us", qmp_number(p.held / 1000));
	qmp_add(&data, "dirty-rate", qmp_number(p.rates.dirty_rate));
	qmp_add(&data, "rate", qmp_number(p.rate));
	qmp_add(&data, "pass-end", json_boolean(passed));
	qmp_add(&data, "lost", json_boolean(p.state == MIGRATE_LOST));
	qmp_server_event(server, "X_VMM_MIGRATE", data);
}

static void report_due(struct loop_timer *timer)
{
	struct migration *m = container_of(timer, struct migration, report);

	report_migration(m, false);
	loop_timer_set(timer, REPORT_NS);
}

static void tell_status(struct migration *m, enum migrate_state state)
{
	if (m->told == state)
		return;
	m->told = state;
	if (m->events)
		qmp_server_event(
			m->control->server, "MIGRATION",
			json_pack("{s:s}", "status", status_word(state)));
}

static void migration_moved(void *ctx)
{
	struct migration *m = ctx;
	struct migrate_progress p;
	bool passed;

	migrate_job_progress(m->job, &p);
	tell_status(m, p.state);
	passed = p.rates.ended != m->passes;
	if (m->events && passed)
		qmp_server_event(
			m->control->server, "MIGRATION_PASS",
			json_pack("{s:i}", "pass", (int)p.rates.ended));
	m->passes = p.rates.ended;
	report_migration(m, passed);
}

static int hold_moving_guest(void *ctx, struct state *state, bool *ret_paused,
			     struct err *err)
{
	struct migration *m = ctx;
	const int r = saved_hold(m->control, state, err);

	m->holds = r == 0;
	m->paused = *ret_paused = m->control->paused;
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

/* What a user is to do who has lost sight of the guest. */
/* Its name may be the target's by now, and then it runs there. */
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

	migrate_job_progress(m->job, &m->last);
	m->err = migrate_job_result(m->job)->err;
	if (!control->machine->moved)
		migrate_files_unshare(&m->files);
	m->holds = false;
	if (m->last.state == MIGRATE_LOST)
		explain_loss(m);
	forget_migration(m);
	control->busy = NULL;
	tell_status(m, m->last.state);
	report_migration(m, false);
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

static void list_moved_regions(struct migration *m)
{
	const struct machine *machine = m->control->machine;
	gpa_t out[CONFIG_MAX_FLASHES] = { 0 };

	for (size_t i = 0; i < machine->flashes.count; i++)
		out[i] = machine->flashes.flash[i].at.start;
	migrate_regions_init(&m->regions, &machine->mem, out,
			     machine->flashes.count);
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
		r = arch_check_snapshot(machine, err);
	if (r == 0)
		r = migrate_files_of(&m->files, machine, err);
	if (r == 0)
		r = make_about_text(m, err);
	if (r == 0)
		r = start_report(m, err);
	list_moved_regions(m);
	m->place = (struct migrate_place){ 0 };
	if (sock->fd >= 0)
		migrate_place_here(&m->place, sock->dev, sock->ino);
	return r;
}

/* @wish: all but what this fills in. @ends: as in struct migration */
static int begin_migration(struct migration *m, const char *uri,
			   struct migrate_wish wish, bool ends, struct err *err)
{
	struct control *control = m->control;
	int r;

	if (control->machine->moved)
		return err_set(err, -EPERM,
			       "the guest has moved to another process");
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
	tell_status(m, MIGRATE_SETUP);
	return 0;
}

int command_migrate(struct qmp_call *call, struct err *err)
{
	struct migration *m = migration_of(call->ctx);

	if (!m)
		return lack_memory(err);
	return begin_migration(m, qmp_arg_string(call, "uri", ""),
			       (struct migrate_wish){
				       .downtime = m->downtime,
				       .bandwidth = m->bandwidth,
			       },
			       false, err);
}

int command_x_vmm_migrate(struct qmp_call *call, struct err *err)
{
	struct migration *m = migration_of(call->ctx);
	struct migrate_wish wish = { 0 };
	int r = qmp_check_ms(call, "downtime-ms", err);

	if (r == 0)
		r = qmp_check_ms(call, "timeout-ms", err);
	if (r < 0)
		return r;
	if (!m)
		return lack_memory(err);
	wish.downtime = (uint64_t)qmp_arg_int(call, "downtime-ms",
					      DOWNTIME_MS) *
			NS_PER_MS;
	wish.timeout = (uint64_t)qmp_arg_int(call, "timeout-ms", 0) * NS_PER_MS;
	wish.bandwidth = qmp_arg_size(call, "bandwidth", 0);
	wish.pause = qmp_arg_bool(call, "then-pause", false);
	return begin_migration(m, qmp_arg_string(call, "uri", ""), wish,
			       qmp_arg_bool(call, "stop", false), err);
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
	call->ret = control->migration ? describe_migration(control->migration)
				       : json_object();
	return 0;
}

int command_migrate_set_parameters(struct qmp_call *call, struct err *err)
{
	struct migration *m = migration_of(call->ctx);
	const bool downtime = json_object_get(call->args, "downtime-limit");
	const bool bandwidth = json_object_get(call->args, "max-bandwidth");
	const int r = qmp_check_ms(call, "downtime-limit", err);

	if (r < 0)
		return r;
	if (!m)
		return lack_memory(err);
	if (downtime)
		m->downtime = (uint64_t)qmp_arg_int(call, "downtime-limit",
						    DOWNTIME_MS) *
			      NS_PER_MS;
	m->bandwidth = qmp_arg_size(call, "max-bandwidth", m->bandwidth);
	/* The one under way may have been given others of its own. */
	if (m->job)
		migrate_job_limit(m->job, downtime ? &m->downtime : NULL,
				  bandwidth ? &m->bandwidth : NULL);
	return 0;
}

int command_query_migrate_parameters(struct qmp_call *call, struct err *err)
{
	const struct migration *m = migration_of(call->ctx);

	if (!m)
		return lack_memory(err);
	call->ret = json_pack("{s:o, s:o}", "downtime-limit",
			      qmp_number(m->downtime / NS_PER_MS),
			      "max-bandwidth", qmp_number(m->bandwidth));
	return 0;
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
	if (strcmp(name, "events") == 0) {
		m->events = json_is_true(state);
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
	struct migration *m = migration_of(call->ctx);
	const json_t *list = json_object_get(call->args, "capabilities");
	int r = m ? 0 : lack_memory(err);

	for (size_t i = 0; r == 0 && i < json_array_size(list); i++)
		r = set_capability(m, json_array_get(list, i), err);
	return r;
}

int command_query_migrate_capabilities(struct qmp_call *call, struct err *err)
{
	const struct control *control = call->ctx;
	const bool events = control->migration && control->migration->events;

	(void)err;
	call->ret = json_pack("[{s:s, s:b}]", "capability", "events", "state",
			      events);
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
		return err_set(err, -EPERM,
			       "the guest has moved to another process");
	return migrate_files_check_yielded(&m->files, err);
}

void migrate_commands_settle(struct control *control)
{
	if (control->migration && control->migration->job)
		migrate_job_cancel(control->migration->job);
}

void migrate_commands_end(struct control *control)
{
	free(control->migration);
	control->migration = NULL;
}
