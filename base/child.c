/* base/child.c - a program that this process starts. */
#include "base/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "base/cleanup.h"

/* A descriptor's copy where none of the child's will be: dup2(2) of one must
 * not close another before its turn. */
static int copy_child_fd(int fd)
{
	const int copy = fcntl(fd, F_DUPFD_CLOEXEC, CHILD_FDS);

	return copy < 0 ? -errno : copy;
}

static int open_child_fds(const struct child_spec *spec, int copies[CHILD_FDS])
{
	for (size_t i = 0; i < spec->count; i++) {
		_cleanup_(fd_closep) int none = -1;

		if (spec->fds[i] < 0) {
			none = open("/dev/null", O_RDWR | O_CLOEXEC);
			if (none < 0)
				return -errno;
		}
		copies[i] = copy_child_fd(none < 0 ? spec->fds[i] : none);
		if (copies[i] < 0)
			return copies[i];
	}
	return 0;
}

static int set_child_signals(posix_spawnattr_t *attr, bool session)
{
	const short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
	sigset_t none, usual;
	int r;

	(void)sigemptyset(&none);
	(void)sigemptyset(&usual);
	(void)sigaddset(&usual, SIGPIPE);
	(void)sigaddset(&usual, SIGXFSZ);
	r = posix_spawnattr_setsigmask(attr, &none);
	if (r == 0)
		r = posix_spawnattr_setsigdefault(attr, &usual);
	if (r == 0)
		r = posix_spawnattr_setflags(
			attr,
			(short)(flags | (session ? POSIX_SPAWN_SETSID : 0)));
	return -r;
}

/* posix_spawnp(3) takes the words without const, and changes none. */
static int spawn_child(pid_t *ret, const struct child_spec *spec,
		       const int copies[CHILD_FDS],
		       const posix_spawnattr_t *attr)
{
	union {
		const char *const *words;
		char *const *argv;
	} argv = { spec->argv };
	posix_spawn_file_actions_t files;
	int r = posix_spawn_file_actions_init(&files);

	if (r != 0)
		return -r;
	for (size_t i = 0; r == 0 && i < spec->count; i++)
		r = posix_spawn_file_actions_adddup2(&files, copies[i], (int)i);
	if (r == 0)
		r = posix_spawnp(ret, argv.argv[0], &files, attr, argv.argv,
				 environ);
	(void)posix_spawn_file_actions_destroy(&files);
	return -r;
}

int child_spawn(pid_t *ret, const struct child_spec *spec)
{
	int copies[CHILD_FDS] = { -1, -1, -1, -1, -1, -1, -1, -1 };
	posix_spawnattr_t attr;
	int r = -posix_spawnattr_init(&attr);

	if (r < 0)
		return r;
	r = set_child_signals(&attr, spec->session);
	if (r == 0)
		r = open_child_fds(spec, copies);
	if (r == 0)
		r = spawn_child(ret, spec, copies, &attr);
	for (size_t i = 0; i < CHILD_FDS; i++)
		fd_closep(&copies[i]);
	(void)posix_spawnattr_destroy(&attr);
	return r;
}

/* True if a child ends within the time. */
static bool child_ends(int pidfd, int ms)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int n;

	do
		n = poll(&p, 1, ms);
	while (n < 0 && errno == EINTR);
	return n > 0;
}

int child_end(pid_t pid, int wait_ms, int term_ms)
{
	_cleanup_(fd_closep) int pidfd = pidfd_open(pid, 0);
	int status = 0;

	if (pidfd < 0) {
		(void)kill(pid, SIGKILL);
	} else if (!child_ends(pidfd, wait_ms)) {
		(void)kill(pid, SIGTERM);
		if (!child_ends(pidfd, term_ms))
			(void)kill(pid, SIGKILL);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}
