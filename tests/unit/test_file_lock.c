/* tests/unit/test_file_lock.c - file_lock(), with and without locks. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "tests/unit/sandbox.h"
#include "tests/unit/temp_folder.h"
#include "tests/unit/test.h"

static struct temp_folder dir;
static char path[TEMP_PATH_SIZE];
static struct err err;

static int setup(void **state)
{
	_cleanup_(fd_closep) int fd = -1;

	(void)state;
	if (temp_folder_make(&dir, "/tmp") < 0)
		return -1;
	temp_folder_path(&dir, "image", path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	return fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	return temp_folder_remove(&dir);
}

static int open_again(int flags)
{
	const int fd = open(path, flags | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void lock__second_use_by_this_process_is_named(void **state)
{
	_cleanup_(fd_closep) int fd = open_again(O_RDWR);
	_cleanup_(fd_closep) int again = open_again(O_RDONLY);

	(void)state;
	assert_int_equal(file_lock(fd, path, true, &err), 0);
	assert_int_equal(file_lock(again, path, false, &err), -EBUSY);
	assert_true(err.input);
	assert_non_null(strstr(err.msg, ": this machine uses it twice"));
}

/* Tells by its status whether @path was refused as another program's. */
static void lock_in_another_program(void)
{
	_cleanup_(fd_closep) int fd = open(path, O_RDWR | O_CLOEXEC);

	_exit(file_lock(fd, path, true, &err) == -EBUSY &&
			      strstr(err.msg, "another machine or program")
		      ? 0
		      : 1);
}

static void lock__use_by_another_program_is_told_from_ours(void **state)
{
	int fd = open_again(O_RDWR);
	int status = -1;
	pid_t child;

	(void)state;
	assert_int_equal(file_lock(fd, path, true, &err), 0);
	child = fork();
	if (child == 0) {
		/* The copy of the parent's descriptor is not a use. */
		int parents = fd, other = open("/dev/null", O_RDWR | O_CLOEXEC);

		(void)dup2(other, parents);
		lock_in_another_program();
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	(void)close(fd);
}

/* What a kernel without file locks answers. The child's stderr is @log. */
static void lock_without_locks(int log)
{
	_cleanup_(fd_closep) int fd = open(path, O_RDWR | O_CLOEXEC);
	_cleanup_(fd_closep) int again = open(path, O_RDWR | O_CLOEXEC);

	(void)dup2(log, STDERR_FILENO);
	if (sandbox_forbid_arg(SYS_fcntl, F_OFD_SETLK, EACCES) < 0)
		_exit(77);
	if (file_lock(fd, path, true, &err) != -EBUSY)
		_exit(1); /* opened twice: found without a lock */
	fd_closep(&again);
	again = -1;
	_exit(file_lock(fd, path, true, &err) == 0 ? 0 : 2);
}

static void lock__kernel_without_locks_is_one_warning(void **state)
{
	char text[512] = "";
	int fds[2], status = -1;
	pid_t child;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	child = fork();
	if (child == 0)
		lock_without_locks(fds[1]);
	(void)close(fds[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		SKIP("no seccomp filters here");
	assert_int_equal(status, 0);
	assert_true(read(fds[0], text, sizeof(text) - 1) > 0);
	assert_non_null(strstr(text, "this kernel has no file locks"));
	assert_ptr_equal(strchr(text, '\n'), text + strlen(text) - 1);
	(void)close(fds[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lock__second_use_by_this_process_is_named),
		cmocka_unit_test(
			lock__use_by_another_program_is_told_from_ours),
		cmocka_unit_test(lock__kernel_without_locks_is_one_warning),
	};

	return RUN_TESTS_IN(tests, setup, teardown);
}
