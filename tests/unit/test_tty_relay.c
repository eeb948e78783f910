/* tests/unit/test_tty_relay.c - host/tty_relay.c. */
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/tty_relay.h"
#include "tests/unit/test.h"

static struct loop *loop;
static struct tty_relay *relay;
static struct loop_watch idle; /* always ready: called once a round */
static int rounds, breaks;
static char at_break[16]; /* what the guest could have heard then */
static struct err err;

static void idle_ready(struct loop_watch *watch, uint32_t events)
{
	(void)watch;
	(void)events;
	if (--rounds == 0)
		loop_stop(loop);
}

static void settle(void)
{
	rounds = 8;
	assert_int_equal(loop_run(loop, &err), 0);
}

static void count_break(void *ctx)
{
	assert_ptr_equal(ctx, &breaks);
	breaks++;
	(void)recv(tty_relay_fd(relay), at_break, sizeof(at_break) - 1,
		   MSG_DONTWAIT | MSG_PEEK);
}

static int setup(void **state)
{
	(void)state;
	breaks = 0;
	memset(at_break, 0, sizeof(at_break));
	assert_int_equal(loop_new(&loop, &err), 0);
	idle = (struct loop_watch){ .fd = eventfd(1, EFD_CLOEXEC),
				    .ready = idle_ready };
	assert_int_equal(loop_add(loop, &idle, EPOLLIN, &err), 0);
	return tty_relay_new(&relay, loop, count_break, &breaks, &err);
}

static int teardown(void **state)
{
	(void)state;
	relay = tty_relay_free(relay);
	loop_remove(loop, &idle);
	(void)close(idle.fd);
	loop = loop_free(loop);
	return 0;
}

/* What the guest says, of which as much is taken as its socket holds. */
static size_t guest_says(const char *text, size_t len)
{
	const ssize_t n = send(tty_relay_fd(relay), text, len, MSG_DONTWAIT);

	assert_true(n >= 0);
	settle();
	return (size_t)n;
}

static void guest_puts(const char *text)
{
	assert_int_equal(guest_says(text, strlen(text)), strlen(text));
}

/* All that is there to be read now. */
static const char *get(int fd, size_t *ret_len)
{
	static char text[1 << 20];
	size_t len = 0;
	ssize_t n;

	settle();
	while (len < sizeof(text) - 1 &&
	       (n = recv(fd, text + len, sizeof(text) - 1 - len,
			 MSG_DONTWAIT)) > 0) {
		len += (size_t)n;
		settle();
	}
	text[len] = 0;
	if (ret_len)
		*ret_len = len;
	return text;
}

static const char *guest_hears(void)
{
	return get(tty_relay_fd(relay), NULL);
}

static int attach(unsigned how)
{
	int pair[2];

	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	assert_int_equal(tty_relay_attach(relay, pair[1], how, &err), 0);
	settle();
	return pair[0];
}

static void type(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL),
			 strlen(text));
	settle();
}

static bool at_end(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0;
}

static void attach__bytes_go_both_ways(void **state)
{
	_cleanup_(fd_closep) int fd = attach(0);

	(void)state;
	guest_puts("login: ");
	assert_string_equal(get(fd, NULL), "login: ");
	type(fd, "root\n");
	assert_string_equal(guest_hears(), "root\n");
}

static void attach__what_was_said_before_is_shown_first(void **state)
{
	int fd;

	(void)state;
	guest_puts("one ");
	guest_puts("two ");
	fd = attach(0);
	guest_puts("three");
	assert_string_equal(get(fd, NULL), "one two three");
	(void)close(fd);
	/* To the next one, too. */
	fd = attach(0);
	assert_string_equal(get(fd, NULL), "one two three");
	(void)close(fd);
}

static void guest__its_last_words_are_kept_and_no_more(void **state)
{
	static char text[TTY_RELAY_KEPT + 1];
	_cleanup_(fd_closep) int fd = -1;
	size_t done = 0, len;
	const char *shown;

	(void)state;
	memset(text, 'x', sizeof(text));
	text[0] = 'a';
	text[1] = 'b';
	text[TTY_RELAY_KEPT] = 'z';
	while (done < sizeof(text)) {
		done += guest_says(text + done, sizeof(text) - done);
		settle();
	}
	settle();
	settle();
	fd = attach(0);
	shown = get(fd, &len);
	assert_int_equal(len, TTY_RELAY_KEPT);
	assert_int_equal(shown[0], 'b');
	assert_int_equal(shown[TTY_RELAY_KEPT - 1], 'z');
}

static void guest__is_not_held_up_by_a_client_that_does_not_read(void **state)
{
	static char text[4096];
	_cleanup_(fd_closep) int fd = attach(0);
	size_t len;
	const char *shown;

	(void)state;
	memset(text, 'x', sizeof(text));
	for (int i = 0; i < 1000; i++)
		assert_int_equal(guest_says(text, sizeof(text)), sizeof(text));
	guest_puts("the end");
	shown = get(fd, &len);
	assert_true(len > TTY_RELAY_KEPT && len < 1000 * sizeof(text));
	assert_string_equal(shown + len - 7, "the end");
}

static void client__waits_for_a_guest_that_does_not_listen(void **state)
{
	static char text[100000];
	_cleanup_(fd_closep) int fd = attach(0);
	size_t sent = 0, heard = 0;

	(void)state;
	memset(text, 'k', sizeof(text));
	while (heard < sizeof(text)) {
		const ssize_t n = send(fd, text + sent, sizeof(text) - sent,
				       MSG_DONTWAIT);
		size_t len;

		sent += n > 0 ? (size_t)n : 0;
		(void)get(tty_relay_fd(relay), &len);
		heard += len;
	}
	assert_int_equal(heard, sizeof(text));
}

static void keys__mean_what_they_mean_on_a_terminal(void **state)
{
	_cleanup_(fd_closep) int fd = attach(TTY_RELAY_KEYS);

	(void)state;
	type(fd, "a\x01"
		 "bc\x01");
	assert_string_equal(guest_hears(), "ac");
	assert_int_equal(breaks, 1);
	type(fd, "\x01");
	assert_string_equal(guest_hears(), "\x01");
	type(fd, "\x01h");
	assert_non_null(strstr(get(fd, NULL), "Ctrl-a x"));
	type(fd, "d\x01xe");
	assert_string_equal(guest_hears(), "d");
	assert_true(at_end(fd));
	assert_false(tty_relay_taken(relay));
}

/* Behind the break, a letter would be SysRq's. */
static void keys__what_was_typed_before_a_break_comes_before_it(void **state)
{
	_cleanup_(fd_closep) int fd = attach(TTY_RELAY_KEYS);

	(void)state;
	type(fd, "ab"
		 "bh");
	assert_int_equal(breaks, 1);
	assert_string_equal(at_break, "ab");
	assert_string_equal(guest_hears(), "abh");
}

static void keys__mean_nothing_unasked(void **state)
{
	_cleanup_(fd_closep) int fd = attach(0);

	(void)state;
	type(fd, "\x01x\x01"
		 "b");
	assert_string_equal(guest_hears(), "\x01x\x01"
					   "b");
	assert_int_equal(breaks, 0);
	assert_true(tty_relay_taken(relay));
}

static void client__one_that_is_silent_still_sees(void **state)
{
	_cleanup_(fd_closep) int fd = attach(0);

	(void)state;
	type(fd, "last");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	settle();
	assert_string_equal(guest_hears(), "last");
	guest_puts("heard");
	assert_string_equal(get(fd, NULL), "heard");
	assert_true(tty_relay_taken(relay));
}

static void once__hangs_up_when_all_that_was_typed_is_taken(void **state)
{
	static char text[400000];
	_cleanup_(fd_closep) int fd = attach(TTY_RELAY_ONCE);
	size_t sent = 0, heard = 0;
	ssize_t n;

	(void)state;
	guest_puts("login: ");
	while ((n = send(fd, text, sizeof(text), MSG_DONTWAIT)) > 0) {
		sent += (size_t)n;
		settle();
	}
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	settle();
	assert_true(tty_relay_taken(relay));
	while (heard < sent) {
		size_t len;

		(void)get(tty_relay_fd(relay), &len);
		assert_true(len > 0);
		heard += len;
	}
	assert_int_equal(heard, sent);
	assert_string_equal(get(fd, NULL), "login: ");
	assert_true(at_end(fd));
	assert_false(tty_relay_taken(relay));

	/* The next client is none of it. */
	guest_puts("root");
	(void)close(fd);
	fd = attach(0);
	guest_puts("!");
	assert_string_equal(get(fd, NULL), "login: root!");
	assert_false(at_end(fd));
}

static void client__one_that_leaves_makes_room(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		const int fd = attach(i % 2 ? TTY_RELAY_KEYS : 0);

		assert_true(tty_relay_taken(relay));
		if (i < 2)
			type(fd, "bye ");
		(void)close(fd);
		assert_false(tty_relay_taken(relay)); /* even unnoticed */
		settle();
		assert_false(tty_relay_taken(relay));
		guest_puts("x");
	}
	assert_string_equal(guest_hears(), "bye bye ");
}

/* Else the loop would be told of it for ever. */
static void client__one_that_leaves_before_a_deaf_guest_is_let_go(void **state)
{
	static char text[400000];
	const int fd = attach(0);
	size_t sent = 0, before;

	(void)state;
	do {
		const ssize_t n = send(fd, text, sizeof(text), MSG_DONTWAIT);

		before = sent;
		sent += n > 0 ? (size_t)n : 0;
		settle();
	} while (sent != before);
	(void)close(fd);
	settle();
	assert_false(tty_relay_taken(relay));
	(void)attach(0);
	assert_true(tty_relay_taken(relay));
}

static void attach__the_one_before_is_hung_up_on(void **state)
{
	_cleanup_(fd_closep) int one = attach(0);
	_cleanup_(fd_closep) int two = attach(0);

	(void)state;
	assert_true(at_end(one));
	type(two, "two");
	assert_string_equal(guest_hears(), "two");
}

static void free__what_the_guest_said_last_is_shown(void **state)
{
	_cleanup_(fd_closep) int fd = attach(0);
	char text[16] = "";

	(void)state;
	assert_int_equal(write(tty_relay_fd(relay), "bye", 3), 3);
	relay = tty_relay_free(relay);
	assert_int_equal(read(fd, text, sizeof(text)), 3);
	assert_string_equal(text, "bye");
	assert_true(at_end(fd));
	assert_null(tty_relay_free(NULL));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(attach__bytes_go_both_ways),
		TEST(attach__what_was_said_before_is_shown_first),
		TEST(guest__its_last_words_are_kept_and_no_more),
		TEST(guest__is_not_held_up_by_a_client_that_does_not_read),
		TEST(client__waits_for_a_guest_that_does_not_listen),
		TEST(keys__mean_what_they_mean_on_a_terminal),
		TEST(keys__what_was_typed_before_a_break_comes_before_it),
		TEST(keys__mean_nothing_unasked),
		TEST(client__one_that_is_silent_still_sees),
		TEST(once__hangs_up_when_all_that_was_typed_is_taken),
		TEST(client__one_that_leaves_makes_room),
		TEST(client__one_that_leaves_before_a_deaf_guest_is_let_go),
		TEST(attach__the_one_before_is_hung_up_on),
		TEST(free__what_the_guest_said_last_is_shown),
	};

	return RUN_TESTS(tests);
}
