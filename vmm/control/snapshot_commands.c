/* vmm/control/snapshot_commands.c - snapshots of the running guest. */
#include "vmm/control/snapshot_commands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "devices/virtio/blk.h"
#include "vmm/control/control.h"
#include "vmm/control/migrate_commands.h"
#include "vmm/control/qmp.h"
#include "vmm/control/saved.h"
#include "vmm/control/server.h"
#include "vmm/machine/machine.h"
#include "vmm/snapshot/chain.h"
#include "vmm/snapshot/create.h"
#include "vmm/snapshot/directory.h"
#include "vmm/snapshot/disks.h"

#define DOWNTIME_MS 50 /* unless the client says otherwise */
#define TIMEOUT_MS 10000

/* How long a guest that ends waits for a disk that a snapshot is written to. */
#define SETTLE_NS (30 * NS_PER_SECOND)

/* The snapshots from a full one up to the last one, each a diff on the one
 * before. */
struct snapshot_line {
	char id[SNAPSHOT_MAX_CHAIN][SNAPSHOT_ID_SIZE];
	size_t count;
};

/* A guest's snapshots, from the first one on. */
struct snapshots {
	struct control *control; /* borrowed; its member is this */
	/* What has changed since the last one; owned; NULL: there is none that
	 * a diff could go on top of, and the two below mean nothing. */
	struct dirty_reader *since;
	/* The same of its disks; owned; NULL: it refers to all of them. */
	struct disk_copies *disks;
	struct snapshot_line line; /* the last one, and what it stands on */
	char *last_path; /* owned; where the last one is */

	/* The one under way, if @job. */
	struct snapshot_job *job; /* owned */
	struct dirty_reader *full; /* owned; of a full one: it begins a new
				      line; NULL: a diff, by @since */
	struct disk_copies *full_disks; /* owned; beside @full; NULL: none */
	struct snapshot_about about; /* owned */
	char *path; /* owned */
	bool stops; /* the guest ends with it */
	bool stays; /* so it is still held, though all was copied */
};

static struct snapshots *snapshots_of(struct control *control)
{
	if (control->snapshots)
		return control->snapshots;
	control->snapshots = calloc(1, sizeof(*control->snapshots));
	if (control->snapshots)
		control->snapshots->control = control;
	return control->snapshots;
}

static struct disk_copies *free_copies(struct disk_copies *copies)
{
	if (copies)
		disk_copies_finish(copies);
	free(copies);
	return NULL;
}

static int hold_snapshot_guest(void *ctx, struct state *state, struct err *err)
{
	struct snapshots *s = ctx;
	struct control *control = s->control;
	const struct disk_copies *disks = s->full ? s->full_disks : s->disks;
	int r = saved_hold(control, state, err);

	if (r < 0)
		return r;
	r = snapshot_disks_note(&s->about, control->machine, disks, err);
	if (r == 0 && disks)
		r = disk_copies_check(disks, err);
	if (r < 0)
		control_release(control);
	return r;
}

/* With @stops, the guest does not run on, unless the snapshot fails. */
static void release_snapshot_guest(void *ctx)
{
	struct snapshots *s = ctx;

	s->stays = s->stops;
	if (!s->stays)
		control_release(s->control);
}

static int drop_memory(void *ctx, struct page_copy *copy, struct err *err)
{
	const struct snapshots *s = ctx;

	return saved_drop(s->control, copy, err);
}

static json_t *describe_result(const struct snapshots *s,
			       const struct snapshot_result *result)
{
	json_t *data = json_pack("{s:o}", "path", qmp_string(s->path));

	if (result->code < 0) {
		qmp_add(&data, "error", qmp_string(result->err.msg));
		return data;
	}
	qmp_add(&data, "id", json_string(s->about.id));
	qmp_add(&data, "pages", qmp_number(result->pages.state[IMAGE_DATA]));
	qmp_add(&data, "zero-pages",
		qmp_number(result->pages.state[IMAGE_ZERO]));
	qmp_add(&data, "given-up-pages",
		qmp_number(result->pages.state[IMAGE_GONE]));
	qmp_add(&data, "bytes", qmp_number(result->bytes));
	qmp_add(&data, "passes", qmp_number(result->passes));
	qmp_add(&data, "held-us", qmp_number(result->held / 1000));
	return data;
}

/* The snapshot is there: the next diff goes on top of it. */
static void note_last(struct snapshots *s)
{
	struct snapshot_line *line = &s->line;

	free(s->last_path);
	s->last_path = TAKE_PTR(s->path);
	if (s->full) {
		(void)dirty_reader_remove(s->since);
		s->since = TAKE_PTR(s->full);
		(void)free_copies(s->disks);
		s->disks = TAKE_PTR(s->full_disks);
		line->count = 0;
	}
	memcpy(line->id[line->count++], s->about.id, SNAPSHOT_ID_SIZE);
}

static void drop_full(struct snapshots *s)
{
	s->full = dirty_reader_remove(s->full);
	s->full_disks = free_copies(s->full_disks);
}

/* A full one that failed leaves the line as it was. What the reader has told to
 * a diff is lost; so may be what the logs of disks have, before it. */
static void note_failure(struct snapshots *s, bool told)
{
	const bool diff = !s->full;

	drop_full(s);
	if (!diff || (!told && !s->disks))
		return;
	s->since = dirty_reader_remove(s->since);
	s->disks = free_copies(s->disks);
}

static void end_snapshot(void *ctx)
{
	struct snapshots *s = ctx;
	struct control *control = s->control;
	const struct snapshot_result *result = snapshot_job_result(s->job);
	const bool there = result->code == 0;

	qmp_server_event(control->server, "X_VMM_SNAPSHOT",
			 describe_result(s, result));
	if (there)
		note_last(s);
	else
		note_failure(s, result->passes > 0);
	/* A guest that ends with its snapshot stays as it is until its VM goes.
	 */
	if (s->stays && there) {
		control->asked_quit = true;
		machine_end(control->machine, OUTCOME_QUIT);
	} else if (s->stays) {
		control_release(control);
	}
	s->stays = false;
	s->job = snapshot_job_free(s->job);
	control->busy = NULL;
	snapshot_about_finish(&s->about);
	free(s->path);
	s->path = NULL;
}

static int no_memory(struct err *err)
{
	return err_set(err, -ENOMEM, "snapshot: out of memory");
}

static const char *last_id(const struct snapshots *s)
{
	return s->line.id[s->line.count - 1];
}

/* What vm.json is to say. */
static int make_about(struct snapshots *s, const char *parent, struct err *err)
{
	struct snapshot_about *about = &s->about;
	const int r = saved_about(s->control, about, err);

	if (r < 0)
		return r;
	if (parent) {
		about->parent = strdup(parent);
		memcpy(about->parent_id, last_id(s), SNAPSHOT_ID_SIZE);
	}
	if (parent && !about->parent)
		return no_memory(err);
	return snapshot_about_check(about, err);
}

/* Reads the identity of the snapshot in the folder at @path. */
static int read_id(const char *path, char ret[SNAPSHOT_ID_SIZE],
		   struct err *err)
{
	struct snapshot_about about = { 0 };
	const int fd = snapshot_dir_open(path, err);
	int r;

	if (fd < 0)
		return fd;
	r = snapshot_about_read(&about, fd, NULL, err);
	(void)close(fd);
	if (r < 0)
		return err_wrap(err, "%s", path);
	memcpy(ret, about.id, SNAPSHOT_ID_SIZE);
	snapshot_about_finish(&about);
	return 0;
}

/* True if the folder at @path is one that a diff now would stand on. */
static bool is_in_line(const struct snapshots *s, const char *path)
{
	char id[SNAPSHOT_ID_SIZE];
	struct err unused = { 0 };

	if (read_id(path, id, &unused) < 0)
		return false;
	for (size_t i = 0; i < s->line.count; i++)
		if (strcmp(s->line.id[i], id) == 0)
			return true;
	return false;
}

/* A diff goes on top of this very guest's last snapshot. */
static int check_parent(const struct snapshots *s, const char *parent,
			const char *path, struct err *err)
{
	char id[SNAPSHOT_ID_SIZE];
	int r;

	if (!s->since)
		return err_set(err, -ENOENT,
			       "%s: this guest has made no snapshot that a "
			       "diff could go on top of; make a full one",
			       parent);
	r = read_id(parent, id, err);
	if (r < 0)
		return r;
	if (strcmp(id, last_id(s)) != 0)
		return err_set(
			err, -EINVAL,
			"%s: is not this guest's last snapshot, which is "
			"%s",
			parent, s->last_path);
	if (s->line.count == SNAPSHOT_MAX_CHAIN)
		return err_set(err, -ELOOP,
			       "%s: stands on %d snapshots, which is the most; "
			       "make a full one",
			       parent, SNAPSHOT_MAX_CHAIN - 1);
	if (is_in_line(s, path))
		return err_set(err, -EINVAL,
			       "%s: a diff cannot replace what it stands on",
			       path);
	return 0;
}

static int log_disks(const struct machine *machine, bool all,
		     struct disk_copies **ret, struct err *err)
{
	struct disk_copies *copies = calloc(1, sizeof(*copies));
	int r;

	if (!copies)
		return no_memory(err);
	r = snapshot_disks_log(copies, machine, all, err);
	if (r < 0)
		(void)free_copies(copies);
	else
		*ret = copies;
	return r;
}

/* A diff holds the disks that its parent holds. */
static int check_parent_disks(const struct snapshots *s, bool copy,
			      const char *parent, struct err *err)
{
	if (copy && !s->disks)
		return err_set(err, -EINVAL,
			       "%s: refers to the disks, and so does a diff on "
			       "top of it; make a full one with --disks copy",
			       parent);
	if (!copy && s->disks)
		return err_set(err, -EINVAL,
			       "%s: holds copies of the disks, and so does a "
			       "diff on top of it: --disks copy",
			       parent);
	return copy ? disk_copies_check(s->disks, err) : 0;
}

/* True if disks are to be copied, and there are some. */
static bool wants_copies(const struct machine *machine,
			 const struct qmp_call *call)
{
	bool any = false;

	for (size_t i = 0; i < machine->disks; i++)
		any = any || !virtio_blk_disk(machine->disk[i])->ro;
	return any &&
	       strcmp(qmp_arg_string(call, "disks", "refer"), "copy") == 0;
}

static int start_snapshot(struct snapshots *s, const struct qmp_call *call,
			  struct err *err)
{
	struct machine *machine = s->control->machine;
	const struct snapshot_source source = {
		.loop = machine->loop,
		.map = &machine->mem,
		.hold = hold_snapshot_guest,
		.drop = drop_memory,
		.release = release_snapshot_guest,
		.done = end_snapshot,
		.ctx = s,
	};
	const struct snapshot_wish wish = {
		.path = s->path,
		.about = &s->about,
		.disks = s->full ? s->full_disks : s->disks,
		.paused = qmp_arg_bool(call, "paused", false),
		.downtime = (uint64_t)qmp_arg_int(call, "downtime-ms",
						  DOWNTIME_MS) *
			    NS_PER_MS,
		.timeout = (uint64_t)qmp_arg_int(call, "timeout-ms",
						 TIMEOUT_MS) *
			   NS_PER_MS,
		.give_up = qmp_arg_bool(call, "give-up", false),
		.level = (int)qmp_arg_int(call, "compress", 0),
	};

	return snapshot_job_new(&s->job, &source, &wish,
				s->full ? s->full : s->since, err);
}

static int begin_snapshot(struct snapshots *s, const struct qmp_call *call,
			  const char *parent, struct err *err)
{
	struct machine *machine = s->control->machine;
	const bool copy = wants_copies(machine, call);
	int r = 0;

	if (!copy)
		r = snapshot_disks_can_refer(machine->config, err);
	if (r == 0 && parent)
		r = check_parent_disks(s, copy, parent, err);
	if (r == 0)
		r = make_about(s, parent, err);
	if (r == 0 && !parent)
		r = dirty_reader_add(&machine->dirty, DIRTY_ALL, &s->full, err);
	if (r == 0 && !parent && copy)
		r = log_disks(machine, true, &s->full_disks, err);
	if (r == 0)
		r = start_snapshot(s, call, err);
	if (r < 0)
		drop_full(s);
	return r;
}

static int check_disks_word(const struct qmp_call *call, struct err *err)
{
	const char *word = qmp_arg_string(call, "disks", "refer");

	if (strcmp(word, "refer") == 0 || strcmp(word, "copy") == 0)
		return 0;
	return err_set(err, -EINVAL,
		       "Parameter 'disks' expects 'refer' or 'copy'");
}

int command_x_vmm_snapshot(struct qmp_call *call, struct err *err)
{
	struct control *control = call->ctx;
	struct snapshots *s = snapshots_of(control);
	const char *path = qmp_arg_string(call, "path", "");
	const char *parent = qmp_arg_string(call, "parent", NULL);
	int r;

	if (!s)
		return no_memory(err);
	if (control->busy)
		return err_set(err, -EBUSY, "%s is under way", control->busy);
	r = migrate_commands_check_save(control, err);
	if (r == 0)
		r = qmp_check_ms(call, "downtime-ms", err);
	if (r == 0)
		r = qmp_check_ms(call, "timeout-ms", err);
	if (r == 0)
		r = check_disks_word(call, err);
	if (r == 0)
		r = qmp_check_level(call, "compress", err);
	if (r == 0 && parent)
		r = check_parent(s, parent, path, err);
	if (r < 0)
		return r;
	s->stops = qmp_arg_bool(call, "stop", false);
	s->path = strdup(path);
	r = s->path ? begin_snapshot(s, call, parent, err) : no_memory(err);
	if (r == 0) {
		control->busy = "a snapshot";
	} else {
		snapshot_about_finish(&s->about);
		free(s->path);
		s->path = NULL;
	}
	return r;
}

int command_x_vmm_snapshot_cancel(struct qmp_call *call, struct err *err)
{
	const struct control *control = call->ctx;

	if (!control->snapshots || !control->snapshots->job)
		return err_set(err, -ENOENT, "no snapshot is under way");
	snapshot_job_stop(control->snapshots->job);
	return 0;
}

static bool holds_disks(const struct snapshot_about *about)
{
	for (size_t i = 0; i < about->disks; i++)
		if (about->disk[i].copied)
			return true;
	return false;
}

int snapshot_commands_restored(struct control *control,
			       const struct snapshot_chain *from,
			       struct dirty_reader *since, struct err *err)
{
	struct snapshots *s = snapshots_of(control);
	char *path = strdup(from->full_path);

	if (!s || !path) {
		free(path);
		(void)dirty_reader_remove(since);
		return no_memory(err);
	}
	s->since = since;
	if (holds_disks(&from->about)) {
		const int r = log_disks(control->machine, false, &s->disks,
					err);

		if (r < 0) {
			free(path);
			return r;
		}
	}
	s->last_path = path;
	s->line.count = from->memory.count;
	memcpy(s->line.id, from->id, sizeof(s->line.id));
	return 0;
}

void snapshot_commands_settle(struct control *control)
{
	struct snapshots *s = control->snapshots;

	if (!s || !s->job)
		return;
	/* One that the guest is to end with decides what comes next. */
	if (snapshot_job_settle(s->job, s->stops, SETTLE_NS))
		return;
	control->held -= s->stays;
	s->stays = false;
}

void snapshot_commands_end(struct control *control)
{
	struct snapshots *s = control->snapshots;

	if (!s)
		return;
	control->snapshots = NULL;
	if (s->job && !snapshot_job_settle(s->job, true, SETTLE_NS)) {
		log_warn("%s: the host's storage does not answer: the snapshot "
			 "is left to the end of the process",
			 s->path);
		/* The thread may still use all of it. */
		control->machine->abandoned = true;
		return;
	}
	s->since = dirty_reader_remove(s->since);
	s->disks = free_copies(s->disks);
	free(s->last_path);
	free(s);
}
