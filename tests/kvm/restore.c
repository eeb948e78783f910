/*
 * tests/kvm/restore.c - stops a running guest by a snapshot and has it go on
 * from there, again and again: nothing that the guest waits for may get lost.
 *
 * Usage: restore TIMES CPUS KERNEL [WORD...], the words of `vmm run`. WAYS are
 * those of `vmm restore --memory`, one after the other; not map, where memory
 * is of many mappings, which peer.c does not find. Snapshots are diffs on the
 * one before, but for each fifth. It says "ok", or FAIL and why.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/kvm/peer.h"

#define CHAIN 5
#define SOCKET "./restore.sock"

static unsigned cpus;

/* The guest's next snapshot; the process ends with it. */
static void stop_guest(struct peer *peer, unsigned number)
{
	char line[200], parent[40] = "";

	if (number % CHAIN != 0)
		(void)snprintf(parent, sizeof(parent), "--parent restore-%u",
			       (number - 1) % CHAIN);
	else
		shell("rm -rf restore-[0-9]");
	(void)snprintf(line, sizeof(line),
		       "vmm snapshot create %s restore-%u %s --stop", SOCKET,
		       number % CHAIN, parent);
	shell(line);
	CHECK(peer_wait(peer) == 0);
}

/* @left: what is left of @ways; begins anew at its end. */
static const char *next_way(const char *ways, const char **left, char way[16])
{
	size_t len;

	if (**left == '\0')
		*left = ways;
	len = strcspn(*left, " ");
	CHECK(len < 16);
	memcpy(way, *left, len);
	way[len] = '\0';
	*left += len;
	*left += strspn(*left, " ");
	return way;
}

/* Until its memory is loaded: to look at it before would have pages there that
 * are to be fetched. */
static void wait_running(void)
{
	const int qmp = qmp_open(SOCKET);

	while (!strstr(qmp_do(qmp, "query-status"), "\"running\": true"))
		sleep_ms(5);
	(void)close(qmp);
}

static struct peer go_on(struct peer *peer, unsigned number, const char *way)
{
	const struct count was = peer_look(peer);
	struct peer next;
	struct count is;
	char line[200];

	stop_guest(peer, number);
	(void)snprintf(line, sizeof(line),
		       "vmm restore restore-%u --memory %s --control %s",
		       number % CHAIN, way, SOCKET);
	next = peer_start(line);
	wait_running();
	peer_find(&next);
	is = peer_look(&next);
	check_counts(&was, &is, cpus);
	peer_wait_moved(&next, cpus);
	return next;
}

int main(int argc, char *argv[])
{
	const char *ways = getenv("WAYS"), *left = ways;
	char words[500], way[16];
	unsigned times;
	struct peer peer;
	size_t len;

	CHECK(argc >= 4 && ways && *ways);
	times = (unsigned)strtoul(argv[1], NULL, 10);
	cpus = (unsigned)strtoul(argv[2], NULL, 10);
	CHECK(cpus > 0 && cpus <= COUNT_MAX_CPUS);
	(void)snprintf(words, sizeof(words),
		       "--control " SOCKET " --kernel %s --cpus %u", argv[3],
		       cpus);
	for (int i = 4; i < argc; i++) {
		len = strlen(words);
		CHECK(snprintf(words + len, sizeof(words) - len, " %s",
			       argv[i]) < (int)(sizeof(words) - len));
	}
	peer = peer_run(words);
	peer_find(&peer);
	peer_wait_moved(&peer, cpus);
	for (unsigned i = 0; i < times; i++)
		peer = go_on(&peer, i, next_way(ways, &left, way));
	peer_order(&peer, COUNT_POWER_OFF);
	CHECK(peer_wait(&peer) == 0);
	shell("rm -rf restore-[0-9]");
	(void)printf("ok\n");
	return 0;
}
