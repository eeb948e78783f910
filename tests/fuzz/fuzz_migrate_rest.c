/*
 * tests/fuzz/fuzz_migrate_rest.c - whatever a source says of memory that comes
 * later, the target takes it, or refuses it with a sentence.
 *
 * The input is two bytes, the length of what comes by the second connection;
 * that; and the first connection's stream behind what introduces the guest.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "mem/faults.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/migrate_hello.h"
#include "vmm/machine/machine.h"
#include "vmm/migrate/rest.h"
#include "vmm/migrate/stream.h"
#include "vmm/migrate/target.h"

#define PAGE UINT64_C(4096)
#define PAGES UINT64_C(64)
#define MOST ((size_t)64 << 10) /* bytes that a socket takes at once */

static const uint8_t key[STREAM_KEY_SIZE] = "sixteen bytes..";

static void must(bool right)
{
	if (!right)
		abort();
}

static void make_memory(struct machine *machine)
{
	const struct range at = { UINT64_C(0x80000000), PAGES * PAGE };
	struct err err;

	machine->backings.map = &machine->mem;
	machine->backings.block_size = PAGE;
	must(backings_add(&machine->backings, at, MEM_RAM, NULL, "memory",
			  &err) == 0);
	mem_freeze(&machine->mem);
}

static void introduce(struct channel *to, const struct mem_map *map)
{
	struct err err;

	migrate_hello(to, map, STREAM_POSTCOPY_NEEDED);
	must(stream_send(to, STREAM_POSTCOPY, key, sizeof(key), &err) == 0);
}

/* Sends what fits of the input, and that it is all. */
static void say_rest(const struct channel *to, const uint8_t *data, size_t len)
{
	must(send(to->out, data, len, MSG_NOSIGNAL) == (ssize_t)len);
	(void)shutdown(to->out, SHUT_WR);
}

/* A source that has said all it will say. */
struct said {
	struct channel main, pages;
};

static void say_all(struct said *said, const struct migrate_uri *at,
		    const struct machine *machine, struct fuzz_input *in)
{
	uint8_t head[2] = { 0, 0 };
	size_t first;
	struct err err;

	must(migrate_uri_connect(at, &said->main, &err) == 0);
	must(migrate_uri_connect(at, &said->pages, &err) == 0);
	introduce(&said->main, &machine->mem);
	must(stream_send_join(&said->pages, "arm64", key, JOIN_PAGES, &err) ==
	     0);
	(void)fuzz_take(in, head, sizeof(head));
	in->left = in->left < MOST ? in->left : MOST;
	first = head[0] | (size_t)head[1] << 8;
	first = first < in->left ? first : in->left;
	say_rest(&said->pages, in->p, first);
	say_rest(&said->main, in->p + first, in->left - first);
}

/* Until the connections have ended, or all has come. */
static void await_rest(struct rest *rest)
{
	struct pollfd all = { .fd = rest_fd(rest), .events = POLLIN };

	while (!rest_is_broken(rest) && poll(&all, 1, 1) == 0)
		;
	rest_end(rest);
}

static void receive(struct migrate_door *door, struct machine *machine)
{
	struct migrate_target target = MIGRATE_TARGET_NONE;
	struct channel channel = CHANNEL_NONE;
	struct err err = { 0 };
	int r = migrate_uri_accept(door, &channel, &err);

	must(r == 0);
	r = migrate_target_begin(&target, &channel, door, "arm64", &err);
	if (r == 0)
		r = migrate_target_memory(&target, machine, "arm64", -1, &err);
	if (r == 0)
		r = migrate_target_take(&target, &err);
	must(r == 0 || (r == err.code && err.msg[0]));
	if (r == 0) {
		migrate_target_done(&target);
		if (target.rest)
			await_rest(target.rest);
	}
	migrate_target_finish(&target);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct config config;
	static struct machine machine;
	struct said said = { CHANNEL_NONE, CHANNEL_NONE };
	struct fuzz_input in = { data, size };
	struct migrate_door door = { .fd = -1 };
	struct migrate_uri at;
	struct err err;
	char uri[64];
	const int faults = faults_open(&err);

	/* This user may not have memory that comes later. */
	if (faults < 0)
		return 0;
	(void)close(faults);
	log_set_level(LOG_ERROR); /* a connection that ends is a warning */
	(void)signal(SIGPIPE, SIG_IGN);
	machine = (struct machine){ .config = &config };
	make_memory(&machine);
	(void)snprintf(uri, sizeof(uri), "unix:/tmp/vmm-fuzz-rest.%d",
		       (int)getpid());
	must(migrate_uri_parse(&at, uri, &err) == 0);
	must(migrate_uri_listen(&at, &door, &err) == 0);
	say_all(&said, &at, &machine, &in);
	receive(&door, &machine);
	migrate_door_close(&door);
	channel_close(&said.main);
	channel_close(&said.pages);
	migrate_uri_finish(&at);
	backings_finish(&machine.backings);
	return 0;
}
