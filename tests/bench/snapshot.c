/*
 * tests/bench/snapshot.c - for how long a guest stands still for a snapshot.
 *
 * Usage: vmm-bench-snapshot
 *
 * A guest of so many GiB has changed 57 MiB since its last snapshot; a diff is
 * made while it runs, and so many MiB change before it is held. Prints JSON:
 * microseconds of CPU time of the whole process while the guest is held, the
 * best of five; and the floor: to look for those pages in a bitmap, and to
 * write them to a file. No guest and no KVM is there.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/bench/guest.h"
#include "vmm/snapshot/create.h"

#define GIB (UINT64_C(1) << 30)
#define MIB_PAGES ((UINT64_C(1) << 20) / GUEST_PAGE)
#define CHANGED (57 * MIB_PAGES)
#define ROUNDS 5

struct snapshot_bench {
	struct bench_guest guest;
	struct loop *loop;
	uint64_t rest; /* pages that change before it is held */
	bool paused; /* all while it is held */
	double held_at, held; /* CPU time, in ns */
};

static double cpu_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int hold_bench(void *ctx, struct state *state, struct err *err)
{
	struct snapshot_bench *bench = ctx;

	if (!bench->paused)
		bench_guest_write(&bench->guest, CHANGED, bench->rest);
	state_begin(state, "arm64");
	bench->held_at = cpu_ns();
	return state_end(state, err);
}

static void release_bench(void *ctx)
{
	struct snapshot_bench *bench = ctx;

	bench->held = cpu_ns() - bench->held_at;
}

static void end_bench(void *ctx)
{
	struct snapshot_bench *bench = ctx;

	loop_stop(bench->loop);
}

/* A folder of the bench's, and what is in it, go. */
static void remove_folder(const char *folder)
{
	char command[256];

	(void)snprintf(command, sizeof(command), "rm -rf '%s'", folder);
	if (system(command) != 0)
		exit(1);
}

static void run_snapshot(struct snapshot_bench *bench, const char *path)
{
	static char arm64[] = "arm64", name[] = "bench", parent[] = "..";
	static char *words[] = { NULL };
	struct snapshot_about about = { .architecture = arm64,
					.name = name,
					.vmm = name,
					.parent = parent,
					.page = GUEST_PAGE,
					.word = words };
	const struct snapshot_source source = { .loop = bench->loop,
						.map = &bench->guest.map,
						.hold = hold_bench,
						.drop = bench_drop_nothing,
						.release = release_bench,
						.done = end_bench,
						.ctx = bench };
	const struct snapshot_wish wish = { .path = path,
					    .about = &about,
					    .paused = bench->paused,
					    .downtime = NS_PER_SECOND,
					    .timeout = 60 * NS_PER_SECOND };
	struct snapshot_job *job = NULL;
	struct err err = { 0 };

	if (snapshot_make_id(about.id, &err) < 0 ||
	    snapshot_make_id(about.parent_id, &err) < 0 ||
	    snapshot_job_new(&job, &source, &wish, bench->guest.reader, &err) <
		    0 ||
	    loop_run(bench->loop, &err) < 0)
		bench_fail("snapshot", &err);
	if (snapshot_job_result(job)->code < 0)
		bench_fail("snapshot", &snapshot_job_result(job)->err);
	job = snapshot_job_free(job);
}

/* Returns the least CPU time of a hold, in ns. */
static double hold_ns(const char *folder, uint64_t gib, uint64_t rest,
		      bool paused)
{
	double best = 0;

	for (int i = 0; i < ROUNDS; i++) {
		struct snapshot_bench bench = { .rest = rest * MIB_PAGES,
						.paused = paused };
		struct err err = { 0 };
		char path[128];

		if (loop_new(&bench.loop, &err) < 0)
			bench_fail("loop", &err);
		bench_guest_init(&bench.guest, gib * GIB);
		bench_guest_forget(&bench.guest);
		bench_guest_write(&bench.guest, 0, CHANGED);
		(void)snprintf(path, sizeof(path), "%s/s", folder);
		run_snapshot(&bench, path);
		remove_folder(path);
		bench_guest_finish(&bench.guest);
		bench.loop = loop_free(bench.loop);
		if (i == 0 || bench.held < best)
			best = bench.held;
	}
	return best;
}

static double floor_ns(const char *folder, uint64_t gib, uint64_t mib)
{
	const size_t words = gib * GIB / GUEST_PAGE / 64;
	uint64_t *log = calloc(words, sizeof(*log));
	char *pages = malloc(mib << 20);
	char path[128];
	double best = 0;

	if (!log || !pages)
		exit(1);
	memset(pages, 1, mib << 20);
	(void)snprintf(path, sizeof(path), "%s/floor", folder);
	for (int i = 0; i < ROUNDS; i++) {
		const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
		double begun;
		uint64_t found = 0;

		if (fd < 0)
			exit(1);
		memset(log, 0xff, mib * MIB_PAGES / 8);
		begun = cpu_ns();
		for (size_t word = 0; word < words; word++)
			found += (uint64_t)__builtin_popcountll(
				((volatile uint64_t *)log)[word]);
		if (found != mib * MIB_PAGES ||
		    write(fd, pages, mib << 20) != (ssize_t)(mib << 20))
			exit(1);
		begun = cpu_ns() - begun;
		best = i == 0 || begun < best ? begun : best;
		(void)close(fd);
	}
	free(pages);
	free(log);
	return best;
}

int main(void)
{
	char folder[] = "/tmp/vmm-bench-XXXXXX";

	if (!mkdtemp(folder)) {
		perror(folder);
		return 1;
	}
	(void)printf("{\"live_2g_us\": %.0f, \"floor_2g_us\": %.0f, ",
		     hold_ns(folder, 2, 4, false) / 1e3,
		     floor_ns(folder, 2, 4) / 1e3);
	(void)printf("\"live_64g_us\": %.0f, \"floor_64g_us\": %.0f, ",
		     hold_ns(folder, 64, 4, false) / 1e3,
		     floor_ns(folder, 64, 4) / 1e3);
	(void)printf("\"live_none_us\": %.0f, ",
		     hold_ns(folder, 2, 0, false) / 1e3);
	(void)printf("\"paused_us\": %.0f, \"floor_paused_us\": %.0f}\n",
		     hold_ns(folder, 2, 57, true) / 1e3,
		     floor_ns(folder, 2, 57) / 1e3);
	remove_folder(folder);
	return 0;
}
