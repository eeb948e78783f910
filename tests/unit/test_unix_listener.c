/* tests/unit/test_unix_listener.c - base/unix_listener.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/unix_listener.h"
#include "tests/unit/temp_folder.h"
#include "tests/unit/test.h"

static struct temp_folder base;
static struct sockaddr_un place, aside;

static int setup(void **state)
{
	char path[TEMP_PATH_SIZE];

	(void)state;
	place = aside = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (temp_folder_make(&base, "/tmp") < 0)
		return -1;
	temp_folder_path(&base, "a", path);
	memcpy(place.sun_path, path, strlen(path));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return temp_folder_remove(&base);
}

static int open_socket(void)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0600), 0);
	return fd;
}

static void listen__is_beside_the_place_and_answers(void **state)
{
	_cleanup_(fd_closep) int fd = open_socket();
	char want[TEMP_PATH_SIZE];
	struct stat st;

	(void)state;
	assert_int_equal(unix_listen_aside(fd, &place, 1, &aside), 0);
	(void)snprintf(want, sizeof(want), "%s.%d", place.sun_path,
		       (int)getpid());
	assert_string_equal(aside.sun_path, want);
	assert_int_equal(unix_probe(&aside), 0);
	assert_int_equal(unix_probe(&place), -ENOENT);
	assert_int_equal(lstat(aside.sun_path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0600);
}

static void listen__replaces_what_the_dead_left_and_no_other(void **state)
{
	_cleanup_(fd_closep) int dead = open_socket();
	_cleanup_(fd_closep) int fd = open_socket();
	_cleanup_(fd_closep) int late = open_socket();
	int file;

	(void)state;
	assert_int_equal(unix_listen_aside(dead, &place, 1, &aside), 0);
	(void)close(TAKE_FD(dead));
	assert_int_equal(unix_probe(&aside), -ECONNREFUSED);
	assert_int_equal(unix_listen_aside(fd, &place, 1, &aside), 0);
	assert_int_equal(unix_listen_aside(late, &place, 1, &aside),
			 -EADDRINUSE);
	assert_int_equal(unix_probe(&aside), 0);
	(void)unlink(aside.sun_path);
	file = open(aside.sun_path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	(void)close(file);
	assert_int_equal(unix_listen_aside(late, &place, 1, &aside),
			 -EADDRINUSE);
	assert_int_equal(access(aside.sun_path, F_OK), 0);
}

static void listen__a_place_has_a_longest_path(void **state)
{
	_cleanup_(fd_closep) int fd = open_socket();
	const size_t len = strlen(place.sun_path);

	(void)state;
	memset(place.sun_path + len, 'a', UNIX_LISTENER_MAX - len);
	assert_int_equal(unix_listen_aside(fd, &place, 1, &aside), 0);
	(void)unlink(aside.sun_path);
	place.sun_path[UNIX_LISTENER_MAX] = 'a';
	assert_int_equal(unix_listen_aside(fd, &place, 1, &aside),
			 -ENAMETOOLONG);
	memset(place.sun_path, 'a', sizeof(place.sun_path));
	assert_int_equal(unix_listen_aside(fd, &place, 1, &aside),
			 -ENAMETOOLONG);
}

static void listen__what_fails_leaves_no_file(void **state)
{
	int file;

	(void)state;
	file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_int_equal(unix_listen_aside(file, &place, 1, &aside), -ENOTSOCK);
	(void)close(file);
	/* A datagram socket is bound, and cannot listen. */
	file = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(unix_listen_aside(file, &place, 1, &aside),
			 -EOPNOTSUPP);
	assert_int_equal(access(aside.sun_path, F_OK), -1);
	(void)close(file);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(listen__is_beside_the_place_and_answers),
		TEST(listen__replaces_what_the_dead_left_and_no_other),
		TEST(listen__a_place_has_a_longest_path),
		TEST(listen__what_fails_leaves_no_file),
	};

	return RUN_TESTS(tests);
}
