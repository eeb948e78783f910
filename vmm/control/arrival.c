/* vmm/control/arrival.c - waits for a guest that another vmm sends. */
#include "vmm/control/arrival.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "arch/arch.h"
#include "base/cleanup.h"
#include "base/event_fd.h"
#include "base/loop_worker.h"
#include "vmm/config_same.h"
#include "vmm/config_words.h"
#include "vmm/control/control.h"
#include "vmm/control/migration.h"
#include "vmm/control/qmp.h"
#include "vmm/control/server.h"
#include "vmm/machine/machine.h"
#include "vmm/migrate/target.h"
#include "vmm/migrate/uri.h"

struct arrival {
	struct control *control; /* borrowed */
	struct migrate_target *target; /* borrowed; the thread's, if there is
					  one */
	struct migrate_uri uri; /* owned */
	struct migrate_door door;
	struct loop_worker *worker; /* owned; NULL: nobody may come yet */
	int stop; /* owned eventfd: the thread is to end */
	bool over; /* the thread has ended */
	int code; /* why; the thread's until then */
	struct err err;
};

static struct arrival *arrival_free(struct arrival *arrival)
{
	if (!arrival)
		return NULL;
	arrival->worker = loop_worker_free(arrival->worker);
	migrate_door_close(&arrival->door);
	migrate_uri_finish(&arrival->uri);
	fd_closep(&arrival->stop);
	free(arrival);
	return NULL;
}

static int arrival_new(struct arrival **ret, struct control *control,
		       struct migrate_target *target, struct err *err)
{
	struct arrival *arrival = calloc(1, sizeof(*arrival));

	if (!arrival)
		return err_set(err, -ENOMEM, "--incoming: out of memory");
	arrival->control = control;
	arrival->target = target;
	arrival->door.fd = -1;
	arrival->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (arrival->stop < 0) {
		(void)err_sys(err, "eventfd");
		(void)arrival_free(arrival);
		return err->code;
	}
	*ret = arrival;
	return 0;
}

static void tell_arrival(struct arrival *arrival, enum migrate_state state)
{
	struct control *control = arrival->control;
	struct err unused = { 0 };
	struct migration *m = migration_of(control, &unused);

	if (!m)
		return;
	if (state == MIGRATE_SETUP)
		m->told = MIGRATE_LOST; /* nothing, for now */
	else
		m->arrival = migration_status_word(state);
	migration_tell_status(m, state);
}

static void tell_connected(void *ctx)
{
	tell_arrival(ctx, MIGRATE_ACTIVE);
}

/* Sees that the guest is that of this configuration. */
static int check_configuration(const struct arrival *arrival, struct err *err)
{
	const struct snapshot_about *about = &arrival->target->about;
	struct config come = { 0 };
	int r = config_words_parse(&come, about->word, about->words, err);

	if (r < 0)
		return err_wrap(err, "the guest that comes");
	r = config_same_guest(arrival->control->machine->config, &come, err);
	config_finish(&come);
	return r;
}

static int take_arriving(struct arrival *arrival, struct loop_worker *worker,
			 struct err *err)
{
	struct migrate_target *target = arrival->target;
	struct machine *machine = arrival->control->machine;
	struct channel channel = CHANNEL_NONE;
	int r;

	channel.stop = arrival->stop;
	r = migrate_uri_accept(&arrival->door, &channel, err);
	if (r < 0)
		return r;
	loop_worker_ask(worker, tell_connected);
	r = migrate_target_begin(target, &channel, &arrival->door, arch_name,
				 err);
	if (r == 0)
		r = check_configuration(arrival, err);
	if (r == 0)
		r = migrate_target_memory(target, machine, arch_name,
					  arrival->stop, err);
	return r;
}

static void await_arrival(void *ctx, struct loop_worker *worker)
{
	struct arrival *arrival = ctx;

	arrival->code = take_arriving(arrival, worker, &arrival->err);
}

static void arrival_over(void *ctx)
{
	struct arrival *arrival = ctx;

	arrival->over = true;
	loop_stop(arrival->control->machine->loop);
}

static const struct loop_worker_ops arrival_ops = {
	.work = await_arrival,
	.done = arrival_over,
};

/* Opens the door. If that fails, another URI may do. */
static int open_door(struct arrival *arrival, const char *text, struct err *err)
{
	int r = migrate_uri_parse(&arrival->uri, text, err);

	if (r == 0)
		r = migrate_uri_listen(&arrival->uri, &arrival->door, err);
	if (r == 0)
		r = loop_worker_new(&arrival->worker,
				    arrival->control->machine->loop,
				    &arrival_ops, arrival, err);
	if (r < 0) {
		migrate_door_close(&arrival->door);
		migrate_uri_finish(&arrival->uri);
		return r;
	}
	tell_arrival(arrival, MIGRATE_SETUP);
	return 0;
}

int command_migrate_incoming(struct qmp_call *call, struct err *err)
{
	const struct control *control = call->ctx;
	struct arrival *arrival = control->arrival;

	if (!arrival)
		return err_set(err, -EPERM,
			       "'--incoming' was not specified on the command "
			       "line");
	if (arrival->worker)
		return err_set(err, -EBUSY,
			       "The incoming migration has already been "
			       "started");
	return open_door(arrival, qmp_arg_string(call, "uri", ""), err);
}

static int run_until_here(struct arrival *arrival, struct err *err)
{
	struct machine *machine = arrival->control->machine;
	int r;

	do
		r = loop_run(machine->loop, err);
	while (r == 0 && !arrival->over &&
	       machine_outcome(machine) == OUTCOME_NONE);
	if (r == 0 && !arrival->over)
		r = err_set(err, -ECANCELED, "ended by request");
	if (arrival->worker && !arrival->over) {
		event_fd_signal(arrival->stop);
		loop_worker_settle(arrival->worker);
	}
	if (r == 0 && arrival->code < 0)
		*err = arrival->err;
	return r == 0 ? arrival->code : r;
}

int arrival_wait(struct control *control, struct migrate_target *target,
		 int signals, struct err *err)
{
	const char *await = control->machine->config->await;
	int r = arrival_new(&control->arrival, control, target, err);

	if (r == 0 && strcmp(await, "defer") != 0)
		r = open_door(control->arrival, await, err);
	if (r == 0)
		r = run_until_here(control->arrival, err);
	target->channel.stop = signals;
	if (r < 0) {
		/* It names the arrival's URI. */
		migrate_door_close(&target->door);
		arrival_ends(control, false);
	}
	return r;
}

void arrival_ends(struct control *control, bool here)
{
	if (!control->arrival)
		return;
	tell_arrival(control->arrival,
		     here ? MIGRATE_COMPLETED : MIGRATE_FAILED);
	control->arrival = arrival_free(control->arrival);
	if (here && !control->paused)
		qmp_server_event(control->server, "RESUME", json_null());
}
