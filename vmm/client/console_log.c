/* vmm/client/console_log.c - vmm console --log. */
#include "vmm/client/console_log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "vmm/client/client.h"

/* How often the machine may begin another file while two are opened. */
#define TRIES 1000

/* Both files of a log. */
struct log_files {
	int before, now; /* owned; -1: there is none */
};

static void close_log_files(struct log_files *files)
{
	fd_closep(&files->before);
	fd_closep(&files->now);
	files->before = files->now = -1;
}

/* A file that is none of a log's is not waited for. Returns a descriptor or a
 * negative errno. */
static int open_kept_file(const char *path, struct stat *st)
{
	_cleanup_(fd_closep) int fd = open(path,
					   O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || fstat(fd, st) < 0)
		return -errno;
	return S_ISREG(st->st_mode) ? TAKE_FD(fd) : -EINVAL;
}

/*
 * Opens both files. Returns 0; -EAGAIN if the machine began another one
 * meanwhile; or the errno of opening the last one.
 */
static int try_log_files(struct log_files *files, const char *path,
			 const char *old)
{
	struct stat now = { 0 }, before = { 0 };

	files->now = open_kept_file(path, &now);
	files->before = open_kept_file(old, &before);
	/* Between two names a file has the old one alone. */
	if (files->now == -ENOENT && files->before >= 0)
		return -EAGAIN;
	if (files->now < 0)
		return files->now;
	return files->before >= 0 && now.st_ino == before.st_ino &&
			       now.st_dev == before.st_dev
		     ? -EAGAIN
		     : 0;
}

static int open_log_files(struct log_files *files, const char *path,
			  struct err *err)
{
	_cleanup_(freep) char *old = NULL;
	int r = -EAGAIN;

	if (asprintf(&old, "%s.1", path) < 0) {
		old = NULL;
		return err_set(err, -ENOMEM, "out of memory");
	}
	for (unsigned i = 0; i < TRIES && r == -EAGAIN; i++) {
		close_log_files(files);
		r = try_log_files(files, path, old);
	}
	/* It is not on its way: nobody makes it. */
	if (r == -EAGAIN)
		r = -ENOENT;
	return r < 0 ? err_set(err, r, "%s: %s", path, strerrordesc_np(-r)) : 0;
}

static int print_log_file(int fd, const char *path, struct err *err)
{
	char buf[16384];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (fwrite(buf, 1, (size_t)n, stdout) != (size_t)n)
			return err_sys(err, "standard output");
	return n < 0 ? err_sys(err, "%s", path) : 0;
}

int console_log_print(struct client *client, struct err *err)
{
	_cleanup_(close_log_files) struct log_files files = { -1, -1 };
	json_auto_t *ret = NULL;
	const char *path;
	int r = client_run(client, "x-vmm-query-console-log", NULL, &ret, err);

	if (r < 0)
		return r;
	path = json_string_value(json_object_get(ret, "file"));
	if (!path)
		return err_set(err, -EPROTO, "%s: it does not name its log",
			       client->name);
	r = open_log_files(&files, path, err);
	if (r == 0 && files.before >= 0)
		r = print_log_file(files.before, path, err);
	if (r == 0)
		r = print_log_file(files.now, path, err);
	if (r == 0 && fflush(stdout) != 0)
		r = err_sys(err, "standard output");
	return r;
}
