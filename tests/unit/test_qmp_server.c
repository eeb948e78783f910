/* tests/unit/test_qmp_server.c - vmm/control/server.c and outbox.c. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/unit/test.h"
#include "vmm/control/server.h"

#define READY "{\"execute\": \"qmp_capabilities\"}"
#define OK "{\"return\": {}}\r\n"
#define BIG 100000 /* bytes of a large reply's text */

static struct loop *loop;
static struct qmp_server *server;
static struct loop_watch idle; /* always ready: called once a round */
static int rounds;
static int runs;
static int taken = -1;
static struct err err;

static void idle_ready(struct loop_watch *watch, uint32_t events)
{
	(void)watch;
	(void)events;
	if (--rounds == 0)
		loop_stop(loop);
}

/* Lets the loop go round so often. */
static void turn(int times)
{
	rounds = times;
	assert_int_equal(loop_run(loop, &err), 0);
}

static int do_count(struct qmp_call *call, struct err *e)
{
	(void)call;
	(void)e;
	runs++;
	return 0;
}

static int do_stop(struct qmp_call *call, struct err *e)
{
	(void)call;
	(void)e;
	runs++;
	qmp_server_event(server, "STOP", json_null());
	return 0;
}

static int do_big(struct qmp_call *call, struct err *e)
{
	static char text[BIG];

	(void)e;
	runs++;
	memset(text, 'x', sizeof(text));
	call->ret = json_stringn(text, sizeof(text));
	return 0;
}

/* More than a small socket holds, less than what the server waits for. */
static int do_some(struct qmp_call *call, struct err *e)
{
	static char text[BIG / 4];

	(void)e;
	memset(text, 'x', sizeof(text));
	call->ret = json_stringn(text, sizeof(text));
	return 0;
}

static void keep_fd(void *ctx, int fd, unsigned how)
{
	assert_ptr_equal(ctx, &taken);
	assert_int_equal(how, 2);
	taken = fd;
}

static int do_take(struct qmp_call *call, struct err *e)
{
	(void)e;
	call->take_over = keep_fd;
	call->how = 2;
	return 0;
}

static const struct qmp_command commands[] = {
	{ "count", do_count, {} }, { "stop", do_stop, {} },
	{ "big", do_big, {} },	   { "some", do_some, {} },
	{ "take", do_take, {} },
};
static const struct qmp_table table = {
	.command = commands,
	.count = sizeof(commands) / sizeof(commands[0]),
};

static int setup(void **state)
{
	(void)state;
	runs = 0;
	assert_int_equal(loop_new(&loop, &err), 0);
	idle = (struct loop_watch){ .fd = eventfd(1, EFD_CLOEXEC),
				    .ready = idle_ready };
	assert_int_equal(loop_add(loop, &idle, EPOLLIN, &err), 0);
	return qmp_server_new(&server, loop, &table, &taken, &err);
}

static int teardown(void **state)
{
	(void)state;
	server = qmp_server_free(server);
	loop_remove(loop, &idle);
	(void)close(idle.fd);
	loop = loop_free(loop);
	return 0;
}

static void put(int fd, const char *text)
{
	const size_t len = strlen(text);

	assert_int_equal(send(fd, text, len, MSG_NOSIGNAL), len);
}

/* All that is there to be read now; "" if nothing is. */
static const char *get(int fd)
{
	static char text[65536];
	size_t len = 0;
	ssize_t n;

	while ((n = recv(fd, text + len, sizeof(text) - 1 - len,
			 MSG_DONTWAIT)) > 0)
		len += (size_t)n;
	text[len] = 0;
	return text;
}

static bool at_end(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

/* A client that has said nothing yet. */
static int client_new(void)
{
	int pair[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	qmp_server_add(server, pair[1]);
	return pair[0];
}

/* One that has negotiated. */
static int client_ready(void)
{
	const int fd = client_new();

	put(fd, READY);
	turn(2);
	assert_non_null(strstr(get(fd), OK));
	return fd;
}

static void add__the_greeting_comes_at_once(void **state)
{
	_cleanup_(fd_closep) int fd = client_new();
	const char *text = get(fd);

	(void)state;
	assert_memory_equal(text, "{\"QMP\": {\"version\": {\"qemu\": {", 30);
	assert_string_equal(text + strlen(text) - 2, "\r\n");
}

static void ready__bytes_one_at_a_time_are_a_command(void **state)
{
	_cleanup_(fd_closep) int fd = client_ready();
	const char *text = "{\"execute\": \"count\"}";

	(void)state;
	for (; *text; text++) {
		assert_string_equal(get(fd), "");
		assert_int_equal(send(fd, text, 1, 0), 1);
		turn(1);
	}
	turn(1);
	assert_string_equal(get(fd), OK);
	assert_int_equal(runs, 1);
}

static void ready__commands_in_one_packet_are_done_in_order(void **state)
{
	_cleanup_(fd_closep) int fd = client_new();

	(void)state;
	(void)get(fd);
	put(fd, READY "{\"execute\":\"count\",\"id\":1}rubbish\n"
		      "{\"execute\":\"nosuch\",\"id\":2}"
		      "{\"execute\":\"count\",\"id\":3}");
	turn(2);
	assert_string_equal(
		get(fd),
		OK "{\"return\": {}, \"id\": 1}\r\n"
		   "{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON "
		   "parse error, expecting an object\"}}\r\n"
		   "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": "
		   "\"The command nosuch has not been found\"}, \"id\": 2}\r\n"
		   "{\"return\": {}, \"id\": 3}\r\n");
	assert_int_equal(runs, 2);
}

static void ready__a_command_has_64_kib_and_not_a_byte_more(void **state)
{
	_cleanup_(fd_closep) int fd = client_ready();
	const char *front = "{\"execute\": \"count\", \"id\": \"";
	const size_t fill = QMP_MAX_COMMAND - strlen(front) - 2;
	char *text = calloc(1, QMP_MAX_COMMAND + 16);

	(void)state;
	memcpy(text, front, strlen(front) + 1);
	memset(text + strlen(front), 'x', fill);
	memcpy(text + QMP_MAX_COMMAND - 2, "\"}", 3);
	put(fd, text);
	turn(40);
	assert_int_equal(runs, 1);
	assert_int_equal(strlen(get(fd)), strlen(OK) + fill + 10);

	memcpy(text + QMP_MAX_COMMAND - 2, "x\"}", 4);
	put(fd, text);
	put(fd, "{\"execute\": \"count\"}");
	turn(40);
	assert_int_equal(runs, 2);
	assert_string_equal(get(fd),
			    "{\"error\": {\"class\": \"GenericError\", "
			    "\"desc\": \"the command is too long\"}}\r\n" OK);
	free(text);
}

static void ready__a_half_closed_client_is_answered_then_let_go(void **state)
{
	_cleanup_(fd_closep) int fd = client_new();

	(void)state;
	(void)get(fd);
	put(fd, READY "{\"execute\": \"stop\"}{\"execute\": ");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	turn(4);
	assert_non_null(strstr(get(fd), "\"event\": \"STOP\"}\r\n" OK));
	assert_true(at_end(fd));
	assert_int_equal(runs, 1);
}

static void ready__a_client_that_left_makes_room(void **state)
{
	(void)state;
	for (int i = 0; i < 3 * QMP_MAX_CLIENTS; i++) {
		const int fd = client_new();

		/* With the greeting unread, read; with commands, without. */
		if (i % 2)
			(void)get(fd);
		if (i % 3)
			put(fd, READY "{\"execute\": \"count\"}");
		(void)close(fd);
		turn(3);
	}
	assert_false(qmp_server_heard(server));
}

static void ready__one_that_does_not_read_is_not_read_from(void **state)
{
	_cleanup_(fd_closep) int fd = client_ready();
	_cleanup_(fd_closep) int other = client_ready();
	const char *text = "{\"execute\": \"big\"}";
	size_t got = 0;
	int before;

	(void)state;
	for (int i = 0; i < 200; i++)
		put(fd, text);
	turn(50);
	before = runs;
	assert_in_range(before, 1, 10); /* what the sockets hold */
	turn(50);
	assert_int_equal(runs, before);
	/* Others are served. */
	put(other, "{\"execute\": \"count\"}");
	turn(2);
	assert_string_equal(get(other), OK);

	/* And it may go on when it has read. */
	for (int i = 0; i < 2000 && got < 200UL * (BIG + 16); i++) {
		got += strlen(get(fd));
		turn(2);
	}
	assert_int_equal(runs, 200 + 1);
	assert_int_equal(got, (BIG + strlen("{\"return\": \"\"}\r\n")) * 200);
}

static void event__all_that_negotiated_are_told(void **state)
{
	_cleanup_(fd_closep) int one = client_ready();
	_cleanup_(fd_closep) int two = client_ready();
	_cleanup_(fd_closep) int silent = client_new();

	(void)state;
	(void)get(silent);
	put(one, "{\"execute\": \"stop\"}");
	turn(2);
	assert_non_null(strstr(get(one), "\"event\": \"STOP\"}\r\n" OK));
	assert_non_null(strstr(get(two), "\"event\": \"STOP\"}\r\n"));
	assert_string_equal(get(silent), "");
	qmp_server_event(server, "RESET", json_pack("{s:b}", "guest", 1));
	assert_non_null(strstr(get(two), "\"event\": \"RESET\", \"data\": "
					 "{\"guest\": true}}\r\n"));
	assert_string_equal(get(silent), "");
}

static void event__without_clients_costs_nothing(void **state)
{
	_cleanup_(fd_closep) int silent = client_new();

	(void)state;
	assert_false(qmp_server_heard(NULL));
	assert_false(qmp_server_heard(server));
	qmp_server_event(server, "RESET", json_object());
}

static void event__a_stuck_client_is_dropped(void **state)
{
	_cleanup_(fd_closep) int stuck = client_ready();
	_cleanup_(fd_closep) int other = client_ready();

	(void)state;
	for (int i = 0; i < 10000; i++) {
		qmp_server_event(server, "STOP", json_null());
		assert_non_null(strstr(get(other), "\"STOP\"}\r\n"));
	}
	while (*get(stuck))
		;
	assert_true(at_end(stuck));
	assert_false(at_end(other));
}

static void event__without_memory_for_it_clients_are_dropped(void **state)
{
	_cleanup_(fd_closep) int fd = client_ready();

	(void)state;
	qmp_server_event(server, "STOP", NULL);
	assert_string_equal(get(fd), "");
	assert_true(at_end(fd));
}

static void event__one_that_left_is_no_trouble(void **state)
{
	const int gone = client_ready();
	_cleanup_(fd_closep) int other = client_ready();

	(void)state;
	(void)close(gone);
	put(other, "{\"execute\": \"stop\"}");
	turn(3);
	assert_non_null(strstr(get(other), "\"STOP\"}\r\n" OK));
	qmp_server_event(server, "STOP", json_null());
	assert_non_null(strstr(get(other), "\"STOP\"}\r\n"));
}

#define TOO_MANY                                     \
	"{\"error\": {\"class\": \"GenericError\", " \
	"\"desc\": \"too many clients\"}}\r\n"

static void add__one_too_many_drops_who_is_silent_the_longest(void **state)
{
	int fd[QMP_MAX_CLIENTS + 2];

	(void)state;
	for (size_t i = 0; i < QMP_MAX_CLIENTS; i++)
		fd[i] = client_ready();
	/* Of those that said as much, the second has now said more. */
	put(fd[1], "{\"execute\": \"count\"}");
	turn(2);
	(void)get(fd[1]);
	fd[QMP_MAX_CLIENTS] = client_ready();
	fd[QMP_MAX_CLIENTS + 1] = client_ready();
	for (size_t i = 0; i < 4; i++) {
		const bool silent = i == 0 || i == 2;

		assert_string_equal(get(fd[i]), silent ? TOO_MANY : "");
		assert_int_equal(at_end(fd[i]), silent);
	}
	put(fd[QMP_MAX_CLIENTS], "{\"execute\": \"count\"}");
	turn(2);
	assert_string_equal(get(fd[QMP_MAX_CLIENTS]), OK);
	for (size_t i = 0; i < QMP_MAX_CLIENTS + 2; i++)
		(void)close(fd[i]);
}

static void add__one_that_does_not_read_is_dropped_as_well(void **state)
{
	int fd[QMP_MAX_CLIENTS + 1];

	(void)state;
	for (size_t i = 0; i < QMP_MAX_CLIENTS; i++) {
		fd[i] = client_ready();
		put(fd[i], "{\"execute\": \"big\"}{\"execute\": \"big\"}"
			   "{\"execute\": \"big\"}{\"execute\": \"big\"}");
		turn(2);
	}
	fd[QMP_MAX_CLIENTS] = client_ready();
	for (size_t i = 0; i < 2; i++) {
		while (*get(fd[i]))
			;
		assert_int_equal(at_end(fd[i]), i == 0);
	}
	for (size_t i = 0; i <= QMP_MAX_CLIENTS; i++)
		(void)close(fd[i]);
}

static void add__who_has_left_makes_room_before_others_are_dropped(void **state)
{
	int fd[QMP_MAX_CLIENTS];

	(void)state;
	for (size_t i = 0; i < QMP_MAX_CLIENTS; i++)
		fd[i] = client_ready();
	(void)close(fd[3]);
	turn(2);
	fd[3] = client_ready();
	for (size_t i = 0; i < QMP_MAX_CLIENTS; i++) {
		assert_false(at_end(fd[i]));
		(void)close(fd[i]);
	}
}

static void ready__a_taken_connection_is_another_s(void **state)
{
	_cleanup_(fd_closep) int fd = client_ready();

	(void)state;
	put(fd, "{\"execute\": \"take\"}{\"execute\": \"count\"}");
	turn(3);
	assert_string_equal(get(fd), OK);
	assert_true(taken >= 0);
	assert_int_equal(write(taken, "raw", 3), 3);
	assert_string_equal(get(fd), "raw");
	assert_int_equal(runs, 0);
	fd_closep(&taken);
	taken = -1;
	assert_true(at_end(fd));
}

/* A listening socket with a name of no file. */
static int listener_new(struct sockaddr_un *at)
{
	const int fd = socket(AF_UNIX,
			      SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t len = sizeof(*at);

	*at = (struct sockaddr_un){ .sun_family = AF_UNIX };
	/* The kernel chooses an abstract name. */
	assert_int_equal(bind(fd, (struct sockaddr *)at, sizeof(sa_family_t)),
			 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)at, &len), 0);
	assert_int_equal(listen(fd, 64), 0);
	return fd;
}

static int connect_to(const struct sockaddr_un *at)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const socklen_t len = (socklen_t)(offsetof(struct sockaddr_un,
						   sun_path) +
					  1 + strlen(at->sun_path + 1));

	assert_int_equal(connect(fd, (const struct sockaddr *)at, len), 0);
	return fd;
}

/* Else the guest's console would begin with it. */
static void event__does_not_come_behind_the_last_reply(void **state)
{
	static char all[BIG];
	const int size = 1; /* the least there is */
	int pair[2];

	(void)state;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(
		setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)),
		0);
	qmp_server_add(server, pair[1]);
	put(pair[0], READY "{\"execute\": \"some\"}{\"execute\": \"take\"}");
	turn(2);
	qmp_server_event(server, "STOP", json_null());
	assert_int_equal(taken, -1);
	for (int i = 0; i < 100 && taken < 0; i++) {
		(void)strcat(all, get(pair[0]));
		turn(1);
	}
	(void)strcat(all, get(pair[0]));
	assert_true(taken >= 0);
	assert_null(strstr(all, "STOP"));
	fd_closep(&taken);
	taken = -1;
	(void)close(pair[0]);
}

static void listen__more_clients_than_a_turn_are_all_taken(void **state)
{
	struct sockaddr_un at;
	_cleanup_(fd_closep) int listener = listener_new(&at);
	int fd[40];

	(void)state;
	assert_int_equal(qmp_server_listen(server, listener, &err), 0);
	for (size_t i = 0; i < 40; i++)
		fd[i] = connect_to(&at);
	turn(6);
	for (size_t i = 0; i < 40; i++) {
		const char *said = get(fd[i]);

		assert_non_null(strstr(said, "QMP"));
		/* The last to come stay. */
		assert_int_equal(!strstr(said, "too many"),
				 i >= 40 - QMP_MAX_CLIENTS);
		(void)close(fd[i]);
	}
	server = qmp_server_free(server); /* before its listener */
}

static void listen__no_descriptor_left_is_no_end_and_no_circle(void **state)
{
	struct sockaddr_un at;
	_cleanup_(fd_closep) int listener = listener_new(&at);
	_cleanup_(fd_closep) int first = -1;
	_cleanup_(fd_closep) int second = -1;
	struct rlimit was, none;

	(void)state;
	assert_int_equal(qmp_server_listen(server, listener, &err), 0);
	first = connect_to(&at);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	none = was;
	none.rlim_cur = 0;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	turn(3);
	assert_string_equal(get(first), "");
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	second = connect_to(&at);
	turn(3);
	assert_non_null(strstr(get(first), "QMP"));
	assert_non_null(strstr(get(second), "QMP"));
	server = qmp_server_free(server);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(add__the_greeting_comes_at_once),
		TEST(ready__bytes_one_at_a_time_are_a_command),
		TEST(ready__commands_in_one_packet_are_done_in_order),
		TEST(ready__a_command_has_64_kib_and_not_a_byte_more),
		TEST(ready__a_half_closed_client_is_answered_then_let_go),
		TEST(ready__a_client_that_left_makes_room),
		TEST(ready__one_that_does_not_read_is_not_read_from),
		TEST(event__all_that_negotiated_are_told),
		TEST(event__without_clients_costs_nothing),
		TEST(event__a_stuck_client_is_dropped),
		TEST(event__without_memory_for_it_clients_are_dropped),
		TEST(event__one_that_left_is_no_trouble),
		TEST(add__one_too_many_drops_who_is_silent_the_longest),
		TEST(add__one_that_does_not_read_is_dropped_as_well),
		TEST(add__who_has_left_makes_room_before_others_are_dropped),
		TEST(ready__a_taken_connection_is_another_s),
		TEST(event__does_not_come_behind_the_last_reply),
		TEST(listen__more_clients_than_a_turn_are_all_taken),
		TEST(listen__no_descriptor_left_is_no_end_and_no_circle),
	};

	return RUN_TESTS(tests);
}
