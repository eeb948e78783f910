/* guest-images/init/root.c - modules, file systems, and the way to the root. */
#include "guest-images/init/init.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NEW_ROOT PLACE "/root"
#define PATH_SIZE 4096

static const struct {
	const char *source, *target, *type, *options;
	unsigned long flags;
} systems[] = {
	{ "proc", "/proc", "proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "sysfs", "/sys", "sysfs", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC },
	{ "devtmpfs", "/dev", "devtmpfs", "mode=755", MS_NOSUID },
	{ "devpts", "/dev/pts", "devpts", "ptmxmode=666,gid=5,mode=620",
	  MS_NOSUID | MS_NOEXEC },
	{ "tmpfs", "/dev/shm", "tmpfs", "mode=1777", MS_NOSUID | MS_NODEV },
	{ "tmpfs", "/tmp", "tmpfs", "mode=1777", MS_NOSUID | MS_NODEV },
	{ "tmpfs", "/run", "tmpfs", "mode=755", MS_NOSUID | MS_NODEV },
	{ "debugfs", "/sys/kernel/debug", "debugfs", NULL, 0 },
	{ "tracefs", "/sys/kernel/tracing", "tracefs", NULL, 0 },
	{ "cgroup2", "/sys/fs/cgroup", "cgroup2", NULL,
	  MS_NOSUID | MS_NODEV | MS_NOEXEC },
};

static void join(char path[PATH_SIZE], const char *a, const char *b)
{
	(void)snprintf(path, PATH_SIZE, "%s%s", a, b);
}

static void make_link(const char *root, const char *target, const char *name)
{
	char path[PATH_SIZE];

	join(path, root, name);
	(void)symlink(target, path);
}

/* A kernel may lack a file system; what needs it will say so. */
void mount_system(const char *root)
{
	char path[PATH_SIZE];

	for (size_t i = 0; i < sizeof(systems) / sizeof(systems[0]); i++) {
		join(path, root, systems[i].target);
		(void)mkdir(path, 0755);
		(void)mount(systems[i].source, path, systems[i].type,
			    systems[i].flags, systems[i].options);
	}
	make_link(root, "/proc/self/fd", "/dev/fd");
	make_link(root, "/proc/self/fd/0", "/dev/stdin");
	make_link(root, "/proc/self/fd/1", "/dev/stdout");
	make_link(root, "/proc/self/fd/2", "/dev/stderr");
}

void load_modules(const struct job *job)
{
	const char *at = NULL;
	const char *path;

	while ((path = job_next(job, &at, "module"))) {
		const int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (fd < 0)
			die("%s: %s", path, strerror(errno));
		if (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST)
			die("%s: cannot be loaded: %s", path, strerror(errno));
		(void)close(fd);
	}
}

void make_folders(const char *path)
{
	char part[PATH_SIZE];

	join(part, path, "");
	for (char *at = strchr(part + 1, '/'); at; at = strchr(at + 1, '/')) {
		*at = '\0';
		(void)mkdir(part, 0755);
		*at = '/';
	}
	(void)mkdir(part, 0755);
}

static void mount_share(const char *tag, const char *target, bool ro)
{
	make_folders(target);
	if (mount(tag, target, "virtiofs", ro ? MS_RDONLY : 0, NULL) == 0)
		return;
	if (errno == ENODEV)
		die("this kernel has no virtiofs (CONFIG_VIRTIO_FS)");
	die("%s: cannot be mounted: %s", target, strerror(errno));
}

/* A folder of the host's, where writes go to memory. */
static void mount_overlay(const char *tag, const char *target)
{
	char base[64], path[PATH_SIZE], options[PATH_SIZE];

	(void)snprintf(base, sizeof(base), PLACE "/over/%s", tag);
	join(path, base, "/lower");
	mount_share(tag, path, true);
	join(path, base, "/memory");
	make_folders(path);
	if (mount("tmpfs", path, "tmpfs", 0, "mode=755") < 0)
		die("tmpfs: %s", strerror(errno));
	join(path, base, "/memory/upper");
	make_folders(path);
	join(path, base, "/memory/work");
	make_folders(path);
	(void)snprintf(options, sizeof(options),
		       "lowerdir=%s/lower,upperdir=%s/memory/upper,"
		       "workdir=%s/memory/work",
		       base, base, base);
	make_folders(target);
	if (mount("overlay", target, "overlay", 0, options) == 0)
		return;
	if (errno == ENODEV)
		die("this kernel has no overlay (CONFIG_OVERLAY_FS)");
	die("%s: cannot be overlaid: %s", target, strerror(errno));
}

/* The value is TAG:PATH. */
static void mount_folders(const struct job *job, const char *key,
			  const char *root,
			  void (*make)(const char *tag, const char *target))
{
	char tag[40], path[PATH_SIZE];
	const char *at = NULL;
	const char *value;

	while ((value = job_next(job, &at, key))) {
		const char *colon = strchr(value, ':');

		if (!colon || (size_t)(colon - value) >= sizeof(tag))
			die("%s: no folder", value);
		memcpy(tag, value, (size_t)(colon - value));
		tag[colon - value] = '\0';
		join(path, root, colon + 1);
		make(tag, path);
	}
}

static void mount_rw(const char *tag, const char *target)
{
	mount_share(tag, target, false);
}

static void mount_ro(const char *tag, const char *target)
{
	mount_share(tag, target, true);
}

void enter_root(const struct job *job)
{
	const char *root = job->root ? NEW_ROOT : "";

	if (job->root) {
		mount_overlay(job->root, NEW_ROOT);
		mount_system(NEW_ROOT);
	}
	mount_folders(job, "over", root, mount_overlay);
	mount_folders(job, "ro", root, mount_ro);
	mount_folders(job, "rw", root, mount_rw);
	if (!job->root)
		return;
	if (chdir(NEW_ROOT) < 0 || mount(".", "/", NULL, MS_MOVE, NULL) < 0 ||
	    chroot(".") < 0 || chdir("/") < 0)
		die("/: %s", strerror(errno));
}
