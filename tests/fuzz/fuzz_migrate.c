/*
 * tests/fuzz/fuzz_migrate.c - whatever comes as a migration, the target takes
 * it, or refuses it with a sentence.
 *
 * The input is a byte of flags, and the stream. With a flag, what introduces a
 * guest comes in front of it, for a fuzzer hardly finds that.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "mem/backing.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/migrate_hello.h"
#include "vmm/machine/machine.h"
#include "vmm/migrate/stream.h"
#include "vmm/migrate/target.h"

#define PAGE UINT64_C(4096)
#define PAGES UINT64_C(64)
#define MOST ((size_t)64 << 10) /* bytes that a socket takes at once */

enum { INTRODUCED = 1 };

static void must(bool right)
{
	if (!right)
		abort();
}

static void make_memory(struct mem_map *map, struct backing *backing)
{
	const struct range at = { UINT64_C(0x80000000), PAGES * PAGE };
	struct mem_region region = { .gpa = at, .kind = MEM_RAM };
	struct err err;

	must(backing_init(backing, at, PAGE, NULL, &err) == 0);
	region.backing = backing;
	region.host = backing->host;
	must(mem_add(map, region, &err) == 0);
	mem_freeze(map);
}

static int receive(const struct channel *from, struct machine *machine)
{
	struct migrate_target target = MIGRATE_TARGET_NONE;
	struct err err = { 0 };
	struct migrate_door door = { .fd = -1 };
	int r = migrate_target_begin(&target, from, &door, "arm64", &err);

	if (r == 0)
		r = migrate_target_memory(&target, machine, "arm64", -1, &err);
	if (r == 0)
		r = migrate_target_take(&target, &err);
	must(target.taken == (r == 0));
	must(r == 0 || (r == err.code && err.msg[0]));
	migrate_target_finish(&target);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config config;
	struct machine machine = { .config = &config };
	struct channel ours = CHANNEL_NONE, theirs = CHANNEL_NONE;
	struct fuzz_input in = { data, size };
	struct backing backing;
	uint8_t flags = 0;
	int pair[2];

	(void)signal(SIGPIPE, SIG_IGN);
	(void)fuzz_take(&in, &flags, 1);
	make_memory(&machine.mem, &backing);
	must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	channel_open(&ours, pair[0], pair[0], 0);
	channel_open(&theirs, pair[1], pair[1], 0);
	if (flags & INTRODUCED)
		migrate_hello(&ours, &machine.mem, STREAM_PACKED_NEEDED);
	in.left = in.left < MOST ? in.left : MOST;
	must(send(ours.out, in.p, in.left, MSG_NOSIGNAL) == (ssize_t)in.left);
	/* What the target answers is not read. */
	(void)shutdown(ours.out, SHUT_WR);
	(void)receive(&theirs, &machine);
	channel_close(&ours);
	backing_finish(&backing);
	return 0;
}
