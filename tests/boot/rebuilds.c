/*
 * tests/boot/rebuilds.c - has a running guest's VM made anew, again and again.
 *
 * Usage: rebuilds SOCKET TIMES SEED MOST_MS: TIMES times, each after a wait of
 * up to MOST_MS that SEED decides. Says "rebuilt", or FAIL and why.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/kvm/peer.h"

static uint64_t number(const char *text)
{
	char *end;
	const uint64_t val = strtoull(text, &end, 0);

	if (end == text || *end)
		FAIL("%s: not a number", text);
	return val;
}

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1d >> 20;
}

int main(int argc, char *argv[])
{
	uint64_t times, state, most;
	int fd;

	if (argc != 5)
		FAIL("usage: rebuilds SOCKET TIMES SEED MOST_MS");
	times = number(argv[2]);
	state = number(argv[3]) + 0x9e3779b97f4a7c15;
	most = number(argv[4]);
	fd = qmp_open(argv[1]);
	for (uint64_t i = 0; i < times; i++) {
		const char *reply;

		sleep_ms((unsigned)(random_next(&state) % (most + 1)));
		qmp_send(fd, "{\"execute\": \"x-vmm-rebuild\"}");
		reply = qmp_reply(fd);
		if (!begins(reply, "{\"return\": {\"state-size\": "))
			FAIL("%s", reply);
	}
	(void)printf("rebuilt\n");
	return 0;
}
