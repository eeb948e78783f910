/*
 * tests/kvm/migrate.c - moves a running guest from one vmm to another and on,
 * by the commands that test suites of QEMU give: nothing that the guest waits
 * for may get lost.
 *
 * Usage: migrate TIMES CPUS KERNEL [WORD...], the words of `vmm run`. It says
 * "ok", or FAIL and why.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/kvm/peer.h"

#define PAUSED_EACH 4
#define WAYS 4

/* Descriptors that all inherit: for `fd:`, both ends of a pair. */
enum { NEAR_FD = 60, FAR_FD = 61 };

/* One of the two that have the guest in turn. */
struct side {
	struct peer peer;
	char socket[64];
	int qmp;
};

/* How a migration goes: what the source is told, and the target. */
static const struct way {
	const char *to, *from;
	bool defer; /* the target is told by a command */
} ways[WAYS] = {
	{ "unix:./move.sock", "unix:./move.sock", false },
	{ "tcp:127.0.0.1:14444", "tcp:127.0.0.1:14444", true },
	{ "exec:cat <back & exec cat >there",
	  "exec:cat <there & exec cat >back", true },
	{ "fd:60", "fd:61", false },
};

static unsigned cpus;
static char common[400]; /* words of both */

static void make_pair(void)
{
	int pair[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	CHECK(dup2(pair[0], NEAR_FD) == NEAR_FD);
	CHECK(dup2(pair[1], FAR_FD) == FAR_FD);
	(void)close(pair[0]);
	(void)close(pair[1]);
}

/* Sends text, and returns the reply. */
static const char *ask(const struct side *side, const char *text)
{
	qmp_send(side->qmp, text);
	return qmp_reply(side->qmp);
}

static void tell(const struct side *side, const char *text)
{
	is_reply(ask(side, text), "{\"return\": {}}");
}

static void tell_uri(const struct side *side, const char *command,
		     const char *uri)
{
	char text[200];

	(void)snprintf(text, sizeof(text),
		       "{\"execute\": \"%s\", \"arguments\": {\"uri\": "
		       "\"%s\"}}",
		       command, uri);
	tell(side, text);
}

static void start_side(struct side *side, unsigned number, const char *more)
{
	char words[500];

	(void)snprintf(side->socket, sizeof(side->socket), "./move-%d-%u.sock",
		       (int)getpid(), number % 2);
	CHECK(snprintf(words, sizeof(words), "%s --control %s %s", common,
		       side->socket, more) < (int)sizeof(words));
	side->peer = peer_run(words);
	side->qmp = qmp_open(side->socket);
}

/* MIGRATION_PASS counts the passes of a migration, and tells of each once. */
static void check_pass_event(const char *line, unsigned *passes)
{
	static const char name[] = "\"event\": \"MIGRATION_PASS\", \"data\": "
				   "{\"pass\": ";
	const char *at = strstr(line, name);

	if (at && strtoul(at + strlen(name), NULL, 10) != ++*passes)
		FAIL("'%s' is not of pass %u", line, *passes);
}

/* Reads events until one of this text, which a failure must not be before.
 * Returns how many passes were told of. */
static unsigned await_event(const struct side *side, const char *text)
{
	unsigned passes = 0;
	const char *line;

	do {
		line = qmp_line(side->qmp);
		if (!*line || strstr(line, "\"status\": \"failed\""))
			FAIL("'%s' in place of %s", line, text);
		check_pass_event(line, &passes);
	} while (!strstr(line, text));
	return passes;
}

static void ask_for_events(const struct side *side)
{
	tell(side, "{\"execute\": \"migrate-set-capabilities\", "
		   "\"arguments\": {\"capabilities\": [{\"capability\": "
		   "\"events\", \"state\": true}]}}");
}

/* A kernel may have no TCP: then it is done the first way. */
static const struct way *way_of(unsigned number)
{
	const struct way *way = &ways[number % WAYS];
	const int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd >= 0)
		(void)close(fd);
	return fd < 0 && strncmp(way->to, "tcp:", 4) == 0 ? &ways[0] : way;
}

static struct side receive_by(const struct way *way, unsigned number)
{
	struct side to;
	char more[64] = "--incoming defer";

	if (!way->defer)
		(void)snprintf(more, sizeof(more), "--incoming '%s'",
			       way->from);
	start_side(&to, number, more);
	is_reply(ask(&to, "{\"execute\": \"query-status\"}"),
		 "{\"return\": {\"running\": false, \"status\": "
		 "\"inmigrate\"}}");
	is_reply(ask(&to, "{\"execute\": \"query-migrate\"}"),
		 "{\"return\": {}}");
	CHECK(strstr(ask(&to, "{\"execute\": \"query-block\"}"),
		     "CommandNotFound"));
	ask_for_events(&to);
	if (way->defer)
		tell_uri(&to, "migrate-incoming", way->from);
	else
		CHECK(strstr(ask(&to, "{\"execute\": \"migrate-incoming\", "
				      "\"arguments\": {\"uri\": "
				      "\"unix:./x\"}}"),
			     "The incoming migration has already been "
			     "started"));
	return to;
}

/* What cannot be had is refused, and changes nothing. */
static void ask_for_too_much(const struct side *side)
{
	CHECK(strstr(ask(side, "{\"execute\": \"migrate-start-postcopy\"}"),
		     "no migration is under way"));
	CHECK(strstr(ask(side, "{\"execute\": \"migrate-set-capabilities\", "
			       "\"arguments\": {\"capabilities\": "
			       "[{\"capability\": \"rdma-pin-all\", \"state\": "
			       "true}]}}"),
		     "this machine has no migration capability "
		     "'rdma-pin-all'"));
	tell(side, "{\"execute\": \"migrate-set-capabilities\", "
		   "\"arguments\": {\"capabilities\": [{\"capability\": "
		   "\"rdma-pin-all\", \"state\": false}]}}");
	is_reply(ask(side, "{\"execute\": \"query-migrate-capabilities\"}"),
		 "{\"return\": [{\"capability\": \"events\", \"state\": true}, "
		 "{\"capability\": \"postcopy-ram\", \"state\": false}, "
		 "{\"capability\": \"compress\", \"state\": false}, "
		 "{\"capability\": \"auto-converge\", \"state\": false}]}");
	CHECK(strstr(ask(side, "{\"execute\": \"x-vmm-migrate\", "
			       "\"arguments\": {\"uri\": \"unix:./x\", "
			       "\"compress\": 20}}"),
		     "Parameter 'compress' expects a level up to 19"));
}

static void send_by(const struct way *way, const struct side *from)
{
	char text[200];

	ask_for_events(from);
	ask_for_too_much(from);
	tell(from, "{\"execute\": \"migrate-set-capabilities\", "
		   "\"arguments\": {\"capabilities\": [{\"capability\": "
		   "\"auto-converge\", \"state\": true}]}}");
	is_reply(ask(from, "{\"execute\": \"migrate-set-parameters\", "
			   "\"arguments\": {\"max-cpu-throttle\": 100}}"),
		 "{\"error\": {\"class\": \"GenericError\", \"desc\": "
		 "\"Parameter 'max-cpu-throttle' expects 1 to 99\"}}");
	tell(from, "{\"execute\": \"migrate-set-parameters\", \"arguments\": "
		   "{\"downtime-limit\": 1000, \"max-bandwidth\": "
		   "1000000000}}");
	/* In one packet: both come before the first pass ends. */
	(void)snprintf(text, sizeof(text),
		       "{\"execute\": \"migrate\", \"arguments\": {\"uri\": "
		       "\"%s\"}} {\"execute\": \"migrate-start-postcopy\"}",
		       way->to);
	tell(from, text);
	CHECK(strstr(qmp_reply(from->qmp), "not begun with postcopy-ram"));
}

/* A paused guest comes as that, and its memory is what it was. */
static void check_paused(const struct side *from, const struct side *to)
{
	const uint64_t was = peer_checksum(&from->peer);

	is_reply(ask(to, "{\"execute\": \"query-status\"}"),
		 "{\"return\": {\"running\": false, \"status\": \"paused\"}}");
	if (peer_checksum(&to->peer) != was)
		FAIL("memory has changed on the way");
	tell(to, "{\"execute\": \"cont\"}");
}

static struct side move_guest(struct side *from, unsigned number)
{
	const struct way *way = way_of(number);
	const bool paused = number % PAUSED_EACH == PAUSED_EACH - 1;
	struct side to = receive_by(way, number + 1);
	struct count was, is;

	if (paused)
		tell(from, "{\"execute\": \"stop\"}");
	send_by(way, from);
	if (!paused && await_event(from, "\"event\": \"STOP\"") == 0)
		FAIL("no pass was told of");
	(void)await_event(from,
			  "\"event\": \"MIGRATION\", \"data\": {\"status\": "
			  "\"completed\"}");
	(void)await_event(&to,
			  "\"event\": \"MIGRATION\", \"data\": {\"status\": "
			  "\"active\"}");
	(void)await_event(&to,
			  "\"event\": \"MIGRATION\", \"data\": {\"status\": "
			  "\"completed\"}");
	if (!paused)
		(void)await_event(&to, "\"event\": \"RESUME\"");
	was = peer_look(&from->peer);
	peer_find(&to.peer);
	is = peer_look(&to.peer);
	check_counts(&was, &is, cpus);
	if (paused)
		check_paused(from, &to);
	is_reply(ask(from, "{\"execute\": \"query-status\"}"),
		 "{\"return\": {\"running\": false, \"status\": "
		 "\"postmigrate\"}}");
	CHECK(strstr(ask(from, "{\"execute\": \"query-migrate\"}"),
		     "{\"status\": \"completed\", \"total-time\": "));
	is_reply(ask(&to, "{\"execute\": \"query-migrate\"}"),
		 "{\"return\": {\"status\": \"completed\"}}");
	tell(from, "{\"execute\": \"quit\"}");
	CHECK(peer_wait(&from->peer) == 0);
	(void)close(from->qmp);
	peer_wait_moved(&to.peer, cpus);
	return to;
}

int main(int argc, char *argv[])
{
	unsigned times;
	struct side side;
	size_t len;

	CHECK(argc >= 4);
	times = (unsigned)strtoul(argv[1], NULL, 10);
	cpus = (unsigned)strtoul(argv[2], NULL, 10);
	CHECK(cpus > 0 && cpus <= COUNT_MAX_CPUS);
	(void)snprintf(common, sizeof(common), "--kernel %s --cpus %u", argv[3],
		       cpus);
	for (int i = 4; i < argc; i++) {
		len = strlen(common);
		(void)snprintf(common + len, sizeof(common) - len, " %s",
			       argv[i]);
	}
	shell("rm -f there back; mkfifo there back; ifconfig lo up || :");
	make_pair();
	start_side(&side, 0, "");
	peer_find(&side.peer);
	peer_wait_moved(&side.peer, cpus);
	for (unsigned i = 0; i < times; i++)
		side = move_guest(&side, i);
	peer_order(&side.peer, COUNT_POWER_OFF);
	CHECK(peer_wait(&side.peer) == 0);
	(void)printf("ok\n");
	return 0;
}
