/* tests/unit/test_control_socket.c - vmm/control/socket.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/unit/temp_folder.h"
#include "tests/unit/test.h"
#include "vmm/control/socket.h"

static struct temp_folder base;
static struct err err;

/* NULL: there is none. This program has one thread. */
static void set_runtime_dir(const char *path)
{
	if (path)
		(void)setenv("XDG_RUNTIME_DIR", path, 1); // NOLINT
	else
		(void)unsetenv("XDG_RUNTIME_DIR"); // NOLINT
}

static int setup(void **state)
{
	(void)state;
	err = (struct err){ 0 };
	if (temp_folder_make(&base, "/tmp") < 0)
		return -1;
	set_runtime_dir(base.path);
	return 0;
}

static char *under(const char *name)
{
	static char path[TEMP_PATH_SIZE];

	temp_folder_path(&base, name, path);
	return path;
}

static int teardown(void **state)
{
	(void)state;
	return temp_folder_remove(&base);
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_mode;
}

static struct control_socket open_name(const char *name)
{
	struct control_socket sock = { .fd = -1 };

	assert_int_equal(control_socket_open(&sock, name, NULL, &err), 0);
	assert_true(sock.fd >= 0);
	return sock;
}

/* A socket whose machine was killed. */
static void leave_dead(const char *name)
{
	struct control_socket sock = open_name(name);

	(void)close(sock.fd);
}

static int connect_to(const char *name)
{
	struct sockaddr_un at;

	assert_int_equal(control_path(name, &at, &err), 0);
	return control_connect(&at, 1000);
}

static void path__a_name_is_a_socket_in_the_users_folder(void **state)
{
	struct sockaddr_un at;

	(void)state;
	assert_int_equal(control_path("a", &at, &err), 0);
	assert_string_equal(at.sun_path, under("vmm/a.sock"));
	assert_int_equal(control_path("./a", &at, &err), 0);
	assert_string_equal(at.sun_path, "./a");
}

static void path__the_longest_that_fits_is_107_characters(void **state)
{
	char path[109];
	struct sockaddr_un at;

	(void)state;
	memset(path, '/', 107);
	path[107] = 0;
	assert_int_equal(control_path(path, &at, &err), 0);
	assert_string_equal(at.sun_path, path);
	memcpy(path + 107, "/", 2);
	assert_int_equal(control_path(path, &at, &err), -ENAMETOOLONG);
}

static void folder__without_xdg_it_is_roots_or_none(void **state)
{
	char folder[108];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		set_runtime_dir(((const char *[]){ NULL, "", "x" })[i]);
		if (geteuid() == 0) {
			assert_int_equal(
				control_folder(folder, sizeof(folder), &err),
				0);
			assert_string_equal(folder, "/run/vmm");
		} else {
			assert_int_equal(
				control_folder(folder, sizeof(folder), &err),
				-ENOENT);
		}
	}
}

static void folder__another_user_is_told_why_there_is_none(void **state)
{
	static const struct {
		const char *dir, *why;
	} bad[] = { { NULL, "not set" },
		    { "", "not an absolute path" },
		    { "run", "not an absolute path" } };
	const uid_t root = geteuid();
	char folder[108], want[128];

	(void)state;
	if (root == 0)
		assert_int_equal(seteuid(65534), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		set_runtime_dir(bad[i].dir);
		(void)snprintf(want, sizeof(want),
			       "XDG_RUNTIME_DIR is %s, and only root has "
			       "another folder for sockets",
			       bad[i].why);
		assert_int_equal(control_folder(folder, sizeof(folder), &err),
				 -ENOENT);
		assert_string_equal(err.msg, want);
	}
	assert_int_equal(seteuid(root), 0);
}

static void open__socket_and_folder_are_the_users_alone(void **state)
{
	const mode_t was = umask(0);
	struct control_socket sock = open_name("a");

	(void)state;
	(void)umask(was);
	assert_int_equal(mode_of(under("vmm")), S_IFDIR | 0700);
	assert_int_equal(mode_of(under("vmm/a.sock")), S_IFSOCK | 0600);
	assert_true(fcntl(sock.fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(sock.fd, F_GETFD) & FD_CLOEXEC);
	control_socket_close(&sock);
	assert_int_equal(sock.fd, -1);
	assert_int_equal(access(under("vmm/a.sock"), F_OK), -1);
	control_socket_close(&sock);
}

static void open__a_live_one_is_left_alone(void **state)
{
	struct control_socket sock = open_name("a");
	struct control_socket other = { .fd = -1 };
	_cleanup_(fd_closep) int fd = -1;

	(void)state;
	assert_int_equal(control_socket_open(&other, "a", NULL, &err),
			 -EADDRINUSE);
	assert_true(err.input);
	assert_non_null(strstr(err.msg, "a running virtual machine has it"));
	assert_int_equal(other.fd, -1);
	fd = connect_to("a");
	assert_true(fd >= 0);
	control_socket_close(&sock);
}

static void open__a_live_one_with_a_full_queue_is_live(void **state)
{
	struct control_socket sock = open_name("a");
	int fd[64];

	(void)state;
	for (size_t i = 0; i < 64; i++) {
		fd[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(fd[i], (struct sockaddr *)&sock.at,
			      sizeof(sock.at));
	}
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(control_remove_dead(&sock.at, &err), -EADDRINUSE);
	for (size_t i = 0; i < 64; i++)
		(void)close(fd[i]);
	control_socket_close(&sock);
}

static void open__a_dead_one_is_replaced(void **state)
{
	struct control_socket sock;
	_cleanup_(fd_closep) int fd = -1;

	(void)state;
	leave_dead("a");
	assert_int_equal(connect_to("a"), -ECONNREFUSED);
	sock = open_name("a");
	fd = connect_to("a");
	assert_true(fd >= 0);
	control_socket_close(&sock);
}

static void open__what_is_no_socket_is_not_touched(void **state)
{
	struct control_socket sock = { .fd = -1 };
	const int fd = open(under("file"), O_CREAT | O_WRONLY, 0600);

	(void)state;
	(void)close(fd);
	assert_int_equal(control_socket_open(&sock, under("file"), NULL, &err),
			 -EADDRINUSE);
	assert_non_null(strstr(err.msg, "is no socket"));
	assert_int_equal(mode_of(under("file")), S_IFREG | 0600);
	assert_int_equal(
		control_socket_open(&sock, under("no/where"), NULL, &err),
		-ENOENT);
}

static void open__a_folder_open_to_others_is_refused(void **state)
{
	struct control_socket sock = { .fd = -1 };

	(void)state;
	assert_int_equal(mkdir(under("vmm"), 0700), 0);
	assert_int_equal(chmod(under("vmm"), 0770), 0);
	assert_int_equal(control_socket_open(&sock, "a", NULL, &err), -EPERM);
	assert_int_equal(chmod(under("vmm"), 0755), 0);
	sock = open_name("a");
	control_socket_close(&sock);
	assert_int_equal(rmdir(under("vmm")), 0);
	assert_int_equal(symlink("/tmp", under("vmm")), 0);
	assert_int_equal(control_socket_open(&sock, "a", NULL, &err), -EPERM);
	(void)unlink(under("vmm"));
}

static void close__another_s_socket_of_that_name_stays(void **state)
{
	struct control_socket sock = open_name("a");
	struct control_socket other;

	(void)state;
	(void)unlink(under("vmm/a.sock"));
	other = open_name("a");
	control_socket_close(&sock);
	assert_int_equal(mode_of(under("vmm/a.sock")), S_IFSOCK | 0600);
	control_socket_close(&other);
}

/* Any program of the user's may lock a folder, and forget it. */
static int lock_folder(void)
{
	const int fd = open(under("vmm"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	return fd;
}

static void open__a_folder_that_stays_locked_is_told(void **state)
{
	struct control_socket a = open_name("a"), b = { .fd = -1 };
	_cleanup_(fd_closep) int lock = lock_folder();

	(void)state;
	assert_int_equal(control_socket_open(&b, "b", NULL, &err), -EBUSY);
	assert_non_null(strstr(err.msg, "/vmm: another program keeps it "
					"locked"));
	assert_true(access(under("vmm/b.sock"), F_OK) < 0);
	(void)close(TAKE_FD(lock));
	control_socket_close(&a);
}

static void close__does_not_wait_for_a_lock_for_ever(void **state)
{
	struct control_socket a = open_name("a");
	_cleanup_(fd_closep) int lock = lock_folder();

	(void)state;
	control_socket_close(&a);
	assert_int_equal(a.fd, -1);
	assert_int_equal(connect_to("a"), -ECONNREFUSED);
}

static void remove__leaves_it_listening_without_a_name(void **state)
{
	struct control_socket a = open_name("a"), next;

	(void)state;
	control_socket_remove(&a);
	assert_true(a.fd >= 0);
	assert_int_equal(connect_to("a"), -ENOENT);
	next = open_name("a");
	control_socket_close(&a);
	assert_true(access(under("vmm/a.sock"), F_OK) == 0);
	control_socket_close(&next);
}

static void remove__only_the_dead(void **state)
{
	struct control_socket live = open_name("a");
	struct sockaddr_un dead;

	(void)state;
	leave_dead("b");
	assert_int_equal(control_path("b", &dead, &err), 0);
	assert_int_equal(control_remove_dead(&dead, &err), 0);
	assert_int_equal(access(under("vmm/b.sock"), F_OK), -1);
	assert_int_equal(control_remove_dead(&dead, &err), 0);
	assert_int_equal(control_remove_dead(&live.at, &err), -EADDRINUSE);
	control_socket_close(&live);
}

static void names__are_those_of_sockets_sorted(void **state)
{
	struct control_names names = { 0 };
	struct control_socket b, a;
	int fd;

	(void)state;
	assert_int_equal(control_names(&names, &err), 0);
	assert_int_equal(names.count, 0); /* without a folder */
	b = open_name("b");
	a = open_name("a");
	fd = open(under("vmm/other"), O_CREAT | O_WRONLY, 0600);
	assert_int_equal(control_names(&names, &err), 0);
	assert_int_equal(names.count, 2);
	assert_string_equal(names.name[0], "a");
	assert_string_equal(names.name[1], "b");
	control_names_finish(&names);
	control_names_finish(&names);
	(void)close(fd);
	(void)unlink(under("vmm/other"));
	control_socket_close(&a);
	control_socket_close(&b);
}

/* One of those who begin at @go: tells @result whether it won; stays until the
 * end of @stay, as a machine that runs. */
static _Noreturn void race(int go, int result, int stay)
{
	struct control_socket sock;
	char byte;
	int r;

	(void)!read(go, &byte, 1);
	r = control_socket_open(&sock, "a", NULL, &err);
	byte = '?';
	if (r == 0)
		byte = 'w';
	else if (r == -EADDRINUSE)
		byte = 'l';
	(void)!write(result, &byte, 1);
	(void)!read(stay, &byte, 1);
	_exit(0);
}

/* Of many that begin at once over a dead one, one is left, and listens. */
static void open__in_a_race_one_wins(void **state)
{
	enum { RACERS = 8 };
	int won = 0, go[2], result[2], stay[2];

	(void)state;
	leave_dead("a");
	assert_int_equal(pipe(go), 0);
	assert_int_equal(pipe(result), 0);
	assert_int_equal(pipe(stay), 0);
	for (int i = 0; i < RACERS; i++) {
		if (fork() == 0) {
			(void)close(go[1]);
			(void)close(stay[1]);
			race(go[0], result[1], stay[0]);
		}
	}
	(void)close(go[0]);
	(void)close(go[1]);
	(void)close(result[1]);
	for (int i = 0; i < RACERS; i++) {
		char byte = 0;

		assert_int_equal(read(result[0], &byte, 1), 1);
		assert_true(byte == 'w' || byte == 'l');
		won += byte == 'w';
	}
	(void)close(stay[1]);
	for (int i = 0; i < RACERS; i++)
		assert_true(wait(NULL) > 0);
	(void)close(result[0]);
	(void)close(stay[0]);
	assert_int_equal(won, 1);
}

static const char *name_of_round(int round)
{
	return round % 2 ? "b" : "a";
}

/* Listens, round by round, until it is told of a client. */
static _Noreturn void listen_in_rounds(int go, int rounds)
{
	struct control_socket sock;
	char byte;

	for (int i = 0; i < rounds; i++) {
		if (control_socket_open(&sock, name_of_round(i), NULL, &err) <
			    0 ||
		    read(go, &byte, 1) != 1)
			_exit(1);
		control_socket_close(&sock);
	}
	_exit(0);
}

/* Tries without a rest: between two calls is where it would be refused. */
static int connect_once_there(const char *name)
{
	int fd;

	do
		fd = connect_to(name);
	while (fd == -ENOENT);
	return fd;
}

static void open__who_sees_the_file_can_connect(void **state)
{
	enum { ROUNDS = 2000 };
	int go[2], fd = 0, status;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(go), 0);
	child = fork();
	if (child == 0) {
		(void)close(go[1]);
		listen_in_rounds(go[0], ROUNDS);
	}
	(void)close(go[0]);
	for (int i = 0; i < ROUNDS && fd >= 0; i++) {
		fd = connect_once_there(name_of_round(i));
		if (fd >= 0) {
			(void)!write(go[1], "", 1);
			(void)close(fd);
		}
	}
	(void)close(go[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(fd >= 0);
	assert_int_equal(status, 0);
	(void)unlink(under("vmm/a.sock"));
	(void)unlink(under("vmm/b.sock"));
}

static void open__leaves_nothing_beside_the_place(void **state)
{
	struct control_socket a = open_name("a"), b = { .fd = -1 };
	char beside[TEMP_PATH_SIZE + 16];

	(void)state;
	(void)snprintf(beside, sizeof(beside), "%s.%d", under("vmm/a.sock"),
		       (int)getpid());
	assert_int_equal(access(beside, F_OK), -1);
	assert_int_equal(control_socket_open(&b, "a", NULL, &err), -EADDRINUSE);
	assert_int_equal(access(beside, F_OK), -1);
	control_socket_close(&a);
}

static void open__an_owners_place_is_taken_later(void **state)
{
	struct control_socket old = open_name("a"), sock = { .fd = -1 };
	const struct control_file owner = { old.dev, old.ino };
	_cleanup_(fd_closep) int fd = -1;

	(void)state;
	assert_int_equal(control_socket_open(&sock, "a", &owner, &err), 0);
	(void)close(old.fd);
	assert_int_equal(connect_to("a"), -ECONNREFUSED);
	assert_int_equal(control_socket_take(&sock, &err), 0);
	fd = connect_to("a");
	assert_true(fd >= 0);
	assert_int_equal(control_socket_take(&sock, &err), 0);
	control_socket_close(&sock);
	assert_int_equal(access(under("vmm/a.sock"), F_OK), -1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(path__a_name_is_a_socket_in_the_users_folder),
		TEST(path__the_longest_that_fits_is_107_characters),
		TEST(folder__without_xdg_it_is_roots_or_none),
		TEST(folder__another_user_is_told_why_there_is_none),
		TEST(open__socket_and_folder_are_the_users_alone),
		TEST(open__a_live_one_is_left_alone),
		TEST(open__a_live_one_with_a_full_queue_is_live),
		TEST(open__a_dead_one_is_replaced),
		TEST(open__what_is_no_socket_is_not_touched),
		TEST(open__a_folder_open_to_others_is_refused),
		TEST(close__another_s_socket_of_that_name_stays),
		TEST(open__a_folder_that_stays_locked_is_told),
		TEST(close__does_not_wait_for_a_lock_for_ever),
		TEST(remove__leaves_it_listening_without_a_name),
		TEST(remove__only_the_dead),
		TEST(names__are_those_of_sockets_sorted),
		TEST(open__in_a_race_one_wins),
		TEST(open__who_sees_the_file_can_connect),
		TEST(open__leaves_nothing_beside_the_place),
		TEST(open__an_owners_place_is_taken_later),
	};

	return RUN_TESTS(tests);
}
