/* tests/fuzz/fuzz_folder.c - a folder in memory for a target that reads files.
 */
#include "tests/fuzz/fuzz_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_FOLDERS 4

static struct {
	char path[32];
	int fd;
} folder[MAX_FOLDERS];

static size_t folders;

static void remove_folders(void)
{
	while (folders > 0) {
		folders--;
		fuzz_folder_clear(folder[folders].fd);
		(void)close(folder[folders].fd);
		(void)rmdir(folder[folders].path);
	}
}

int fuzz_folder_make(void)
{
	static const char *const name[] = { "/dev/shm/fuzz-XXXXXX",
					    "/tmp/fuzz-XXXXXX" };
	char *path = folder[folders].path;
	int fd = -1;

	if (folders == MAX_FOLDERS || (folders == 0 && atexit(remove_folders)))
		abort();
	for (size_t i = 0; i < 2 && fd < 0; i++) {
		memcpy(path, name[i], strlen(name[i]) + 1);
		if (mkdtemp(path))
			fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
	if (fd < 0)
		abort();
	folder[folders++].fd = fd;
	return fd;
}

void fuzz_folder_put(int dir, const char *name, const void *data, size_t len,
		     size_t size)
{
	const int fd = openat(dir, name,
			      O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, data, len) != (ssize_t)len ||
	    ftruncate(fd, (off_t)size) < 0)
		abort();
	(void)close(fd);
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as a target made it */
void fuzz_folder_clear(int dir)
{
	DIR *list = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY));
	const struct dirent *entry;

	if (!list)
		abort();
	while ((entry = readdir(list))) {
		const char *name = entry->d_name;
		int below;

		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		    unlinkat(dir, name, 0) == 0)
			continue;
		(void)fchmodat(dir, name, 0700, 0);
		below = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
		if (below < 0)
			abort();
		fuzz_folder_clear(below);
		(void)close(below);
		(void)unlinkat(dir, name, AT_REMOVEDIR);
	}
	(void)closedir(list);
}
