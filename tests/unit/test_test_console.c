/* tests/unit/test_test_console.c - vmm/test/console.c. */
#include "vmm/test/console.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/test.h"

static struct console read_text(const char *text)
{
	struct console console = { 0 };

	console_read(&console, text, strlen(text));
	console_end(&console);
	return console;
}

static void report__is_what_the_kernel_says_of_itself(void **state)
{
	static const char *const lines[] = {
		"[    1.234567] Kernel panic - not syncing: VFS",
		"[   12.000000][  T123] BUG: KASAN: use-after-free in f+0x1",
		"BUG: soft lockup - CPU#0 stuck for 22s!",
		"[1.0] watchdog: BUG: soft lockup - CPU#1 stuck",
		"[    2.0] Internal error: Oops: 96000004 [#1] SMP",
		"[    2.0][    C1] Oops[#1]:",
		"[ 2.0] UBSAN: array-index-out-of-bounds in a.c:1:2",
		"[ 2.0] rcu: INFO: rcu_sched self-detected stall on CPU",
		"[ 2.0] WARNING: CPU: 0 PID: 1 at a.c:3 f+0x1/0x2",
		"[ 2.0] WARNING: possible circular locking dependency detected",
		"[ 2.0] INFO: task sh:1 blocked for more than 122 seconds.",
		"[ 2.0] kernel BUG at mm/a.c:1!",
		"/ # [    2.0] WARNING: behind a prompt",
		"[ a ]$ [ 2.0][ T1] Oops: behind another",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		const struct console console = read_text(lines[i]);

		assert_int_equal(console.reports, 1);
		assert_string_equal(console.report[0].text, lines[i]);
		assert_int_equal(console.panicked, i == 0);
	}
}

static void report__is_not_what_looks_like_one(void **state)
{
	static const char *const lines[] = {
		"[    0.0] kasan: KernelAddressSanitizer initialized",
		"[    0.0] rcu: \tRCU restricting CPUs from NR_CPUS=64",
		"[    0.0] [Firmware Bug]: something",
		"[    1.0] systemd: a WARNING: in the middle",
		"[WARNING: in brackets",
		"a BUG: in the middle",
		"/ # BUG: behind a prompt",
		"a [b] WARNING: in the middle",
		"",
		"[",
		"[   ",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		assert_int_equal(read_text(lines[i]).reports, 0);
}

static void report__keeps_the_first_and_counts_all(void **state)
{
	struct console console = { 0 };
	char line[64];

	(void)state;
	console_read(&console, "boot\n", 5);
	for (int i = 0; i < 30; i++) {
		(void)snprintf(line, sizeof(line), "WARNING: %d\r\n", i);
		console_read(&console, line, strlen(line));
	}
	assert_int_equal(console.reports, 30);
	assert_int_equal(console.report_lines, CONSOLE_REPORT);
	assert_string_equal(console.report[0].text, "WARNING: 0");
	assert_string_equal(console.report[19].text, "WARNING: 19");
}

static void last__are_the_last_forty_lines(void **state)
{
	struct console console = { 0 };
	char line[16];

	(void)state;
	assert_null(console_last(&console, 0));
	for (int i = 0; i < 100; i++) {
		(void)snprintf(line, sizeof(line), "%d\n", i);
		console_read(&console, line, strlen(line));
	}
	console_read(&console, "end", 3);
	console_end(&console);
	assert_string_equal(console_last(&console, 0), "61");
	assert_string_equal(console_last(&console, 39), "end");
	assert_null(console_last(&console, 40));
}

static void line__is_cut_and_has_no_byte_for_a_terminal(void **state)
{
	struct console console = read_text("a\033[2Jb\tc\x80\x7f");
	char wide[3 * CONSOLE_LINE];

	(void)state;
	assert_string_equal(console_last(&console, 0), "a?[2Jb c??");
	memset(wide, 'x', sizeof(wide));
	console = (struct console){ 0 };
	console_read(&console, wide, sizeof(wide));
	console_read(&console, "\nnext\n", 6);
	assert_int_equal(strlen(console_last(&console, 0)), CONSOLE_LINE - 1);
	assert_string_equal(console_last(&console, 1), "next");
}

static void init__is_heard_on_the_console(void **state)
{
	const struct console console = read_text(
		"[ 1.0] Run /.vmm/init\nvmm-init: no port\nmore\n");

	(void)state;
	assert_string_equal(console.init.text, "no port");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(report__is_what_the_kernel_says_of_itself),
		cmocka_unit_test(report__is_not_what_looks_like_one),
		cmocka_unit_test(report__keeps_the_first_and_counts_all),
		cmocka_unit_test(last__are_the_last_forty_lines),
		cmocka_unit_test(line__is_cut_and_has_no_byte_for_a_terminal),
		cmocka_unit_test(init__is_heard_on_the_console),
	};

	return RUN_TESTS(tests);
}
