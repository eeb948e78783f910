/* tests/unit/test_test_link.c - vmm/test/link.c. */
#include "vmm/test/link.h"

#include <string.h>

#include "base/cleanup.h"
#include "tests/unit/test.h"

struct heard {
	struct link link;
	struct port_user user;
	char lines[8][LINK_LINE];
	unsigned count;
	unsigned arrived;
};

static void hear(void *ctx, const char *line)
{
	struct heard *heard = ctx;

	(void)strcpy(heard->lines[heard->count++ % 8], line);
}

static void told_arrived(struct port_user *user)
{
	container_of(user, struct heard, user)->arrived++;
}

static void begin(struct heard *heard)
{
	struct err err = { 0 };

	memset(heard, 0, sizeof(*heard));
	heard->user.arrived = told_arrived;
	link_init(&heard->link, hear, heard);
	assert_int_equal(heard->link.port.ops->attach(&heard->link.port, NULL,
						      &heard->user, &err),
			 0);
}

static void guest_sends(struct heard *heard, const char *text)
{
	assert_int_equal(heard->link.port.ops->send(&heard->link.port,
						    (const uint8_t *)text,
						    strlen(text)),
			 (int)strlen(text));
}

static void lines__come_in_pieces(void **state)
{
	struct heard heard;

	(void)state;
	begin(&heard);
	guest_sends(&heard, "bo");
	guest_sends(&heard, "ot\nexit ");
	assert_int_equal(heard.count, 1);
	guest_sends(&heard, "7\n");
	assert_string_equal(heard.lines[0], "boot");
	assert_string_equal(heard.lines[1], "exit 7");
}

static void lines__that_have_no_end_are_cut(void **state)
{
	struct heard heard;

	(void)state;
	begin(&heard);
	for (unsigned i = 0; i < 100; i++)
		guest_sends(&heard, "0123456789");
	assert_int_equal(heard.count, 0);
	guest_sends(&heard, "\nnext\n");
	assert_int_equal(strlen(heard.lines[0]), LINK_LINE - 1);
	assert_string_equal(heard.lines[1], "next");
}

static void say__waits_for_the_guest_and_is_bounded(void **state)
{
	struct heard heard;
	uint8_t buf[LINK_OUT];
	ssize_t n;

	(void)state;
	begin(&heard);
	for (unsigned i = 0; i < 1000; i++)
		link_say(&heard.link, "size %u %u", 25u, 80u);
	assert_true(heard.arrived > 0);
	n = heard.link.port.ops->receive(&heard.link.port, buf, 5);
	assert_int_equal(n, 5);
	assert_memory_equal(buf, "size ", 5);
	n = heard.link.port.ops->receive(&heard.link.port, buf, sizeof(buf));
	assert_in_range(n, 100, LINK_OUT);
	assert_int_equal(buf[n - 1], '\n');
	assert_int_equal(heard.link.port.ops->receive(&heard.link.port, buf, 1),
			 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines__come_in_pieces),
		cmocka_unit_test(lines__that_have_no_end_are_cut),
		cmocka_unit_test(say__waits_for_the_guest_and_is_bounded),
	};

	return RUN_TESTS(tests);
}
