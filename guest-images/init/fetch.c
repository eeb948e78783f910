/* guest-images/init/fetch.c - brings files of the guest to the host. */
#include "guest-images/init/init.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define FETCH_PLACE "/run/vmm-fetch"
#define FETCH_DEPTH 64 /* folders in each other */

static dev_t place; /* the device that files are fetched to */

static int copy_file(int from, int dir, const char *name, mode_t mode)
{
	static char buf[32768];
	const int to = openat(dir, name,
			      O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW |
				      O_CLOEXEC,
			      (mode & 0777) | 0600);
	int r = 0;
	ssize_t n;

	if (to < 0)
		return -errno;
	while (r == 0 && (n = read(from, buf, sizeof(buf))) != 0) {
		if (n < 0 && errno != EINTR)
			r = -errno;
		for (ssize_t at = 0; r == 0 && at < n;) {
			const ssize_t done = write(to, buf + at,
						   (size_t)(n - at));

			if (done < 0 && errno != EINTR)
				r = -errno;
			at += done > 0 ? done : 0;
		}
	}
	if (close(to) < 0 && r == 0)
		r = -errno;
	return r;
}

static int copy_entry(int from, const char *name, int to, const char *as,
		      unsigned depth);

/* Takes @from. */
static int copy_folder(int from, int to, const char *name, unsigned depth)
{
	const int dir = mkdirat(to, name, 0777) < 0 && errno != EEXIST
			      ? -1
			      : openat(to, name,
				       O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
					       O_CLOEXEC);
	DIR *entries = dir < 0 ? NULL : fdopendir(from);
	const struct dirent *entry;
	int r = entries ? 0 : -errno;

	while (entries && (entry = readdir(entries))) {
		int one = 0;

		if (strcmp(entry->d_name, ".") != 0 &&
		    strcmp(entry->d_name, "..") != 0)
			one = copy_entry(from, entry->d_name, dir,
					 entry->d_name, depth + 1);
		if (one < 0)
			r = one;
	}
	if (entries)
		(void)closedir(entries);
	else
		(void)close(from);
	if (dir >= 0)
		(void)close(dir);
	return r;
}

/* A link is followed if it is what was asked for; in folders, links and what is
 * neither file nor folder are left out. */
static int copy_entry(int from, const char *name, int to, const char *as,
		      unsigned depth)
{
	const int fd = openat(from, name,
			      O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC |
				      (depth > 0 ? O_NOFOLLOW : 0));
	struct stat st;
	int r = depth > 0 ? 0 : -EINVAL;

	if (fd < 0)
		return depth > 0 && (errno == ELOOP || errno == ENXIO) ? 0
								       : -errno;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (st.st_dev == place)
		r = 0; /* it is there */
	else if (S_ISDIR(st.st_mode) && depth == FETCH_DEPTH)
		r = -ELOOP;
	else if (S_ISDIR(st.st_mode))
		return copy_folder(fd, to, as, depth);
	else if (S_ISREG(st.st_mode))
		r = copy_file(fd, to, as, st.st_mode);
	(void)close(fd);
	return r;
}

/* To the same path, below the place. */
static int fetch_path(const char *path)
{
	const char *name = path + strspn(path, "/");
	char target[4096];
	char *slash;

	if (snprintf(target, sizeof(target), FETCH_PLACE "/%s", name) >=
	    (int)sizeof(target))
		return -ENAMETOOLONG;
	slash = strrchr(target, '/');
	*slash = '\0';
	make_folders(target);
	*slash = '/';
	return copy_entry(AT_FDCWD, path, AT_FDCWD, target, 0);
}

void fetch_files(const struct job *job)
{
	const char *at = NULL;
	const char *tag = job_next(job, &at, "fetchdir");
	const char *path;
	struct stat st;
	int r;

	if (!tag)
		return;
	make_folders(FETCH_PLACE);
	if (mount(tag, FETCH_PLACE, "virtiofs", 0, NULL) < 0) {
		say("lost what was to be fetched: %s",
		    errno == ENODEV ? "this kernel has no virtiofs "
				      "(CONFIG_VIRTIO_FS)"
				    : strerror(errno));
		return;
	}
	if (stat(FETCH_PLACE, &st) == 0)
		place = st.st_dev;
	if (job->pwd)
		(void)chdir(job->pwd);
	at = NULL;
	while ((path = job_next(job, &at, "fetch"))) {
		r = fetch_path(path);
		if (r < 0)
			say("lost %s: %s", path, strerror(-r));
	}
	(void)chdir("/");
	(void)umount2(FETCH_PLACE, 0);
}
