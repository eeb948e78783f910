/* host/disk_temp.c - what a guest writes to a disk whose image stays as it is.
 */
#include "host/disk_temp.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/zeroes.h"
#include "mem/bitmap.h"

#define FOLDER "/var/tmp"

/* Makes a file and removes its name, where O_TMPFILE cannot be had. */
static int make_and_unlink(const char *folder)
{
	_cleanup_(freep) char *name = NULL;
	int fd;

	if (asprintf(&name, "%s/vmm-disk-XXXXXX", folder) < 0) {
		name = NULL;
		return -ENOMEM;
	}
	fd = mkostemp(name, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	(void)unlink(name);
	return fd;
}

static int make_unnamed(const char *folder)
{
	const int fd = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0)
		return fd;
	/* EISDIR: a kernel that does not know the flag. */
	if (errno == EOPNOTSUPP || errno == EISDIR)
		return make_and_unlink(folder);
	return -errno;
}

int disk_temp_file(const char **ret_where, struct err *err)
{
	const char *folder = secure_getenv("TMPDIR");
	const bool chosen = folder && *folder;
	int fd = make_unnamed(chosen ? folder : FOLDER);

	if (fd >= 0) {
		*ret_where = chosen ? folder : FOLDER;
		return fd;
	}
	if (chosen)
		return err_input(err, fd,
				 "temporary file in %s, which TMPDIR names: %s",
				 folder, strerrordesc_np(-fd));
	fd = memfd_create("vmm-disk", MFD_CLOEXEC);
	if (fd < 0)
		return err_sys(err, "temporary file in memory");
	*ret_where = NULL;
	return fd;
}

/* Pages of the map that no bit was set in cost nothing. */
static int make_block_map(struct disk_temp *temp, uint64_t blocks,
			  struct err *err)
{
	const uint64_t bytes = bitmap_words(blocks) * sizeof(uint64_t);
	void *map = map_zeroes(bytes);

	if (!map)
		return err_set(err, -ENOMEM,
			       "no room for a map of %" PRIu64 " bytes", bytes);
	temp->written = map;
	temp->bytes = (size_t)bytes;
	return 0;
}

int disk_temp_init(struct disk_temp *ret, uint64_t size, uint32_t block,
		   struct err *err)
{
	struct disk_temp temp = { .fd = -1, .block = block };
	int r = 0;

	temp.fd = disk_temp_file(&temp.where, err);
	if (temp.fd < 0)
		return temp.fd;
	if (ftruncate(temp.fd, (off_t)size) < 0)
		r = err_sys(err, "temporary file of %" PRIu64 " bytes in %s",
			    size, temp.where ? temp.where : "memory");
	if (r == 0)
		r = make_block_map(&temp, size / block, err);
	if (r < 0)
		disk_temp_finish(&temp);
	else
		*ret = temp;
	return r;
}

void disk_temp_finish(struct disk_temp *temp)
{
	if (temp->written)
		(void)munmap(temp->written, temp->bytes);
	temp->written = NULL;
	fd_closep(&temp->fd);
	temp->fd = -1;
}

uint64_t disk_temp_run(const struct disk_temp *temp, uint64_t offset,
		       uint64_t len, bool *ret_written)
{
	const uint64_t from = offset / temp->block;
	const uint64_t to = (offset + len - 1) / temp->block + 1;
	const bool written = bitmap_count(temp->written, from, from + 1) == 1;
	const uint64_t end = written
				   ? bitmap_next_clear(temp->written, from, to)
				   : bitmap_next_set(temp->written, from, to);
	const uint64_t run = end * temp->block - offset;

	*ret_written = written;
	return run < len ? run : len;
}

void disk_temp_wrote(struct disk_temp *temp, uint64_t offset, uint64_t len)
{
	(void)bitmap_set(temp->written, offset / temp->block,
			 (offset + len) / temp->block);
}
