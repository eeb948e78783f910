/* tests/fuzz/fuzz_folder.c - a folder in memory for a target that reads files.
 */
#include "tests/fuzz/fuzz_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
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

void fuzz_folder_clear(int dir)
{
	DIR *list = fdopendir(openat(dir, ".", O_RDONLY | O_DIRECTORY));
	const struct dirent *entry;

	if (!list)
		abort();
	while ((entry = readdir(list)))
		if (entry->d_name[0] != '.')
			(void)unlinkat(dir, entry->d_name, 0);
	(void)closedir(list);
}
