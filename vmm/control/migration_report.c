/* vmm/control/migration_report.c - tells clients how a migration goes. */
#include "vmm/control/migration.h"

#include "base/clock.h"
#include "mem/image_state.h"
#include "vmm/control/control.h"
#include "vmm/control/qmp.h"
#include "vmm/control/server.h"

static void get_progress(struct migration *m, struct migrate_progress *ret)
{
	if (m->job)
		migrate_job_progress(m->job, ret);
	else
		*ret = m->last;
}

/* Source: QEMU, qapi/migration.json, MigrationStatus. */
const char *migration_status_word(enum migrate_state state)
{
	static const char *const words[] = {
		[MIGRATE_SETUP] = "setup",
		[MIGRATE_ACTIVE] = "active",
		[MIGRATE_DEVICE] = "device",
		[MIGRATE_POSTCOPY] = "postcopy-active",
		[MIGRATE_POSTCOPY_PAUSED] = "postcopy-paused",
		[MIGRATE_POSTCOPY_RECOVER] = "postcopy-recover",
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

json_t *migration_describe(struct migration *m)
{
	struct migrate_progress p;
	json_t *data;

	if (!m->began)
		return m->arrival ? json_pack("{s:s}", "status", m->arrival)
				  : json_object();
	get_progress(m, &p);
	data = json_pack("{s:s}", "status", migration_status_word(p.state));
	qmp_add(&data, "total-time", qmp_number(p.took / NS_PER_MS));
	qmp_add(&data, "setup-time", qmp_number(p.setup / NS_PER_MS));
	qmp_add(&data, "ram", describe_ram(&p));
	if (migration_slow_percent(m) > 0)
		qmp_add(&data, "cpu-throttle-percentage",
			qmp_number(migration_slow_percent(m)));
	if (p.state < MIGRATE_COMPLETED)
		qmp_add(&data, "expected-downtime",
			qmp_number(p.rates.pause / NS_PER_MS));
	else
		qmp_add(&data, "downtime", qmp_number(p.held / NS_PER_MS));
	if (p.state == MIGRATE_POSTCOPY_PAUSED)
		qmp_add(&data, "error-desc", qmp_string(p.broke.msg));
	if (p.state == MIGRATE_FAILED || p.state == MIGRATE_LOST)
		qmp_add(&data, "error-desc", qmp_string(m->err.msg));
	return data;
}

/* For the command that waits: how far it is, or what has become of it. */
void migration_report(struct migration *m, bool passed)
{
	struct qmp_server *server = m->control->server;
	struct migrate_progress p;
	json_t *data;

	if (!qmp_server_heard(server))
		return;
	get_progress(m, &p);
	data = migration_describe(m);
	qmp_add(&data, "downtime-us", qmp_number(p.held / 1000));
	qmp_add(&data, "dirty-rate", qmp_number(p.rates.dirty_rate));
	qmp_add(&data, "rate", qmp_number(p.rate));
	qmp_add(&data, "pass-end", json_boolean(passed));
	qmp_add(&data, "lost", json_boolean(p.state == MIGRATE_LOST));
	qmp_server_event(server, "X_VMM_MIGRATE", data);
}

void migration_tell_status(struct migration *m, enum migrate_state state)
{
	if (m->told == state)
		return;
	m->told = state;
	if (m->events)
		qmp_server_event(m->control->server, "MIGRATION",
				 json_pack("{s:s}", "status",
					   migration_status_word(state)));
}

void migration_moved(void *ctx)
{
	struct migration *m = ctx;
	struct migrate_progress p;
	bool passed;

	migrate_job_progress(m->job, &p);
	migration_tell_status(m, p.state);
	passed = p.rates.ended != m->passes;
	if (m->events && passed)
		qmp_server_event(
			m->control->server, "MIGRATION_PASS",
			json_pack("{s:i}", "pass", (int)p.rates.ended));
	m->passes = p.rates.ended;
	if (passed)
		migration_slow_guest(m, &p);
	migration_report(m, passed);
}
