/* tests/unit/test_qmp_input.c - vmm/control/qmp_input.c. */
#include <stdio.h>
#include <string.h>

#include "tests/unit/test.h"
#include "vmm/control/qmp_input.h"

#define MAX 200

static struct qmp_input input;
static char found[4096]; /* messages in <>, problems as "!problem!" */

static int setup(void **state)
{
	(void)state;
	input = (struct qmp_input){ .max = MAX };
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	qmp_input_finish(&input);
	return 0;
}

static void note(enum qmp_input_found what)
{
	const size_t at = strlen(found);

	if (what == QMP_MESSAGE)
		(void)snprintf(found + at, sizeof(found) - at, "<%.*s>",
			       (int)input.len, input.text);
	else if (what == QMP_PROBLEM)
		(void)snprintf(found + at, sizeof(found) - at, "!%s!",
			       input.problem);
}

/* What comes of these bytes, given so many at once. */
static const char *feed_in(const char *buf, size_t len, size_t step)
{
	found[0] = 0;
	while (len > 0) {
		const size_t n = step < len ? step : len;
		size_t used = SIZE_MAX;

		note(qmp_input_take(&input, buf, n, &used));
		assert_in_range(used, 0, n);
		buf += used;
		len -= used;
	}
	return found;
}

/* In one piece, and byte by byte: it is the same. */
static const char *feed(const char *text)
{
	char whole[sizeof(found)];

	(void)snprintf(whole, sizeof(whole), "%s",
		       feed_in(text, strlen(text), SIZE_MAX));
	assert_int_equal(input.state, QMP_IDLE);
	assert_string_equal(feed_in(text, strlen(text), 1), whole);
	return found;
}

static void take__a_message_ends_with_its_last_bracket(void **state)
{
	(void)state;
	assert_string_equal(feed("{\"a\": [1, {}]}"), "<{\"a\": [1, {}]}>");
	assert_string_equal(feed(" \t\r\n{}"), "<{}>");
	assert_string_equal(feed("{}\r\n"), "<{}>");
}

static void take__several_messages_at_once_are_told_apart(void **state)
{
	(void)state;
	assert_string_equal(feed("{\"a\":1}{}[] [2]\n{}"),
			    "<{\"a\":1}><{}><[]><[2]><{}>");
}

static void take__brackets_in_strings_do_not_count(void **state)
{
	(void)state;
	assert_string_equal(feed("{\"}]\": \"{[\"}"), "<{\"}]\": \"{[\"}>");
	assert_string_equal(feed("{\"a\\\"}\": 1}"), "<{\"a\\\"}\": 1}>");
	assert_string_equal(feed("{\"\\\\\": 1}"), "<{\"\\\\\": 1}>");
}

static void take__single_quotes_are_made_double(void **state)
{
	(void)state;
	assert_string_equal(feed("{'execute': 'stop'}"),
			    "<{\"execute\": \"stop\"}>");
	assert_string_equal(feed("['}', 'a\"b', 'a\\'b', 'a\\\"b', \"a'b\"]"),
			    "<[\"}\", \"a\\\"b\", \"a'b\", \"a\\\"b\", "
			    "\"a'b\"]>");
	assert_string_equal(feed("[\"a\\'b\"]"), "<[\"a'b\"]>");
}

static void take__junk_is_one_problem_a_line(void **state)
{
	(void)state;
	assert_string_equal(feed("hello, world\n{}"),
			    "!JSON parse error, expecting an object!<{}>");
	assert_string_equal(feed("quit{}"),
			    "!JSON parse error, expecting an object!<{}>");
	assert_string_equal(feed("}\n"),
			    "!JSON parse error, expecting an object!");
}

static void take__a_message_of_the_largest_size_is_taken(void **state)
{
	char text[MAX + 1];

	(void)state;
	memset(text, ' ', MAX);
	text[0] = '{';
	text[MAX - 1] = '}';
	text[MAX] = 0;
	(void)feed(text);
	assert_int_equal(strlen(found), MAX + 2);
}

static void take__one_byte_more_is_a_problem_told_at_its_end(void **state)
{
	char text[MAX + 8];

	(void)state;
	memset(text, ' ', sizeof(text));
	text[0] = '{';
	memcpy(text + MAX, "} {}", 5);
	assert_string_equal(feed(text), "!the command is too long!<{}>");
	assert_int_equal(input.space, 256); /* no more was ever taken */
}

static void take__depth_is_bounded(void **state)
{
	char text[MAX];

	(void)state;
	memset(text, '[', QMP_MAX_DEPTH);
	memset(text + QMP_MAX_DEPTH, ']', QMP_MAX_DEPTH);
	text[(size_t)2 * QMP_MAX_DEPTH] = 0;
	(void)feed(text);
	assert_int_equal(strlen(found), 2 * QMP_MAX_DEPTH + 2);

	memset(text, '[', QMP_MAX_DEPTH + 1);
	memset(text + QMP_MAX_DEPTH + 1, ']', QMP_MAX_DEPTH + 1);
	memcpy(text + (size_t)2 * (QMP_MAX_DEPTH + 1), "[]", 3);
	assert_string_equal(feed(text),
			    "!JSON parse error, nested too deeply!<[]>");
}

static void take__a_control_character_resets_anywhere(void **state)
{
	static const char *const begun[] = { "",    "junk",   "{",     "{\"a",
					     "{'a", "{\"a\\", "{'a\\", "[[[" };

	(void)state;
	for (size_t i = 0; i < sizeof(begun) / sizeof(begun[0]); i++)
		for (int kind = 0; kind < 3; kind++) {
			char text[32];

			(void)snprintf(text, sizeof(text), "%s%c{}", begun[i],
				       "\x01\x1f\xff"[kind]);
			assert_string_equal(
				feed(text),
				"!JSON parse error, stray byte!<{}>");
		}
	assert_string_equal(feed_in("{\0{}", 4, 4),
			    "!JSON parse error, stray byte!<{}>");
}

static void take__a_string_ends_with_its_line(void **state)
{
	(void)state;
	assert_string_equal(feed("{\"execute: 1}\n{}"),
			    "!JSON parse error, a string has no end!<{}>");
	assert_string_equal(feed("{don't}\n{}"),
			    "!JSON parse error, a string has no end!<{}>");
	assert_string_equal(feed("[\"\\\n{}"),
			    "!JSON parse error, a string has no end!<{}>");
}

static void take__a_message_may_span_lines(void **state)
{
	(void)state;
	assert_string_equal(feed("{\n\t\"a\":\r\n1\n}"),
			    "<{\n\t\"a\":\r\n1\n}>");
}

static void take__an_unfinished_message_takes_bounded_memory(void **state)
{
	(void)state;
	for (int i = 0; i < 10000; i++)
		assert_string_equal(feed_in("[[[[[[[[[[", 10, 10), "");
	assert_int_equal(input.space, 256);
	assert_int_equal(input.depth, 100000);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(take__a_message_ends_with_its_last_bracket),
		TEST(take__several_messages_at_once_are_told_apart),
		TEST(take__brackets_in_strings_do_not_count),
		TEST(take__single_quotes_are_made_double),
		TEST(take__junk_is_one_problem_a_line),
		TEST(take__a_message_of_the_largest_size_is_taken),
		TEST(take__one_byte_more_is_a_problem_told_at_its_end),
		TEST(take__depth_is_bounded),
		TEST(take__a_control_character_resets_anywhere),
		TEST(take__a_string_ends_with_its_line),
		TEST(take__a_message_may_span_lines),
		TEST(take__an_unfinished_message_takes_bounded_memory),
	};

	return RUN_TESTS(tests);
}
