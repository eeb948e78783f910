/* guest-images/init/ports.c - finds a virtio port by its name. */
#include "guest-images/init/init.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define CLASS "/sys/class/virtio-ports"
#define STEP_MS 2

static bool has_name(const char *device, const char *name)
{
	char path[512], text[80];
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), CLASS "/%s/name", device);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return strcmp(text, name) == 0;
}

static int try_port(const char *name, int flags)
{
	DIR *dir = opendir(CLASS);
	char path[512];
	struct dirent *entry;
	int fd = -1;

	while (dir && fd < 0 && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || !has_name(entry->d_name, name))
			continue;
		(void)snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
		fd = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	}
	if (dir)
		(void)closedir(dir);
	return fd;
}

/* A port, and then its name, appear some time after the driver has started.
 * Nothing tells of the latter. */
int port_open(const char *name, int flags, int wait_ms)
{
	const struct timespec step = { .tv_nsec = STEP_MS * 1000000 };
	int fd = try_port(name, flags);

	for (; fd < 0 && wait_ms > 0; wait_ms -= STEP_MS) {
		(void)nanosleep(&step, NULL);
		fd = try_port(name, flags);
	}
	return fd;
}
