/* tests/unit/test_file.c - base/file.c. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "tests/unit/temp_folder.h"
#include "tests/unit/test.h"

static struct temp_folder dir;
static char path[TEMP_PATH_SIZE];
static struct err err;

static const char *make(const char *name, const void *data, size_t len)
{
	_cleanup_(fd_closep) int fd = -1;

	temp_folder_path(&dir, name, path);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(file_write_at(fd, data, len, 0), 0);
	return path;
}

static int setup(void **state)
{
	(void)state;
	return temp_folder_make(&dir, "/tmp");
}

static int teardown(void **state)
{
	(void)state;
	return temp_folder_remove(&dir);
}

static int refused(const char *name, unsigned want)
{
	struct file file;

	err = (struct err){ 0 };
	return file_open(&file, name, O_RDONLY, want, &err);
}

static void open__missing_file_is_named(void **state)
{
	(void)state;
	assert_int_equal(refused("/nonexistent/Image", 0), -ENOENT);
	assert_string_equal(err.msg,
			    "/nonexistent/Image: No such file or directory");
	assert_true(err.input);
	assert_int_equal(refused("", 0), -ENOENT);
}

static void open__what_is_no_file_is_refused_without_blocking(void **state)
{
	char want[TEMP_PATH_SIZE + 64];

	(void)state;
	temp_folder_path(&dir, "fifo", path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(refused(path, FILE_BLOCK_TOO), -EINVAL);
	(void)snprintf(want, sizeof(want), "%s: not a regular file", path);
	assert_string_equal(err.msg, want);

	assert_int_equal(refused("/dev/zero", FILE_BLOCK_TOO), -EINVAL);
	assert_int_equal(refused(dir.path, FILE_BLOCK_TOO), -EISDIR);
	(void)snprintf(want, sizeof(want), "%s: is a directory", dir.path);
	assert_string_equal(err.msg, want);
}

static void open__empty_file_is_refused_if_asked(void **state)
{
	struct file file = { 0 };

	(void)state;
	make("empty", "", 0);
	assert_int_equal(refused(path, FILE_NOT_EMPTY), -ENODATA);
	assert_non_null(strstr(err.msg, ": is empty"));
	assert_int_equal(file_open(&file, path, O_RDONLY, 0, &err), 0);
	assert_int_equal(file.size, 0);
	(void)close(file.fd);
}

static void open__flags_are_those_asked_for(void **state)
{
	struct file file = { 0 };

	(void)state;
	make("data", "hello", 5);
	assert_int_equal(file_open(&file, path, O_RDWR, FILE_NOT_EMPTY, &err),
			 0);
	assert_int_equal(file.size, 5);
	assert_int_equal(fcntl(file.fd, F_GETFL) &
				 (O_ACCMODE | O_NONBLOCK | O_APPEND),
			 O_RDWR);
	assert_int_equal(fcntl(file.fd, F_GETFD), FD_CLOEXEC);
	(void)close(file.fd);
}

static void read_all__bound_is_the_last_size_taken(void **state)
{
	uint8_t *buf = NULL;
	size_t size = 0;

	(void)state;
	make("data", "hello", 5);
	assert_int_equal(file_read_all(path, 4, &buf, &size, &err), -EFBIG);
	assert_null(buf);
	assert_int_equal(file_read_all(path, 5, &buf, &size, &err), 0);
	assert_int_equal(size, 5);
	assert_string_equal((char *)buf, "hello");
	free(buf);
	make("empty", "", 0);
	assert_int_equal(file_read_all(path, 0, &buf, &size, &err), 0);
	assert_int_equal(size, 0);
	assert_int_equal(buf[0], 0);
	free(buf);
}

static void at__end_of_file_is_no_short_read(void **state)
{
	struct file file = { 0 };
	char buf[8] = { 0 };

	(void)state;
	make("data", "hello", 5);
	assert_int_equal(file_open(&file, path, O_RDWR, 0, &err), 0);
	assert_int_equal(file_read_at(file.fd, buf, 4, 1), 0);
	assert_string_equal(buf, "ello");
	assert_int_equal(file_read_at(file.fd, buf, 5, 1), -ENODATA);
	assert_int_equal(file_read_at(file.fd, buf, 0, 99), 0);
	assert_int_equal(file_write_at(file.fd, "XY", 2, 6), 0);
	assert_int_equal(file_read_at(file.fd, buf, 8, 0), 0);
	assert_memory_equal(buf, "hello\0XY", 8);
	(void)close(file.fd);
	assert_int_equal(file_read_at(-1, buf, 1, 0), -EBADF);
	assert_int_equal(file_write_at(-1, buf, 1, 0), -EBADF);
}

static void write_all__file_is_made_anew(void **state)
{
	_cleanup_(freep) uint8_t *got = NULL;
	size_t len = 0;

	(void)state;
	make("data", "something longer", 16);
	assert_int_equal(file_write_all(path, FILE_FOR_ALL, "short", 5, &err),
			 0);
	assert_int_equal(file_read_all(path, 99, &got, &len, &err), 0);
	assert_int_equal(len, 5);
	assert_memory_equal(got, "short", 5);
}

/* How many names the folder has. */
static int names(void)
{
	struct dirent **list;
	const int n = scandir(dir.path, &list, NULL, NULL);

	assert_true(n >= 0);
	for (int i = 0; i < n; i++)
		free(list[i]);
	free(list);
	return n;
}

static void write_all__link_stays_and_so_does_the_mode(void **state)
{
	_cleanup_(freep) uint8_t *got = NULL;
	char link[TEMP_PATH_SIZE];
	struct stat st;
	size_t len = 0;
	int before;

	(void)state;
	make("data", "old", 3);
	assert_int_equal(chmod(path, 0640), 0);
	temp_folder_path(&dir, "link", link);
	assert_int_equal(symlink("data", link), 0);
	before = names();
	assert_int_equal(file_write_all(link, FILE_FOR_ALL, "new", 3, &err), 0);
	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(file_read_all(path, 99, &got, &len, &err), 0);
	assert_memory_equal(got, "new", 4);
	assert_int_equal(names(), before);
}

static void write_all__owner_s_file_is_for_no_one_else(void **state)
{
	struct stat st;

	(void)state;
	temp_folder_path(&dir, "secret", path);
	assert_int_equal(file_write_all(path, FILE_FOR_OWNER, "new", 3, &err),
			 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* Others could read the old file: the new one is none of theirs. */
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(file_write_all(path, FILE_FOR_OWNER, "newer", 5, &err),
			 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void write_all__failure_leaves_what_was_there(void **state)
{
	const struct rlimit small = { 2, RLIM_INFINITY };
	_cleanup_(freep) uint8_t *got = NULL;
	struct rlimit saved;
	size_t len = 0;
	int before;

	(void)state;
	make("data", "old", 3);
	before = names();
	(void)signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &saved), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(file_write_all(path, FILE_FOR_ALL, "newer", 5, &err),
			 -EFBIG);
	assert_false(err.input);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &saved), 0);
	assert_int_equal(file_read_all(path, 99, &got, &len, &err), 0);
	assert_memory_equal(got, "old", 4);
	assert_int_equal(names(), before);
	assert_int_equal(
		file_write_all("/nonexistent/file", FILE_FOR_ALL, "x", 1, &err),
		-ENOENT);
	assert_string_equal(err.msg,
			    "/nonexistent/file: No such file or directory");
	assert_int_equal(file_write_all(dir.path, FILE_FOR_ALL, "x", 1, &err),
			 -EISDIR);
}

static void write_all__pipe_without_reader_is_refused(void **state)
{
	_cleanup_(fd_closep) int reader = -1;
	char got[8] = "", want[TEMP_PATH_SIZE + 64];

	(void)state;
	temp_folder_path(&dir, "fifo", path);
	(void)unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(file_write_all(path, FILE_FOR_ALL, "hello", 5, &err),
			 -ENXIO);
	(void)snprintf(want, sizeof(want), "%s: No such device or address",
		       path);
	assert_string_equal(err.msg, want);
	assert_int_equal(access(path, F_OK), 0);

	reader = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(reader >= 0);
	assert_int_equal(file_write_all(path, FILE_FOR_ALL, "hello", 5, &err),
			 0);
	assert_int_equal(read(reader, got, sizeof(got)), 5);
	assert_string_equal(got, "hello");
}

static void read_text__is_cut_at_the_buffer_s_end(void **state)
{
	char text[8] = "unread";

	(void)state;
	assert_int_equal(file_read_text("/nonexistent", text, sizeof(text)),
			 -ENOENT);
	assert_string_equal(text, "unread");
	assert_int_equal(
		file_read_text(make("data", "12\n", 3), text, sizeof(text)), 0);
	assert_string_equal(text, "12\n");
	assert_int_equal(
		file_read_text(make("data", "1234567", 7), text, sizeof(text)),
		0);
	assert_string_equal(text, "1234567");
	assert_int_equal(
		file_read_text(make("data", "12345678", 8), text, sizeof(text)),
		0);
	assert_string_equal(text, "1234567");
	assert_int_equal(file_read_text(dir.path, text, sizeof(text)), -EISDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(open__missing_file_is_named),
		cmocka_unit_test(
			open__what_is_no_file_is_refused_without_blocking),
		cmocka_unit_test(open__empty_file_is_refused_if_asked),
		cmocka_unit_test(open__flags_are_those_asked_for),
		cmocka_unit_test(read_all__bound_is_the_last_size_taken),
		cmocka_unit_test(read_text__is_cut_at_the_buffer_s_end),
		cmocka_unit_test(at__end_of_file_is_no_short_read),
		cmocka_unit_test(write_all__file_is_made_anew),
		cmocka_unit_test(write_all__link_stays_and_so_does_the_mode),
		cmocka_unit_test(write_all__owner_s_file_is_for_no_one_else),
		cmocka_unit_test(write_all__failure_leaves_what_was_there),
		cmocka_unit_test(write_all__pipe_without_reader_is_refused),
	};

	return RUN_TESTS_IN(tests, setup, teardown);
}
