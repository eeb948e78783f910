/* tests/unit/test_console_watch.c - vmm/machine/console_watch.c and
 * panic_text.c. */
#include "vmm/machine/console_watch.h"

#include <string.h>

#include "base/file.h"
#include "tests/unit/temp_folder.h"
#include "tests/unit/test.h"

#define BEGIN "[    1.0] Kernel panic - not syncing: VFS: Unable to mount\r\n"
#define END "[    1.1] ---[ end Kernel panic - not syncing: VFS ]---\r\n"

/* @cut: the output comes in pieces of so many bytes */
static enum panic_said read_text(const char *text, size_t cut)
{
	struct panic_text read = { 0 };
	enum panic_said said = PANIC_SAID_NOTHING;

	for (size_t left = strlen(text); left > 0;) {
		const size_t n = left < cut ? left : cut;

		said = panic_text_read(&read, (const uint8_t *)text, n);
		text += n;
		left -= n;
	}
	return said;
}

static void read__finds_a_panic_however_it_is_cut(void **state)
{
	static const struct {
		const char *text;
		enum panic_said said;
	} texts[] = {
		{ "Linux version 6.12\r\n", PANIC_SAID_NOTHING },
		{ BEGIN, PANIC_SAID_BEGIN },
		{ BEGIN "CPU: 0\r\n", PANIC_SAID_BEGIN },
		{ BEGIN "CPU: 0\r\n" END, PANIC_SAID_ALL },
		{ BEGIN "Rebooting in 1 seconds..", PANIC_SAID_ALL },
		{ END, PANIC_SAID_ALL },
		/* Not a panic's. */
		{ "Rebooting in 1 seconds..", PANIC_SAID_NOTHING },
		{ "Rebooting in 1 s" BEGIN, PANIC_SAID_BEGIN },
		/* A word that breaks off, and begins again. */
		{ "Kernel panic - not Kernel panic - not syncing",
		  PANIC_SAID_BEGIN },
		{ "KKernel panic - not syncing", PANIC_SAID_BEGIN },
		{ "Kernel panic - not syncinG", PANIC_SAID_NOTHING },
		{ BEGIN "RebRebooting in 5", PANIC_SAID_ALL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		for (size_t cut = 1; cut < 40; cut++)
			assert_int_equal(read_text(texts[i].text, cut),
					 texts[i].said);
}

struct rig {
	struct temp_folder folder;
	struct config config;
	struct loop *loop;
	struct tty *tty;
	struct console_watch watch;
	unsigned panics;
};

static void count_panic(void *ctx)
{
	struct rig *rig = ctx;

	rig->panics++;
	loop_stop(rig->loop);
}

static void ignore_quit(void *ctx)
{
	(void)ctx;
}

static void begin(struct rig *rig, const char *panic, char *log)
{
	struct err err = { 0 };

	*rig = (struct rig){ .watch = { .panicked = count_panic } };
	rig->watch.ctx = rig;
	assert_int_equal(temp_folder_make(&rig->folder, "/tmp"), 0);
	rig->config.on_panic.word = panic;
	if (log)
		temp_folder_path(&rig->folder, "log", log);
	rig->config.console_log.path = log;
	assert_int_equal(loop_new(&rig->loop, &err), 0);
	assert_int_equal(tty_new(&rig->tty, rig->loop, -1, -1,
				 (struct tty_escape){ ignore_quit, NULL },
				 &err),
			 0);
	assert_int_equal(console_watch_begin(&rig->watch, &rig->config,
					     rig->loop, rig->tty, &err),
			 0);
}

static void end(struct rig *rig)
{
	rig->tty = tty_free(rig->tty);
	console_watch_end(&rig->watch);
	rig->loop = loop_free(rig->loop);
	assert_int_equal(temp_folder_remove(&rig->folder), 0);
}

static void put_text(struct rig *rig, const char *text)
{
	const size_t len = strlen(text);

	assert_int_equal(tty_write(rig->tty, (const uint8_t *)text, len), len);
}

static void watch__tells_a_panic_once_all_is_said(void **state)
{
	struct rig rig;

	(void)state;
	begin(&rig, "exit", NULL);
	put_text(&rig, "up\n");
	assert_false(console_watch_panics(&rig.watch));
	put_text(&rig, BEGIN);
	assert_true(console_watch_panics(&rig.watch));
	assert_int_equal(rig.panics, 0);
	put_text(&rig, END);
	assert_int_equal(rig.panics, 1);
	/* The same one is told once. */
	put_text(&rig, END);
	assert_int_equal(rig.panics, 1);
	console_watch_forget(&rig.watch);
	assert_false(console_watch_panics(&rig.watch));
	put_text(&rig, BEGIN END);
	assert_int_equal(rig.panics, 2);
	end(&rig);
}

static void watch__waits_a_while_for_the_rest(void **state)
{
	struct err err = { 0 };
	struct rig rig;

	(void)state;
	begin(&rig, "exit", NULL);
	put_text(&rig, BEGIN);
	assert_int_equal(loop_run(rig.loop, &err), 0);
	assert_int_equal(rig.panics, 1);
	end(&rig);
}

static void watch__reads_nothing_it_was_not_told_to(void **state)
{
	char log[TEMP_PATH_SIZE], text[256];
	struct rig rig;

	(void)state;
	begin(&rig, NULL, log);
	put_text(&rig, BEGIN END);
	assert_int_equal(rig.panics, 0);
	assert_false(console_watch_panics(&rig.watch));
	assert_int_equal(file_read_text(log, text, sizeof(text)), 0);
	assert_non_null(strstr(text, "Kernel panic"));
	end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read__finds_a_panic_however_it_is_cut),
		cmocka_unit_test(watch__tells_a_panic_once_all_is_said),
		cmocka_unit_test(watch__waits_a_while_for_the_rest),
		cmocka_unit_test(watch__reads_nothing_it_was_not_told_to),
	};

	return RUN_TESTS(tests);
}
