/* host/tty_log.c - a guest's console output in a file. */
#include "host/tty_log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/log.h"

struct tty_log {
	pthread_mutex_t lock;
	int fd; /* owned; -1: the log has ended */
	char *path; /* owned */
	char *old; /* owned: where a full file goes */
	uint64_t half; /* bytes of a file; UINT64_MAX: there is no limit */
	uint64_t len; /* of the file */
};

static int open_log_file(const char *path)
{
	const int fd = open(path,
			    O_WRONLY | O_CREAT | O_TRUNC | O_NOCTTY |
				    O_NONBLOCK | O_CLOEXEC,
			    0666);

	return fd < 0 ? -errno : fd;
}

static void free_log(struct tty_log **log)
{
	if (!*log)
		return;
	fd_closep(&(*log)->fd);
	(void)pthread_mutex_destroy(&(*log)->lock);
	free((*log)->path);
	free((*log)->old);
	free(*log);
}

int tty_log_open(struct tty_log **ret, const char *path, uint64_t max,
		 struct err *err)
{
	_cleanup_(free_log) struct tty_log *log = calloc(1, sizeof(*log));
	struct stat st;

	if (!log)
		return err_set(err, -ENOMEM, "%s: out of memory", path);
	(void)pthread_mutex_init(&log->lock, NULL);
	log->half = max ? max / 2 : UINT64_MAX;
	log->path = strdup(path);
	log->fd = -1;
	if (!log->path || asprintf(&log->old, "%s.1", path) < 0) {
		log->old = NULL;
		return err_set(err, -ENOMEM, "%s: out of memory", path);
	}
	/* To open a pipe for writing would wait for its reader. */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return err_input(err, -EINVAL, "%s: no regular file", path);
	log->fd = open_log_file(path);
	if (log->fd < 0) {
		(void)err_input(err, log->fd, "%s: %s", path,
				strerrordesc_np(-log->fd));
		return err->code;
	}
	*ret = TAKE_PTR(log);
	return 0;
}

struct tty_log *tty_log_close(struct tty_log *log)
{
	free_log(&log);
	return NULL;
}

static void end_log(struct tty_log *log, int error)
{
	log_warn("%s: %s; the console's log ends here", log->path,
		 strerrordesc_np(error));
	fd_closep(&log->fd);
	log->fd = -1;
}

/* Begins another file. */
static void turn_log(struct tty_log *log)
{
	int fd;

	if (rename(log->path, log->old) < 0)
		return end_log(log, errno);
	fd = open_log_file(log->path);
	if (fd < 0)
		return end_log(log, -fd);
	fd_closep(&log->fd);
	log->fd = fd;
	log->len = 0;
}

/* Writes what the file takes. Returns how much that is. */
static size_t write_log(struct tty_log *log, const uint8_t *buf, size_t len)
{
	const uint64_t room = log->half - log->len;
	ssize_t n;

	do
		n = write(log->fd, buf, len < room ? len : (size_t)room);
	while (n < 0 && errno == EINTR);
	if (n < 0) {
		end_log(log, errno);
		return 0;
	}
	log->len += (uint64_t)n;
	return (size_t)n;
}

void tty_log_write(struct tty_log *log, const uint8_t *buf, size_t len)
{
	GUARD(&log->lock);
	while (len > 0 && log->fd >= 0) {
		size_t n;

		if (log->len == log->half)
			turn_log(log);
		if (log->fd < 0)
			return;
		n = write_log(log, buf, len);
		buf += n;
		len -= n;
	}
}
