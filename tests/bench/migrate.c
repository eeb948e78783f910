/*
 * tests/bench/migrate.c - how quickly memory goes to another vmm.
 *
 * Usage: vmm-bench-migrate [MIB]
 *
 * A guest of 512 MiB (or as many as told) moves over a socket to another
 * process, which is a target as vmm has it. Prints JSON, for memory that is
 * full and for memory of which every other 64 KiB are zero: MiB moved in a
 * second, the best of five, and instructions of the source's user code for each
 * MiB (0 where this machine's processor does not count). Beside each the floor:
 * a program that looks for zero pages and sends each run of others by one
 * write(2), to one that reads. No guest and no KVM is there.
 */
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/bench/guest.h"
#include "vmm/machine/machine.h"
#include "vmm/migrate/source.h"
#include "vmm/migrate/target.h"

#define MIB_PAGES ((UINT64_C(1) << 20) / GUEST_PAGE)
#define ROUNDS 5
#define PIECE ((size_t)1 << 20) /* of what is read, and of a run at most */
#define BLOCK (16 * GUEST_PAGE) /* is zero, or is not */

struct cost {
	double ns;
	uint64_t instructions;
};

struct mover {
	struct bench_guest guest;
	struct loop *loop;
};

static const char about[] =
	"{\"format\": 1, \"id\": \"01234567-89ab-4def-8123-456789abcdef\", "
	"\"architecture\": \"arm64\", \"name\": \"bench\", \"vmm\": \"0.1.0\", "
	"\"made\": 0, \"page\": 4096, \"disks\": [], \"command\": []}";

/* Counts this process's user code from now on, and that of threads to come. */
static int count_user_code(void)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_HARDWARE,
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.inherit = 1,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1,
			    PERF_FLAG_FD_CLOEXEC);
}

static uint64_t end_count(int fd)
{
	uint64_t count = 0;

	if (fd < 0)
		return 0;
	if (read(fd, &count, sizeof(count)) != sizeof(count))
		count = 0;
	(void)close(fd);
	return count;
}

static void make_pair(int pair[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
		perror("socketpair");
		exit(1);
	}
}

static int receive_guest(struct machine *machine, int fd, struct err *err)
{
	struct migrate_target target = MIGRATE_TARGET_NONE;
	struct migrate_door door = { .fd = -1 };
	struct channel channel = CHANNEL_NONE;
	const int signals = eventfd(0, EFD_CLOEXEC);
	int r;

	channel_open(&channel, fd, fd, 0);
	r = migrate_target_begin(&target, &channel, &door, "arm64", err);
	if (r == 0)
		r = migrate_target_memory(&target, machine, "arm64", signals,
					  err);
	if (r == 0)
		r = migrate_target_take(&target, err);
	if (r == 0)
		migrate_target_done(&target);
	migrate_target_finish(&target);
	return r;
}

static void make_target_memory(struct backing *ret, uint64_t size)
{
	const struct range gpa = { UINT64_C(0x80000000), size };
	struct err err = { 0 };

	if (backing_init(ret, gpa, GUEST_PAGE, NULL, &err) < 0)
		bench_fail("target", &err);
}

/* The other process. */
static _Noreturn void run_target(uint64_t size, int fd)
{
	static struct machine machine;
	static struct config config;
	struct mem_region region = { .kind = MEM_RAM };
	struct err err = { 0 };

	make_target_memory(&machine.backings.at[0], size);
	region.gpa = (struct range){ UINT64_C(0x80000000), size };
	region.backing = &machine.backings.at[0];
	region.host = machine.backings.at[0].host;
	if (mem_add(&machine.mem, region, &err) < 0)
		bench_fail("target", &err);
	mem_freeze(&machine.mem);
	machine.config = &config;
	if (receive_guest(&machine, fd, &err) < 0)
		bench_fail("target", &err);
	_exit(0);
}

static _Noreturn void run_reader(uint64_t size, int fd)
{
	struct backing to;
	uint64_t at = 0;
	ssize_t n = 1;

	make_target_memory(&to, size);
	while (n > 0 && at < size) {
		n = read(fd, to.host + at,
			 size - at < PIECE ? size - at : PIECE);
		at += n > 0 ? (uint64_t)n : 0;
	}
	_exit(n < 0);
}

static pid_t fork_other(void (*run)(uint64_t size, int fd), uint64_t size,
			int pair[2])
{
	pid_t pid;

	make_pair(pair);
	pid = fork();
	if (pid < 0)
		exit(1);
	if (pid == 0) {
		(void)close(pair[0]);
		run(size, pair[1]);
	}
	(void)close(pair[1]);
	return pid;
}

static void await_other(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || status != 0)
		exit(1);
}

static int hold_mover(void *ctx, struct state *state, bool *ret_paused,
		      struct err *err)
{
	(void)ctx;
	*ret_paused = false;
	state_begin(state, "arm64");
	return state_end(state, err);
}

static int give_up_mover(void *ctx, struct err *err)
{
	(void)ctx;
	(void)err;
	return 0;
}

static void ignore_step(void *ctx)
{
	(void)ctx;
}

static void end_mover(void *ctx)
{
	struct mover *mover = ctx;

	loop_stop(mover->loop);
}

static void send_guest(struct mover *mover, int fd)
{
	const struct migrate_guest guest = { .loop = mover->loop,
					     .hold = hold_mover,
					     .drop = bench_drop_nothing,
					     .release = ignore_step,
					     .give_up = give_up_mover,
					     .take_back = ignore_step,
					     .moved = ignore_step,
					     .done = end_mover,
					     .ctx = mover };
	struct migrate_place place = { 0 };
	struct migrate_files files = { 0 };
	struct migrate_regions regions;
	struct migrate_uri uri = { 0 };
	const struct migrate_wish wish = { .uri = &uri,
					   .arch = "arm64",
					   .about = about,
					   .place = &place,
					   .files = &files,
					   .regions = &regions,
					   .downtime = 60 * NS_PER_SECOND };
	struct migrate_job *job = NULL;
	struct err err = { 0 };
	char text[32];

	migrate_regions_init(&regions, &mover->guest.map, NULL, 0);
	(void)snprintf(text, sizeof(text), "fd:%d", fd);
	if (migrate_uri_parse(&uri, text, &err) < 0 ||
	    migrate_job_new(&job, &guest, &wish, mover->guest.reader, &err) <
		    0 ||
	    loop_run(mover->loop, &err) < 0)
		bench_fail("migration", &err);
	if (migrate_job_result(job)->code < 0)
		bench_fail("migration", &migrate_job_result(job)->err);
	job = migrate_job_free(job);
	migrate_uri_finish(&uri);
}

static void fill_guest(struct bench_guest *guest, uint64_t size, bool mixed)
{
	bench_guest_write(guest, 0, size / GUEST_PAGE);
	for (uint64_t at = 0; mixed && at < size; at += 2 * BLOCK)
		memset(guest->backing.host + at, 0, BLOCK);
}

static struct cost move_guest(uint64_t size, bool mixed)
{
	struct mover mover;
	struct err err = { 0 };
	struct cost cost;
	int pair[2], count;
	pid_t pid;

	bench_guest_init(&mover.guest, size);
	fill_guest(&mover.guest, size, mixed);
	if (loop_new(&mover.loop, &err) < 0)
		bench_fail("loop", &err);
	pid = fork_other(run_target, size, pair);
	count = count_user_code();
	cost.ns = bench_now_ns();
	send_guest(&mover, pair[0]);
	await_other(pid);
	cost.ns = bench_now_ns() - cost.ns;
	cost.instructions = end_count(count);
	(void)close(pair[0]);
	mover.loop = loop_free(mover.loop);
	bench_guest_finish(&mover.guest);
	return cost;
}

static bool page_is_zero(const uint8_t *page)
{
	const uint64_t *word = (const uint64_t *)(const void *)page;
	uint64_t any = 0;

	for (size_t i = 0; i < GUEST_PAGE / sizeof(*word) && !any; i += 8)
		any = word[i] | word[i + 1] | word[i + 2] | word[i + 3] |
		      word[i + 4] | word[i + 5] | word[i + 6] | word[i + 7];
	return !any;
}

static void write_run(int fd, const uint8_t *at, size_t len)
{
	while (len > 0) {
		const ssize_t n = write(fd, at, len);

		if (n <= 0)
			exit(1);
		at += n;
		len -= (size_t)n;
	}
}

static struct cost move_plainly(uint64_t size, bool mixed)
{
	struct bench_guest guest;
	const uint8_t *host;
	size_t begun = 0, at;
	struct cost cost;
	int pair[2], count;
	pid_t pid;

	bench_guest_init(&guest, size);
	fill_guest(&guest, size, mixed);
	host = guest.backing.host;
	pid = fork_other(run_reader, mixed ? size / 2 : size, pair);
	count = count_user_code();
	cost.ns = bench_now_ns();
	for (at = 0; at < size; at += GUEST_PAGE) {
		const bool zero = page_is_zero(host + at);

		if (zero || at - begun == PIECE) {
			write_run(pair[0], host + begun, at - begun);
			begun = at;
		}
		if (zero)
			begun = at + GUEST_PAGE;
	}
	write_run(pair[0], host + begun, at - begun);
	await_other(pid);
	cost.ns = bench_now_ns() - cost.ns;
	cost.instructions = end_count(count);
	(void)close(pair[0]);
	bench_guest_finish(&guest);
	return cost;
}

static void print_cost(const char *name, struct cost (*move)(uint64_t, bool),
		       uint64_t mib, bool mixed)
{
	struct cost best = { 0 };

	for (int i = 0; i < ROUNDS; i++) {
		const struct cost cost = move(mib << 20, mixed);

		if (i == 0 || cost.ns < best.ns)
			best.ns = cost.ns;
		if (i == 0 || cost.instructions < best.instructions)
			best.instructions = cost.instructions;
	}
	(void)printf("\"%s_mib_s\": %.0f, \"%s_user\": %.0f", name,
		     (double)mib * 1e9 / best.ns, name,
		     (double)best.instructions / (double)mib);
}

int main(int argc, char *argv[])
{
	const uint64_t mib = argc > 1 ? strtoul(argv[1], NULL, 10) : 512;

	(void)printf("{");
	print_cost("full", move_guest, mib, false);
	(void)printf(", ");
	print_cost("full_floor", move_plainly, mib, false);
	(void)printf(", ");
	print_cost("mixed", move_guest, mib, true);
	(void)printf(", ");
	print_cost("mixed_floor", move_plainly, mib, true);
	(void)printf("}\n");
	return 0;
}
