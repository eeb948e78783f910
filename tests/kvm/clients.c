/*
 * tests/kvm/clients.c - where a real guest's control socket is, who has its
 * console, and what our own clients make of it.
 *
 * Usage: clients TEST, in a folder with count.bin and wait.bin, as root. It
 * says "ok", or FAIL and why.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/kvm/peer.h"

#define OK "{\"return\": {}}"
#define PAUSED "{\"return\": {\"running\": false, \"status\": \"paused\"}}"

static struct peer peer;
static int qmp;

#define TWIN "/run/vmm/twin.sock"
#define RUN_TWIN "--kernel wait.bin --name twin "

/* Two of a name: the second is refused. One of no name has a socket, too. */
static void test_name(void)
{
	struct peer second;
	struct stat st;

	peer = peer_run(RUN_TWIN);
	qmp = qmp_open(TWIN);
	CHECK(stat("/run/vmm", &st) == 0 && (st.st_mode & 0777) == 0700);
	CHECK(stat(TWIN, &st) == 0 && (st.st_mode & 0777) == 0600);
	second = peer_run(RUN_TWIN "2>err");
	CHECK(peer_wait(&second) == 2);
	shell("grep -q '^Fatal: --name twin: " TWIN
	      ": a running virtual machine has it$' err");
	second = peer_run("--kernel wait.bin");
	shell("until test -S /run/vmm/vm-*.sock; do sleep 0.05; done");
	CHECK(kill(second.pid, SIGTERM) == 0);
	CHECK(peer_wait(&second) == 128 + SIGTERM);
	is_reply(qmp_do(qmp, "quit"), OK);
	CHECK(peer_wait(&peer) == 0);
	CHECK(access(TWIN, F_OK) < 0);
}

/* A socket whose machine was killed is taken over by the next one. */
static void test_name_dead(void)
{
	peer = peer_run(RUN_TWIN);
	(void)qmp_open(TWIN);
	CHECK(kill(peer.pid, SIGKILL) == 0);
	CHECK(peer_wait(&peer) == 128 + SIGKILL);
	CHECK(access(TWIN, F_OK) == 0);
	peer = peer_run(RUN_TWIN);
	qmp = qmp_open(TWIN); /* it is refused until it is the new one's */
	is_reply(qmp_do(qmp, "quit"), OK);
	CHECK(peer_wait(&peer) == 0);
	CHECK(access(TWIN, F_OK) < 0);
}

/* No socket if none is wanted, or where none can be made unasked. */
static void test_none(void)
{
	struct peer none = peer_run(
		"--kernel wait.bin --control none --timeout 300ms");

	CHECK(peer_wait(&none) == 124);
	shell("mkdir -p /run/vmm && mv /run/vmm /run/was && touch /run/vmm");
	none = peer_run("--kernel wait.bin --timeout 300ms --loglevel info "
			"2>err");
	CHECK(peer_wait(&none) == 124);
	shell("grep -q 'there is no control socket: /run/vmm: not a folder' "
	      "err");
	none = peer_run(RUN_TWIN "2>err");
	CHECK(peer_wait(&none) == 1);
	none = peer_run("--kernel wait.bin --control ./no/where 2>err");
	CHECK(peer_wait(&none) == 2);
	shell("rm /run/vmm && mv /run/was /run/vmm");
}

#define SOCKET "./clients.sock"
#define ATTACH "{\"execute\": \"x-vmm-console-attach\""

/* What comes next on a connection that is the console. */
static void console_says(int fd, const char *text)
{
	for (; *text; text++) {
		char byte = 0;

		if (recv(fd, &byte, 1, 0) != 1 || byte != *text)
			FAIL("the console does not say '%s'", text);
	}
}

/* One client at a time has the console, and each sees what was said before. */
static void test_console(void)
{
	int one, two;
	char byte;

	peer = peer_run("--kernel count.bin --cpus 2 --control " SOCKET
			" --terminal socket");
	qmp = qmp_open(SOCKET);
	peer_find(&peer);
	one = qmp_open(SOCKET);
	qmp_expect(one, ATTACH "}", OK);
	console_says(one, "counting\n");
	qmp_expect(qmp, ATTACH "}",
		   "{\"error\": {\"class\": \"GenericError\", \"desc\": "
		   "\"another client has the console\"}}");
	two = qmp_open(SOCKET);
	qmp_expect(two, ATTACH ", \"arguments\": {\"force\": true}}", OK);
	console_says(two, "counting\n");
	CHECK(recv(one, &byte, 1, 0) == 0);
	/* One that leaves makes room, without having to be noticed first. */
	(void)close(two);
	one = qmp_open(SOCKET);
	qmp_expect(one, ATTACH "}", OK);
	console_says(one, "counting\n");
	/* A reset is the guest's affair: who looks sees it. */
	peer_order(&peer, COUNT_RESET);
	console_says(one, "counting\n");
	qmp_event(qmp, "RESET",
		  ", \"data\": {\"guest\": true, \"reason\": "
		  "\"guest-reset\"}");
	is_reply(qmp_do(qmp, "quit"), OK);
	CHECK(peer_wait(&peer) == 0);
	CHECK(recv(one, &byte, 1, 0) == 0);
}

/* Our own clients, as a person uses them. */
static void test_client(void)
{
	peer = peer_run("--kernel count.bin --cpus 2 --name web --terminal "
			"socket");
	qmp = qmp_open("/run/vmm/web.sock");
	peer_find(&peer);
	shell("vmm list | grep -q '^web .* running .* 8M  *2$'");
	shell("vmm pause web && vmm list | grep -q '^web .* paused '");
	qmp_event(qmp, "STOP", "");
	is_reply(qmp_do(qmp, "query-status"), PAUSED);
	shell("vmm resume web && vmm stat web | grep -q '^exits  *[1-9]'");
	shell("mkfifo keys; vmm console web <keys >said & exec 3>keys;"
	      "until grep -qx counting said; do :; done;"
	      "kill $!; wait $!; test $? = 143");
	shell("vmm stop web 2>said; test $? = 1 && grep -q 'button' said");
	shell("vmm stop --force web");
	CHECK(peer_wait(&peer) == 0);
	shell("vmm stop -f web 2>said; test $? = 2");

	/* One that was killed is not listed, and is cleaned up. */
	peer = peer_run("--kernel wait.bin --name web");
	(void)qmp_open("/run/vmm/web.sock");
	CHECK(kill(peer.pid, SIGKILL) == 0);
	CHECK(peer_wait(&peer) == 128 + SIGKILL);
	CHECK(access("/run/vmm/web.sock", F_OK) == 0);
	shell("test -z \"$(vmm list --names)\"");
	CHECK(access("/run/vmm/web.sock", F_OK) < 0);
}

/* The guest resets itself on its way: its events come when they like. */
static const char *ask_dirty_rate(void)
{
	qmp_send(qmp, "{\"execute\": \"query-dirty-rate\"}");
	return qmp_reply(qmp);
}

/* How much it writes: by itself, and by which of its CPUs; and what of a region
 * is dirty, which nobody knows before it is measured, or meanwhile. */
static void test_dirty_rate(void)
{
	const char *line;

	peer = peer_run(
		"--kernel dirty_guest.bin --mem 16M --cpus 2 --name web "
		"--dirty-log ring");
	qmp = qmp_open("/run/vmm/web.sock");
	is_reply(ask_dirty_rate(),
		 "{\"return\": {\"status\": \"unstarted\", "
		 "\"start-time\": 0, \"calc-time\": 0, "
		 "\"calc-time-unit\": \"second\", \"sample-pages\": 0, "
		 "\"mode\": \"dirty-ring\", \"x-vmm-page-size\": 4096}}");
	shell("vmm mem web --json >seen && ! grep -q '\"dirty\"' seen");
	/* Once the guest has started its second CPU. */
	shell("until vmm mem web --dirty-rate 500ms >said &&"
	      "grep -q '^vcpu 1 .* [1-9][0-9]* pages/s' said; do :; done;"
	      "grep -q '^0x80000000 .* [1-9][0-9]* pages/s' said &&"
	      "grep -q '^all .* [1-9][0-9]* pages/s' said");
	shell("vmm mem web --json >seen &&"
	      "grep -q '\"dirty\": [1-9]' seen");
	shell("vmm mem web | grep -q '^dirty: what changed within [0-9]'");
	/* One that outlives the test, for the other to find. */
	shell("{ vmm mem web --dirty-rate=60; echo $? >ended; } 2>&1 &");
	do
		line = ask_dirty_rate();
	while (!strstr(line, "\"measuring\""));
	shell("vmm mem web --dirty-rate 2>&1 | grep -q 'measured already$'");
	shell("vmm mem web --json >seen && ! grep -q '\"dirty\"' seen");
	shell("vmm stop --force web; until grep -qx 1 ended; do :; done");
	CHECK(peer_wait(&peer) == 0);
}

/* A terminal that is a terminal is not to be had. */
static void test_console_none(void)
{
	peer = peer_run("--kernel wait.bin --control " SOCKET);
	qmp = qmp_open(SOCKET);
	qmp_expect(qmp, ATTACH "}",
		   "{\"error\": {\"class\": \"DeviceNotActive\", \"desc\": "
		   "\"the console is not to be had: it was not started with "
		   "--terminal socket\"}}");
	is_reply(qmp_do(qmp, "quit"), OK);
	CHECK(peer_wait(&peer) == 0);
}

static const struct peer_test tests[] = {
	{ "name", test_name },
	{ "name-dead", test_name_dead },
	{ "none", test_none },
	{ "console", test_console },
	{ "console-none", test_console_none },
	{ "client", test_client },
	{ "dirty-rate", test_dirty_rate },
};

int main(int argc, char *argv[])
{
	return peer_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
