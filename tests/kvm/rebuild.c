/*
 * tests/kvm/rebuild.c - has a VM made anew under a running guest, at random
 * moments: nothing that the guest waits for may get lost.
 *
 * Usage: rebuild CPUS KERNEL [WORD...], the words of `vmm run`. It says "ok",
 * or FAIL and why.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/kvm/peer.h"

#define TIMES 20
#define MOST_SLEEP_MS 60
#define PAUSED_EACH 5

static struct peer peer;
static int qmp;
static unsigned cpus;

static unsigned random_below(unsigned end)
{
	static uint64_t state = 0x2545f4914f6cdd1d;

	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (unsigned)((state * 0x2545f4914f6cdd1d >> 33) % end);
}

static void rebuild(void)
{
	const char *reply;

	qmp_send(qmp, "{\"execute\": \"x-vmm-rebuild\"}");
	reply = qmp_reply(qmp);
	if (!begins(reply, "{\"return\": {\"state-size\": "))
		FAIL("%s", reply);
}

static void order(const char *command)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "{\"execute\": \"%s\"}", command);
	qmp_send(qmp, text);
	is_reply(qmp_reply(qmp), "{\"return\": {}}");
}

/* While it stands still, its memory does, too; and twice is as good as once. */
static void rebuild_paused(void)
{
	uint64_t sum;

	order("stop");
	rebuild();
	sum = peer_checksum(&peer);
	rebuild();
	if (peer_checksum(&peer) != sum)
		FAIL("memory has changed");
	order("cont");
}

int main(int argc, char *argv[])
{
	char words[400], socket[64];
	size_t len;

	CHECK(argc >= 3);
	cpus = (unsigned)strtoul(argv[1], NULL, 10);
	CHECK(cpus > 0 && cpus <= COUNT_MAX_CPUS);
	(void)snprintf(socket, sizeof(socket), "./rebuild-%d.sock",
		       (int)getpid());
	(void)snprintf(words, sizeof(words),
		       "--kernel %s --cpus %u --control %s", argv[2], cpus,
		       socket);
	for (int i = 3; i < argc; i++) {
		len = strlen(words);
		(void)snprintf(words + len, sizeof(words) - len, " %s",
			       argv[i]);
	}
	peer = peer_run(words);
	qmp = qmp_open(socket);
	peer_find(&peer);
	for (unsigned i = 0; i < TIMES; i++) {
		peer_wait_moved(&peer, cpus);
		sleep_ms(random_below(MOST_SLEEP_MS));
		if (i % PAUSED_EACH == PAUSED_EACH - 1)
			rebuild_paused();
		else
			rebuild();
	}
	peer_wait_moved(&peer, cpus);
	peer_order(&peer, COUNT_POWER_OFF);
	CHECK(peer_wait(&peer) == 0);
	(void)printf("ok\n");
	return 0;
}
