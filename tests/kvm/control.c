/*
 * tests/kvm/control.c - the control socket of a real guest, from outside.
 *
 * Usage: control TEST, in a folder with count.bin and wait.bin. It says "ok",
 * or FAIL and why. What is expected on the wire is QEMU's documented form.
 * Source: QEMU, docs/interop/qmp-spec and qapi/run-state.json.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/kvm/peer.h"

#define DEVICES 0x1f000000LL /* no memory is here, on any architecture */
#define SOCKET "./control.sock"
#define COUNT "--kernel count.bin --control " SOCKET " "
#define PAUSE_MS 1500U
#define OK "{\"return\": {}}"
#define PAUSED "{\"return\": {\"running\": false, \"status\": \"paused\"}}"
#define RUNNING "{\"return\": {\"running\": true, \"status\": \"running\"}}"

static struct peer peer;
static int qmp;

/* A guest that counts on so many CPUs, and a client of it. */
static void begin(const char *more)
{
	char words[256];

	(void)snprintf(words, sizeof(words), COUNT "%s >/dev/null", more);
	peer = peer_run(words);
	qmp = qmp_open(SOCKET);
	peer_find(&peer);
}

/* Where the guest's RAM begins, by its own account. */
static unsigned long long ram_start(void)
{
	const char *line = strstr(qmp_do(qmp, "x-vmm-query-memory"),
				  "\"kind\": \"ram\", ");
	unsigned long long start;

	CHECK(line);
	CHECK(sscanf(line, "\"kind\": \"ram\", \"start\": %llu, ", &start) ==
	      1);
	return start;
}

static void end_quit(void)
{
	is_reply(qmp_do(qmp, "quit"), OK);
	qmp_event(qmp, "SHUTDOWN",
		  ", \"data\": {\"guest\": false, "
		  "\"reason\": \"host-qmp-quit\"}");
	is_reply(qmp_line(qmp), "");
	CHECK(access(SOCKET, F_OK) < 0);
	CHECK(peer_wait(&peer) == 0);
}

static void stop(void)
{
	is_reply(qmp_do(qmp, "query-status"), RUNNING);
	qmp_send(qmp, "{\"execute\": \"stop\"}");
	qmp_event(qmp, "STOP", "");
	is_reply(qmp_line(qmp), OK);
	is_reply(qmp_do(qmp, "query-status"), PAUSED);
}

static void cont(void)
{
	qmp_send(qmp, "{\"execute\": \"cont\"}");
	qmp_event(qmp, "RESUME", "");
	is_reply(qmp_line(qmp), OK);
	is_reply(qmp_do(qmp, "query-status"), RUNNING);
}

static void test_wire(void)
{
	const char *line;

	peer = peer_run(COUNT "--name wire >/dev/null");
	qmp = qmp_connect(SOCKET);
	line = qmp_line(qmp);
	CHECK(begins(line, "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": "));
	CHECK(strstr(line, ", \"package\": \"vmm ") &&
	      strstr(line, "\"}, \"capabilities\": []}}"));
	qmp_expect(qmp, "{\"execute\": \"query-status\", \"id\": [1, null]}",
		   "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": "
		   "\"Expecting capabilities negotiation with "
		   "'qmp_capabilities'\"}, \"id\": [1, null]}");
	qmp_expect(qmp, "{ \"execute\": \"qmp_capabilities\", \"id\": \"x\" }",
		   "{\"return\": {}, \"id\": \"x\"}");
	qmp_expect(qmp, "{'execute': 'query-name'}",
		   "{\"return\": {\"name\": \"wire\"}}");
	qmp_expect(qmp, "{ \"execute\": \"query-kvm\", \"id\": \"example\" }",
		   "{\"return\": {\"enabled\": true, \"present\": true}, "
		   "\"id\": \"example\"}");
	qmp_send(qmp, "{ \"execute\": }");
	CHECK(begins(qmp_line(qmp),
		     "{\"error\": {\"class\": \"GenericError\", \"desc\": "
		     "\"JSON parse error, "));
	qmp_expect(qmp, "{\"execute\": \"stop\", \"arguments\": {\"x\": 1}}",
		   "{\"error\": {\"class\": \"GenericError\", \"desc\": "
		   "\"Parameter 'x' is unexpected\"}}");
	CHECK(strstr(qmp_do(qmp, "system_powerdown"), "\"GenericError\""));
	CHECK(strstr(qmp_do(qmp, "query-commands"), "{\"name\": \"cont\"}"));
	is_reply(qmp_do(qmp, "query-uuid"),
		 "{\"return\": {\"UUID\": "
		 "\"00000000-0000-0000-0000-000000000000\"}}");
	is_reply(qmp_do(qmp, "query-chardev"),
		 "{\"return\": [{\"label\": \"console\", \"filename\": "
		 "\"stdio\", \"frontend-open\": true}]}");
	is_reply(qmp_do(qmp, "query-current-machine"),
		 "{\"return\": {\"wakeup-suspend-support\": false}}");
	is_reply(qmp_do(qmp, "query-iothreads"), "{\"return\": []}");
	CHECK(strstr(qmp_do(qmp, "query-machines"),
		     "\"is-default\": true, \"cpu-max\": 64, "));
	CHECK(begins(qmp_do(qmp, "query-target"), "{\"return\": {\"arch\": "));
	is_reply(qmp_do(qmp, "query-memory-size-summary"),
		 "{\"return\": {\"base-memory\": 8388608, \"plugged-memory\": "
		 "0}}");
	CHECK(strstr(qmp_do(qmp, "x-vmm-query-memory"),
		     ", \"size\": 8388608, \"slot\": "));
	(void)ram_start();
	end_quit();
}

static void test_stop(void)
{
	uint64_t sum;

	begin("--cpus 4");
	sum = peer_checksum(&peer);
	while (peer_checksum(&peer) == sum)
		sleep_ms(1);
	stop();
	sum = peer_checksum(&peer);
	for (int i = 0; i < 10; i++) {
		sleep_ms(20);
		CHECK(peer_checksum(&peer) == sum);
	}
	/* Once more is as good as once: no second event. */
	is_reply(qmp_do(qmp, "stop"), OK);
	CHECK(peer_checksum(&peer) == sum);
	cont();
	is_reply(qmp_do(qmp, "cont"), OK);
	while (peer_checksum(&peer) == sum)
		sleep_ms(1);
	end_quit();
}

/* Each CPU gets on between any two of many pauses, and none within one. */
static void test_stop_often(void)
{
	begin("--cpus 4");
	for (int i = 0; i < 50; i++) {
		struct count before, after;

		stop();
		before = peer_look(&peer);
		after = peer_look(&peer);
		CHECK(memcmp(&before, &after, sizeof(after)) == 0);
		cont();
		while (after = peer_look(&peer), after.cpu[3] == before.cpu[3])
			;
		CHECK(after.cpu[3] > before.cpu[3]);
	}
	end_quit();
}

/* The guest does not see the pause: its clock stood. */
static void test_stop_clock(void)
{
	struct count before;

	begin("");
	stop();
	peer_clear_gap(&peer);
	before = peer_look(&peer);
	sleep_ms(PAUSE_MS);
	cont();
	/* The first look at its clock tells the gap, the next counts it. */
	while (peer_look(&peer).cpu[0] < before.cpu[0] + 2)
		sleep_ms(1);
	if (peer_look(&peer).gap >= PAUSE_MS * 1000000UL)
		FAIL("the guest's clock went on by %lu ns",
		     (unsigned long)peer_look(&peer).gap);
	end_quit();
}

static void test_reset(void)
{
	begin("--cpus 2");
	peer_order(&peer, COUNT_RESET);
	qmp_event(qmp, "RESET",
		  ", \"data\": {\"guest\": true, \"reason\": "
		  "\"guest-reset\"}");
	while (peer_look(&peer).lives != 2)
		sleep_ms(1);
	is_reply(qmp_do(qmp, "system_reset"), OK);
	qmp_event(qmp, "RESET",
		  ", \"data\": {\"guest\": false, \"reason\": "
		  "\"host-qmp-system-reset\"}");
	while (peer_look(&peer).lives != 3)
		sleep_ms(1);
	/* The next one is the guest's own again. */
	peer_order(&peer, COUNT_RESET);
	qmp_event(qmp, "RESET",
		  ", \"data\": {\"guest\": true, \"reason\": "
		  "\"guest-reset\"}");
	end_quit();
}

/* A guest that was paused is still so after a reset, and begins when told. */
static void test_reset_paused(void)
{
	struct count before, after;

	begin("--cpus 2");
	stop();
	before = peer_look(&peer);
	is_reply(qmp_do(qmp, "system_reset"), OK);
	qmp_event(qmp, "RESET",
		  ", \"data\": {\"guest\": false, \"reason\": "
		  "\"host-qmp-system-reset\"}");
	is_reply(qmp_do(qmp, "query-status"), PAUSED);
	sleep_ms(100);
	after = peer_look(&peer);
	CHECK(memcmp(&before, &after, sizeof(after)) == 0);
	cont();
	while (peer_look(&peer).lives != before.lives + 1)
		sleep_ms(1);

	/* Both in one packet: the reset is in flight when the pause comes. */
	qmp_send(qmp, "{\"execute\": \"system_reset\"}{\"execute\": \"stop\"}");
	is_reply(qmp_line(qmp), OK);
	qmp_event(qmp, "STOP", "");
	is_reply(qmp_line(qmp), OK);
	qmp_event(qmp, "RESET",
		  ", \"data\": {\"guest\": false, \"reason\": "
		  "\"host-qmp-system-reset\"}");
	is_reply(qmp_do(qmp, "query-status"), PAUSED);
	cont();
	while (peer_look(&peer).lives != before.lives + 2)
		sleep_ms(1);
	end_quit();
}

/* How a run ends: what is told, and the exit status. */
static void ends(const char *data, int status)
{
	qmp_event(qmp, "SHUTDOWN", data);
	is_reply(qmp_line(qmp), "");
	CHECK(peer_wait(&peer) == status);
	CHECK(access(SOCKET, F_OK) < 0);
	(void)close(qmp);
}

static void test_ends(void)
{
	begin("");
	peer_order(&peer, COUNT_POWER_OFF);
	ends(", \"data\": {\"guest\": true, \"reason\": \"guest-shutdown\"}",
	     0);

	begin("--no-reboot");
	peer_order(&peer, COUNT_RESET);
	ends(", \"data\": {\"guest\": true, \"reason\": \"guest-reset\"}", 3);

	begin("--no-reboot");
	is_reply(qmp_do(qmp, "system_reset"), OK);
	ends(", \"data\": {\"guest\": false, \"reason\": "
	     "\"host-qmp-system-reset\"}",
	     3);

	begin("");
	peer_order(&peer, COUNT_PANIC);
	qmp_event(qmp, "GUEST_PANICKED",
		  ", \"data\": {\"action\": \"poweroff\"}");
	ends(", \"data\": {\"guest\": true, \"reason\": \"guest-panic\"}", 4);

	begin("");
	CHECK(kill(peer.pid, SIGTERM) == 0);
	ends(", \"data\": {\"guest\": false, \"reason\": \"host-signal\"}",
	     128 + SIGTERM);

	begin("--timeout 1h");
	peer_expire(&peer);
	ends(", \"data\": {\"guest\": false, \"reason\": \"host-signal\"}",
	     124);
}

static void test_ends_paused(void)
{
	begin("--cpus 4");
	stop();
	CHECK(kill(peer.pid, SIGTERM) == 0);
	ends(", \"data\": {\"guest\": false, \"reason\": \"host-signal\"}",
	     128 + SIGTERM);

	begin("--timeout 1h");
	stop();
	peer_expire(&peer);
	ends(", \"data\": {\"guest\": false, \"reason\": \"host-signal\"}",
	     124);

	begin("");
	stop();
	end_quit();
}

/* A client that floods us and reads nothing holds up nobody. */
static void test_stuck(void)
{
	static const char text[] = "{\"execute\": \"query-commands\"}\n";
	int stuck;
	struct count before;

	begin("--cpus 2");
	stuck = qmp_open(SOCKET);
	while (send(stuck, text, sizeof(text) - 1, MSG_DONTWAIT) > 0)
		;
	before = peer_look(&peer);
	for (int i = 0; i < 50; i++) {
		stop();
		cont();
	}
	CHECK(peer_look(&peer).cpu[1] > before.cpu[1]);
	end_quit();
}

/* A command of 64 KiB is done; a byte more is refused, and nothing else. */
static void test_long(void)
{
	const char *front = "{\"execute\": \"query-name\", \"id\": \"";
	char *text = calloc(1, 65536 + 16);

	begin("");
	memcpy(text, front, strlen(front) + 1);
	memset(text + strlen(front), 'x', 65536 - 2 - strlen(front));
	memcpy(text + 65536 - 2, "\"}", 3);
	qmp_send(qmp, text);
	CHECK(strstr(qmp_line(qmp), "\"id\": \"xxxxxxxx"));
	memcpy(text + 65536 - 2, "x\"}", 4);
	qmp_expect(qmp, text,
		   "{\"error\": {\"class\": \"GenericError\", \"desc\": "
		   "\"the command is too long\"}}");
	is_reply(qmp_do(qmp, "query-status"), RUNNING);
	free(text);
	end_quit();
}

/* Statistics of a guest whose CPUs sleep in KVM_RUN for ever. */
static void test_stats(void)
{
	char task[64];
	const char *line;
	int tid = 0;

	peer = peer_run("--kernel wait.bin --cpus 3 --control " SOCKET);
	qmp = qmp_open(SOCKET);
	sleep_ms(100);
	line = qmp_do(qmp, "x-vmm-query-stats");
	CHECK(begins(line, "{\"return\": {\"vm\": {"));
	CHECK(strstr(line, "\"exits\": ") && strstr(line, "\"process\": {"));
	line = qmp_do(qmp, "query-cpus-fast");
	CHECK(strstr(line, "\"cpu-index\": 2") &&
	      !strstr(line, "\"cpu-index\": 3"));
	line = strstr(line, "\"thread-id\": ");
	CHECK(line && sscanf(line, "\"thread-id\": %d", &tid) == 1);
	(void)snprintf(task, sizeof(task), "/proc/%d/task/%d", (int)peer.pid,
		       tid);
	CHECK(access(task, F_OK) == 0);
	end_quit();
}

/* What a command prints has all of these, the last is NULL. */
static void prints(const char *command, const char *const wanted[])
{
	char text[8192];
	FILE *pipe = popen(command, "re");
	size_t len;

	CHECK(pipe);
	len = fread(text, 1, sizeof(text) - 1, pipe);
	text[len] = 0;
	CHECK(pclose(pipe) == 0);
	for (; *wanted; wanted++)
		if (!strstr(text, *wanted))
			FAIL("'%s' is not in '%s'", *wanted, text);
}

static const char *ask_residency(long long start, const char *rest)
{
	char text[256];

	(void)snprintf(text, sizeof(text),
		       "{\"execute\": \"x-vmm-query-residency\", "
		       "\"arguments\": {\"start\": %lld, %s}}",
		       start, rest);
	qmp_send(qmp, text);
	return qmp_line(qmp);
}

/* What is no memory, or none of the guest's. */
static void test_bad_residency(long long ram)
{
	static const char *const bad[] = {
		"\"size\": 0",
		"\"size\": 4095",
		"\"size\": 9223372036854771712",
		"\"size\": 4096, \"cell-size\": 12288",
		"\"size\": 4096, \"cell-size\": -1",
		"\"size\": 4096, \"cell-size\": 1",
	};
	const long long elsewhere[] = { -4096, DEVICES, ram + 1 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(strstr(ask_residency(ram, bad[i]), "\"GenericError\""));
	for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
		CHECK(strstr(ask_residency(elsewhere[i], "\"size\": 4096"),
			     "\"GenericError\""));
}

/* A guest that touches some of its memory. */
static void test_memory(void)
{
	static const char *const svg[] = { "<svg ", ">8M ram ", "</svg>",
					   NULL };
	char row[64], cells[64];
	const char *const table[] = { row, "  anon\n", NULL };
	const char *const map[] = { "8M ram ", " resident", cells,
				    "one cell is ", NULL };
	unsigned long long ram, start, first, size, resident;

	begin("");
	ram = ram_start();
	(void)snprintf(row, sizeof(row), "0x%010llx       8M  ram", ram);
	(void)snprintf(cells, sizeof(cells), "\n0x%010llx  ", ram);
	CHECK(sscanf(ask_residency((long long)ram, "\"size\": 8388608"),
		     "{\"return\": {\"start\": %llu, \"size\": %llu, "
		     "\"cells\": [{\"start\": %llu, \"resident\": %llu,",
		     &start, &size, &first, &resident) == 4);
	CHECK(start == ram && first == ram && size == 8388608);
	CHECK(resident > 0 && resident <= size);
	test_bad_residency((long long)ram);
	prints("vmm mem " SOCKET, table);
	prints("vmm mem --map " SOCKET, map);
	prints("vmm mem --svg /dev/stdout " SOCKET, svg);
	is_reply(qmp_do(qmp, "quit"), OK);
	CHECK(peer_wait(&peer) == 0);
}

static const struct peer_test tests[] = {
	{ "wire", test_wire },
	{ "stop", test_stop },
	{ "stop-often", test_stop_often },
	{ "stop-clock", test_stop_clock },
	{ "reset", test_reset },
	{ "reset-paused", test_reset_paused },
	{ "ends", test_ends },
	{ "ends-paused", test_ends_paused },
	{ "stuck", test_stuck },
	{ "long", test_long },
	{ "stats", test_stats },
	{ "memory", test_memory },
};

int main(int argc, char *argv[])
{
	return peer_main(argc, argv, tests, sizeof(tests) / sizeof(tests[0]));
}
