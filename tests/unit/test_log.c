/* tests/unit/test_log.c - base/log.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "tests/unit/stderr_capture.h"
#include "tests/unit/test.h"

static void line__is_dropped_above_the_level(void **state)
{
	struct stderr_capture c = stderr_capture_begin();
	char buf[4096];

	(void)state;
	log_set_level(LOG_WARN);
	log_info("quiet");
	log_warn("disk %d", 7);
	log_error("gone");
	stderr_capture_end(&c, buf, sizeof(buf));
	assert_string_equal(buf, "vmm: warning: disk 7\nvmm: gone\n");
}

/* A pipe that nobody reads, and that has no room left. */
static void line__full_pipe_blocks_nobody(void **state)
{
	struct stderr_capture c = stderr_capture_begin();
	char buf[4096], last[256] = "";
	ssize_t n;
	int flags = fcntl(STDERR_FILENO, F_GETFL);

	(void)state;
	memset(buf, 'x', sizeof(buf));
	(void)fcntl(STDERR_FILENO, F_SETFL, flags | O_NONBLOCK);
	while (write(STDERR_FILENO, buf, sizeof(buf)) > 0)
		;
	while (write(STDERR_FILENO, buf, 1) > 0)
		;
	(void)fcntl(STDERR_FILENO, F_SETFL, flags);
	log_set_level(LOG_WARN);
	(void)alarm(60);
	for (unsigned i = 0; i < 3; i++)
		log_warn("line %u", i);
	(void)alarm(0);

	(void)fcntl(c.read_end, F_SETFL, O_NONBLOCK);
	while (read(c.read_end, buf, sizeof(buf)) > 0)
		;
	log_warn("line 3");
	n = read(c.read_end, last, sizeof(last) - 1);
	last[n > 0 ? n : 0] = '\0';
	(void)stderr_capture_end(&c, buf, sizeof(buf));
	assert_string_equal(last, "vmm: 3 lines were lost\n"
				  "vmm: warning: line 3\n");
}

static void line__hides_what_a_terminal_would_obey(void **state)
{
	struct stderr_capture c = stderr_capture_begin();
	char buf[4096];

	(void)state;
	log_set_level(LOG_WARN);
	log_warn("a\033[2Jb\r\nc\x7f%s", "\t\xc3\xa9");
	stderr_capture_end(&c, buf, sizeof(buf));
	assert_string_equal(buf, "vmm: warning: a?[2Jb??c??\xc3\xa9\n");
}

static void line__begins_on_the_left_of_a_raw_terminal(void **state)
{
	const int master = posix_openpt(O_RDWR | O_NOCTTY);
	char name[64], buf[256] = "";
	struct termios mode;
	int saved, slave;
	size_t len = 0;
	ssize_t n;

	(void)state;
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	assert_int_equal(ptsname_r(master, name, sizeof(name)), 0);
	slave = open(name, O_RDWR | O_NOCTTY);
	assert_int_equal(tcgetattr(slave, &mode), 0);
	cfmakeraw(&mode);
	assert_int_equal(tcsetattr(slave, TCSANOW, &mode), 0);
	saved = dup(STDERR_FILENO);
	(void)dup2(slave, STDERR_FILENO);
	log_error("one");
	log_error("two");
	(void)dup2(saved, STDERR_FILENO);
	/* A terminal hands over what was written bit by bit. */
	do {
		n = read(master, buf + len, sizeof(buf) - 1 - len);
		assert_true(n > 0);
		len += (size_t)n;
	} while (!strstr(buf, "two\r\n"));
	assert_string_equal(buf, "vmm: one\r\nvmm: two\r\n");
	(void)close(saved);
	(void)close(slave);
	(void)close(master);
}

static void line__is_cut_and_still_one_line(void **state)
{
	struct stderr_capture c = stderr_capture_begin();
	char text[2000];
	char buf[4096];

	(void)state;
	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	log_error("%s", text);
	stderr_capture_end(&c, buf, sizeof(buf));
	assert_int_equal(strlen(buf), 512);
	assert_ptr_equal(strchr(buf, '\n'), buf + 511);
}

static void line__keeps_errno(void **state)
{
	struct stderr_capture c = stderr_capture_begin();
	char buf[4096];

	(void)state;
	errno = ENOTTY;
	log_error("x");
	assert_int_equal(errno, ENOTTY);
	stderr_capture_end(&c, buf, sizeof(buf));
}

static unsigned lines(const char *s)
{
	unsigned n = 0;

	while ((s = strchr(s, '\n'))) {
		s++;
		n++;
	}
	return n;
}

/* Of the clock by which lines are limited. */
static unsigned this_second(void)
{
	struct timespec now;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC_COARSE, &now), 0);
	return (unsigned)now.tv_sec;
}

static void guest__lines_are_limited_and_all_are_counted(void **state)
{
	struct log_limit limit = { 0 };
	struct stderr_capture c = stderr_capture_begin();
	char buf[65536];
	unsigned seconds = this_second();

	(void)state;
	log_set_level(LOG_DEBUG);
	for (int i = 0; i < 1000; i++)
		log_guest(&limit, "bad ring");
	seconds = this_second() - seconds + 1; /* that it went on in */
	log_set_level(LOG_WARN);
	stderr_capture_end(&c, buf, sizeof(buf));
	assert_int_equal(limit.count, 1000);
	assert_in_range(lines(buf), LOG_GUEST_LINES, seconds * LOG_GUEST_LINES);
}

static void guest__has_lines_again_in_the_next_second(void **state)
{
	struct log_limit limit = { 0 };
	struct stderr_capture c = stderr_capture_begin();
	char buf[4096];

	(void)state;
	log_set_level(LOG_DEBUG);
	/* Another second, whose lines were used up. */
	limit.window = 0xfffffe00 | LOG_GUEST_LINES;
	log_guest(&limit, "again");
	log_set_level(LOG_WARN);
	stderr_capture_end(&c, buf, sizeof(buf));
	assert_string_equal(buf, "vmm: debug: again\n");
	assert_int_equal(limit.window & 0xff, 1);
}

static void guest__is_silent_unless_debugging(void **state)
{
	struct log_limit limit = { 0 };
	struct stderr_capture c = stderr_capture_begin();
	char buf[4096];

	(void)state;
	log_set_level(LOG_INFO);
	log_guest(&limit, "bad ring");
	log_set_level(LOG_WARN);
	stderr_capture_end(&c, buf, sizeof(buf));
	assert_string_equal(buf, "");
	assert_int_equal(limit.count, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(line__is_dropped_above_the_level),
		cmocka_unit_test(line__full_pipe_blocks_nobody),
		cmocka_unit_test(line__hides_what_a_terminal_would_obey),
		cmocka_unit_test(line__begins_on_the_left_of_a_raw_terminal),
		cmocka_unit_test(line__is_cut_and_still_one_line),
		cmocka_unit_test(line__keeps_errno),
		cmocka_unit_test(guest__lines_are_limited_and_all_are_counted),
		cmocka_unit_test(guest__has_lines_again_in_the_next_second),
		cmocka_unit_test(guest__is_silent_unless_debugging),
	};

	return RUN_TESTS(tests);
}
