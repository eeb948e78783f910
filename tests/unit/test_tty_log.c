/* tests/unit/test_tty_log.c - host/tty_log.c. */
#include "host/tty_log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "tests/unit/temp_folder.h"
#include "tests/unit/test.h"

struct rig {
	struct temp_folder folder;
	char path[TEMP_PATH_SIZE], old[TEMP_PATH_SIZE];
	struct tty_log *log;
};

static int open_rig(struct rig *rig, uint64_t max, struct err *err)
{
	*err = (struct err){ 0 };
	*rig = (struct rig){ 0 };
	assert_int_equal(temp_folder_make(&rig->folder, "/tmp"), 0);
	temp_folder_path(&rig->folder, "log", rig->path);
	temp_folder_path(&rig->folder, "log.1", rig->old);
	return tty_log_open(&rig->log, rig->path, max, err);
}

static void close_rig(struct rig *rig)
{
	rig->log = tty_log_close(rig->log);
	assert_int_equal(temp_folder_remove(&rig->folder), 0);
}

static void put_text(struct rig *rig, const char *text)
{
	tty_log_write(rig->log, (const uint8_t *)text, strlen(text));
}

static void expect_file(const char *path, const char *text)
{
	uint8_t *data = NULL;
	struct err err = { 0 };
	size_t size = 0;

	if (file_read_all(path, 1 << 20, &data, &size, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(size, strlen(text));
	assert_memory_equal(data, text, size);
	free(data);
}

static void write__is_there_at_once(void **state)
{
	struct err err;
	struct rig rig;

	(void)state;
	assert_int_equal(open_rig(&rig, 0, &err), 0);
	put_text(&rig, "one ");
	expect_file(rig.path, "one ");
	put_text(&rig, "two");
	expect_file(rig.path, "one two");
	close_rig(&rig);
}

static void open__empties_what_was_there(void **state)
{
	struct err err;
	struct rig rig;

	(void)state;
	assert_int_equal(open_rig(&rig, 0, &err), 0);
	put_text(&rig, "before");
	rig.log = tty_log_close(rig.log);
	assert_int_equal(tty_log_open(&rig.log, rig.path, 0, &err), 0);
	expect_file(rig.path, "");
	close_rig(&rig);
}

static void write__keeps_the_last_within_the_limit(void **state)
{
	struct err err;
	struct rig rig;

	(void)state;
	assert_int_equal(open_rig(&rig, 8, &err), 0);
	put_text(&rig, "0123");
	expect_file(rig.path, "0123");
	put_text(&rig, "45");
	expect_file(rig.old, "0123");
	expect_file(rig.path, "45");
	/* One output that is more than all the log may be. */
	put_text(&rig, "6789abcdefg");
	expect_file(rig.old, "cdef");
	expect_file(rig.path, "g");
	close_rig(&rig);
}

static void write__that_fails_ends_the_log(void **state)
{
	struct err err;
	struct rig rig;

	(void)state;
	assert_int_equal(open_rig(&rig, 8, &err), 0);
	/* What a file is renamed to is a folder with something in it. */
	temp_folder_put(&rig.folder, "log.1/x", "");
	put_text(&rig, "0123");
	put_text(&rig, "4567");
	put_text(&rig, "89");
	expect_file(rig.path, "0123");
	close_rig(&rig);
}

static void open__refuses_what_is_no_file(void **state)
{
	char path[TEMP_PATH_SIZE];
	struct tty_log *log = NULL;
	struct err err;
	struct rig rig;

	(void)state;
	assert_int_equal(open_rig(&rig, 0, &err), 0);
	assert_int_equal(tty_log_open(&log, rig.folder.path, 0, &err), -EINVAL);
	assert_non_null(strstr(err.msg, ": no regular file"));
	assert_true(err.input);
	temp_folder_path(&rig.folder, "pipe", path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(tty_log_open(&log, path, 0, &err), -EINVAL);
	temp_folder_path(&rig.folder, "no/log", path);
	assert_int_equal(tty_log_open(&log, path, 0, &err), -ENOENT);
	assert_true(err.input);
	close_rig(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(write__is_there_at_once),
		cmocka_unit_test(open__empties_what_was_there),
		cmocka_unit_test(write__keeps_the_last_within_the_limit),
		cmocka_unit_test(write__that_fails_ends_the_log),
		cmocka_unit_test(open__refuses_what_is_no_file),
	};

	return RUN_TESTS(tests);
}
