/* tests/unit/test_gdb_session.c - vmm/debug/gdb_session.c. The guest and the
 * loop are fakes: each test says when the socket is ready. */
#include "vmm/debug/gdb_session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "arch/arch.h"
#include "tests/unit/test.h"
#include "vmm/debug/gdb_guest.h"

#define PACKET "$g#67" /* all registers: the longest answer there is */

static struct loop_watch *door;
static uint32_t armed; /* that the session waits for */
static unsigned ends;

int loop_add(struct loop *loop, struct loop_watch *watch, uint32_t events,
	     struct err *err)
{
	(void)loop;
	(void)err;
	door = watch;
	armed = events;
	return 0;
}

void loop_modify(struct loop *loop, struct loop_watch *watch, uint32_t events)
{
	(void)loop;
	(void)watch;
	armed = events;
}

void loop_remove(struct loop *loop, struct loop_watch *watch)
{
	(void)loop;
	(void)watch;
	door = NULL;
}

static size_t find_no_register(unsigned n, size_t *ret_offset)
{
	(void)n;
	(void)ret_offset;
	return 0;
}

const struct gdb_registers arch_gdb_registers = { "", GDB_REGISTERS_MAX,
						  find_no_register };

static int get_zeroes(void *ctx, unsigned cpu, uint8_t *ret)
{
	(void)ctx;
	(void)cpu;
	memset(ret, 0, GDB_REGISTERS_MAX);
	return 0;
}

const struct gdb_target_ops gdb_guest_ops = { .read_registers = get_zeroes };

int gdb_guest_init(struct gdb_guest *guest, struct vm *vm, struct loop *loop,
		   const struct gdb_holder *holder, struct err *err)
{
	(void)guest;
	(void)vm;
	(void)loop;
	(void)holder;
	(void)err;
	return 0;
}

void gdb_guest_finish(struct gdb_guest *guest)
{
	(void)guest;
}

void gdb_guest_restarts(struct gdb_guest *guest, struct vm *vm)
{
	(void)guest;
	(void)vm;
}

static void count_end(void *ctx)
{
	(void)ctx;
	ends++;
}

static const struct gdb_session_owner owner = { .ended = count_end };

/* Returns gdb's end of the socket. */
static int begin(struct gdb_session **session)
{
	struct err err;
	int pair[2];

	ends = 0;
	assert_int_equal(
		socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(
		gdb_session_new(session, NULL, NULL, pair[0], &owner, &err), 0);
	assert_int_equal(armed, EPOLLIN);
	return pair[1];
}

/* Reads what there is: how many packets begin in it. */
static unsigned count_answers(int fd)
{
	char buf[4096];
	unsigned count = 0;
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n; i++)
			count += buf[i] == '$';
	assert_int_equal(errno, EAGAIN);
	return count;
}

static void ready__packets_that_come_together_are_all_answered(void **state)
{
	enum { PACKETS = 10 };
	const size_t len = strlen(PACKET);
	struct gdb_session *session;
	const int fd = begin(&session);

	(void)state;
	for (int i = 0; i < PACKETS; i++)
		assert_int_equal(write(fd, PACKET, len), len);
	door->ready(door, EPOLLIN);
	assert_int_equal(count_answers(fd), PACKETS);
	assert_int_equal(armed, EPOLLIN);
	assert_null(gdb_session_free(session, false));
	(void)close(fd);
}

static void ready__who_does_not_read_is_not_read(void **state)
{
	const size_t len = strlen(PACKET);
	struct gdb_session *session;
	const int fd = begin(&session);
	unsigned sent = 0, answers = 0;

	(void)state;
	while (armed & EPOLLIN) {
		assert_int_equal(write(fd, PACKET, len), len);
		sent++;
		door->ready(door, EPOLLIN);
	}
	assert_int_equal(armed, EPOLLOUT);
	while (answers < sent) {
		answers += count_answers(fd);
		if (answers == sent)
			break;
		assert_true(armed & EPOLLOUT);
		door->ready(door, EPOLLOUT);
	}
	assert_int_equal(answers, sent);
	door->ready(door, EPOLLOUT);
	assert_int_equal(armed, EPOLLIN);
	assert_int_equal(ends, 0);
	assert_null(gdb_session_free(session, false));
	(void)close(fd);
}

static void ready__who_is_gone_ends_the_session(void **state)
{
	struct gdb_session *session;
	const int fd = begin(&session);

	(void)state;
	(void)close(fd);
	door->ready(door, EPOLLIN | EPOLLHUP);
	assert_int_equal(ends, 1);
	assert_null(gdb_session_free(session, false));
	assert_null(door);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			ready__packets_that_come_together_are_all_answered),
		cmocka_unit_test(ready__who_does_not_read_is_not_read),
		cmocka_unit_test(ready__who_is_gone_ends_the_session),
	};

	return RUN_TESTS(tests);
}
