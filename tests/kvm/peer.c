/* tests/kvm/peer.c - a vmm that is watched from outside. */
#include "tests/kvm/peer.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 120000 /* within the runner's limit of a test */
#define STEP_MS 5
#define LINE_SIZE (1u << 20)

void peer_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)printf("FAIL %s:%d: ", file, line);
	(void)vprintf(fmt, ap);
	(void)printf("\n");
	va_end(ap);
	(void)fflush(stdout);
	_exit(1);
}

bool begins(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

void sleep_ms(unsigned ms)
{
	const struct timespec t = { .tv_sec = (time_t)(ms / 1000),
				    .tv_nsec = (long)(ms % 1000) * 1000000 };

	(void)nanosleep(&t, NULL);
}

static pid_t spawn(const char *line)
{
	pid_t pid;

	(void)fflush(stdout);
	pid = fork();
	if (pid == 0) {
		/* It does not outlive a test that fails. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)execl("/bin/sh", "sh", "-c", line, NULL);
		_exit(127);
	}
	CHECK(pid > 0);
	return pid;
}

int peer_main(int argc, char *const argv[], const struct peer_test *tests,
	      size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (argc != 2 || strcmp(argv[1], tests[i].name) != 0)
			continue;
		tests[i].run();
		(void)printf("ok\n");
		return 0;
	}
	(void)printf("FAIL: usage: %s TEST\n", argv[0]);
	return 1;
}

struct peer peer_start(const char *command)
{
	char line[600];

	CHECK(snprintf(line, sizeof(line), "exec %s", command) <
	      (int)sizeof(line));
	return (struct peer){ .pid = spawn(line), .mem = -1 };
}

struct peer peer_run(const char *words)
{
	char line[590];

	CHECK(snprintf(line, sizeof(line), "vmm run --mem 8M %s", words) <
	      (int)sizeof(line));
	return peer_start(line);
}

int peer_wait(struct peer *peer)
{
	int status = 0;

	for (int ms = 0; ms < PATIENCE_MS; ms += STEP_MS) {
		if (waitpid(peer->pid, &status, WNOHANG) == peer->pid) {
			if (peer->mem >= 0)
				(void)close(peer->mem);
			return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
						   : WEXITSTATUS(status);
		}
		sleep_ms(STEP_MS);
	}
	FAIL("vmm does not end");
}

/* Lets file @name of a process, if it is a timer set to more than half an
 * hour, expire. */
static bool expire(int pid_fd, const char *name)
{
	const struct itimerspec now = { .it_value.tv_nsec = 1 };
	struct itimerspec when = { 0 };
	const int fd = pidfd_getfd(pid_fd, atoi(name), 0);
	const bool is_it = timerfd_gettime(fd, &when) == 0 &&
			   when.it_value.tv_sec > 1800;

	if (is_it)
		CHECK(timerfd_settime(fd, 0, &now, NULL) == 0);
	(void)close(fd);
	return is_it;
}

void peer_expire(const struct peer *peer)
{
	const int pid_fd = pidfd_open(peer->pid, 0);
	const struct dirent *entry;
	bool found = false;
	char name[64];
	DIR *dir;

	CHECK(pid_fd >= 0);
	(void)snprintf(name, sizeof(name), "/proc/%d/fd", (int)peer->pid);
	dir = opendir(name);
	CHECK(dir);
	while (!found && (entry = readdir(dir)))
		found = entry->d_name[0] != '.' &&
			expire(pid_fd, entry->d_name);
	(void)closedir(dir);
	(void)close(pid_fd);
	CHECK(found);
}

void shell(const char *line)
{
	struct peer peer = { .pid = spawn(line), .mem = -1 };

	if (peer_wait(&peer) != 0)
		FAIL("%s", line);
}

static void peer_read(const struct peer *peer, uint64_t at, void *buf,
		      size_t len)
{
	if (pread(peer->mem, buf, len, (off_t)at) != (ssize_t)len)
		FAIL("/proc/%d/mem: %s", (int)peer->pid,
		     strerrordesc_np(errno));
}

static void peer_write(const struct peer *peer, uint64_t at, const void *buf,
		       size_t len)
{
	if (pwrite(peer->mem, buf, len, (off_t)at) != (ssize_t)len)
		FAIL("/proc/%d/mem: %s", (int)peer->pid,
		     strerrordesc_np(errno));
}

/* Guest memory is the mapping of just its size that can be written: what is
 * reserved beside it may have that size, too. */
static bool find_ram(struct peer *peer)
{
	char name[64], line[256];
	bool found = false;
	FILE *file;

	(void)snprintf(name, sizeof(name), "/proc/%d/maps", (int)peer->pid);
	file = fopen(name, "r");
	while (file && !found && fgets(line, sizeof(line), file)) {
		uint64_t start = 0, end = 0;
		char access[3] = "";

		found = sscanf(line, "%" SCNx64 "-%" SCNx64 " %2s", &start,
			       &end, access) == 3 &&
			strcmp(access, "rw") == 0 && end - start == PEER_MEM;
		peer->ram = start;
	}
	if (file)
		(void)fclose(file);
	return found;
}

static bool find_count(struct peer *peer)
{
	struct count count;
	char name[64];

	if (!find_ram(peer))
		return false;
	if (peer->mem < 0) {
		(void)snprintf(name, sizeof(name), "/proc/%d/mem",
			       (int)peer->pid);
		peer->mem = open(name, O_RDWR | O_CLOEXEC);
		CHECK(peer->mem >= 0);
	}
	peer->count = peer->ram + (512u << 10) - 4096;
	/* What is mapped while it starts may be gone by now. */
	return pread(peer->mem, &count, sizeof(count), (off_t)peer->count) ==
		       (ssize_t)sizeof(count) &&
	       count.mark == COUNT_MARK;
}

void peer_find(struct peer *peer)
{
	for (int ms = 0; ms < PATIENCE_MS; ms += STEP_MS) {
		if (find_count(peer))
			return;
		sleep_ms(STEP_MS);
	}
	FAIL("the guest does not count");
}

uint64_t peer_checksum(const struct peer *peer)
{
	static uint64_t page[8192];
	const uint64_t pending = peer->count ? peer_look(peer).pending : 0;
	uint64_t sum = 0;

	for (size_t at = 0; at < PEER_MEM; at += sizeof(page)) {
		peer_read(peer, peer->ram + at, page, sizeof(page));
		if (pending > 0 && pending / sizeof(page) == at / sizeof(page))
			page[pending % sizeof(page) / sizeof(page[0])] = 0;
		for (size_t i = 0; i < sizeof(page) / sizeof(page[0]); i++)
			sum = sum * 0x9e3779b97f4a7c15 + page[i];
	}
	return sum;
}

struct count peer_look(const struct peer *peer)
{
	struct count count;

	peer_read(peer, peer->count, &count, sizeof(count));
	return count;
}

static bool has_moved(const struct peer *peer, const struct count *was,
		      unsigned cpus)
{
	const struct count is = peer_look(peer);

	for (unsigned i = 0; i < cpus; i++)
		if (is.cpu[i] < was->cpu[i] + 2)
			return false;
	return true;
}

void peer_wait_moved(const struct peer *peer, unsigned cpus)
{
	const struct count was = peer_look(peer);
	struct count is;

	for (int ms = 0; ms < PATIENCE_MS; ms += STEP_MS) {
		if (has_moved(peer, &was, cpus))
			return;
		sleep_ms(STEP_MS);
	}
	is = peer_look(peer);
	for (unsigned i = 0; i < cpus; i++)
		(void)printf("cpu %u: %lu then %lu\n", i,
			     (unsigned long)was.cpu[i],
			     (unsigned long)is.cpu[i]);
	FAIL("the guest waits for something");
}

void check_counts(const struct count *was, const struct count *is,
		  unsigned cpus)
{
	CHECK(is->mark == COUNT_MARK && is->lives == was->lives);
	for (unsigned i = 0; i < cpus; i++)
		if (is->cpu[i] < was->cpu[i])
			FAIL("CPU %u has counted %lu, then %lu", i,
			     (unsigned long)was->cpu[i],
			     (unsigned long)is->cpu[i]);
}

void peer_order(const struct peer *peer, enum count_order order)
{
	const uint64_t val = order;

	peer_write(peer, peer->count + offsetof(struct count, order), &val,
		   sizeof(val));
}

void peer_clear_gap(const struct peer *peer)
{
	const uint64_t val = 0;

	peer_write(peer, peer->count + offsetof(struct count, gap), &val,
		   sizeof(val));
}

int qmp_connect(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };

	(void)snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	for (int ms = 0; ms < PATIENCE_MS; ms += STEP_MS) {
		const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0)
			return fd;
		(void)close(fd);
		sleep_ms(STEP_MS);
	}
	FAIL("%s: no one listens", path);
}

int qmp_open(const char *path)
{
	const int fd = qmp_connect(path);

	CHECK(begins(qmp_line(fd), "{\"QMP\": "));
	qmp_expect(fd, "{\"execute\": \"qmp_capabilities\"}",
		   "{\"return\": {}}");
	return fd;
}

void qmp_send(int fd, const char *text)
{
	const size_t len = strlen(text);

	if (send(fd, text, len, MSG_NOSIGNAL) != (ssize_t)len)
		FAIL("send: %s", strerrordesc_np(errno));
}

const char *qmp_line(int fd)
{
	static char line[LINE_SIZE];
	size_t len = 0;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		ssize_t n;

		if (poll(&p, 1, PATIENCE_MS) != 1)
			FAIL("no answer");
		n = recv(fd, line + len, 1, 0);
		if (n <= 0) {
			line[len] = 0;
			return line;
		}
		if (line[len++] != '\n')
			continue;
		/* Each ends with both. */
		CHECK(len >= 2 && line[len - 2] == '\r');
		line[len - 2] = 0;
		return line;
	}
}

const char *qmp_reply(int fd)
{
	const char *line;

	do
		line = qmp_line(fd);
	while (strstr(line, "\"event\": "));
	return line;
}

void is_reply(const char *line, const char *wanted)
{
	if (strcmp(line, wanted) != 0)
		FAIL("'%s' is not '%s'", line, wanted);
}

void qmp_expect(int fd, const char *text, const char *reply)
{
	const char *line;

	qmp_send(fd, text);
	line = qmp_line(fd);
	if (strcmp(line, reply) != 0)
		FAIL("'%s' is answered by '%s', not '%s'", text, line, reply);
}

const char *qmp_do(int fd, const char *command)
{
	char text[128];

	(void)snprintf(text, sizeof(text), "{\"execute\": \"%s\"}", command);
	qmp_send(fd, text);
	return qmp_line(fd);
}

void qmp_event(int fd, const char *name, const char *data)
{
	char wanted[256];
	const char *line = qmp_line(fd);
	const char *event = strstr(line, "\"event\": ");
	uint64_t seconds = 0, micros = 1000000;

	(void)snprintf(wanted, sizeof(wanted), "\"event\": \"%s\"%s}", name,
		       data);
	if (!event || strcmp(event, wanted) != 0)
		FAIL("'%s' is not %s", line, wanted);
	if (sscanf(line,
		   "{\"timestamp\": {\"seconds\": %" SCNu64
		   ", \"microseconds\": %" SCNu64 "}, ",
		   &seconds, &micros) != 2 ||
	    micros >= 1000000)
		FAIL("'%s' has no timestamp", line);
}
