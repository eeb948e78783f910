/* vmm/snapshot/disk_load.c - gives a guest that goes on the disks that its
 * snapshot holds. */
#include "vmm/snapshot/disk_load.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "host/disk_temp.h"
#include "vmm/config.h"

/* A file that is being filled. */
struct filling {
	const struct image_chain *chain; /* borrowed */
	size_t region;
	int fd; /* borrowed */
	uint64_t size; /* of the disk, in bytes */
};

/* Writes the pages of a chunk that hold data. @buf: their bytes */
static int write_chunk(const struct filling *filling, uint64_t chunk,
		       const struct image_merged *merged, const uint8_t *buf)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < merged->pages; i++) {
		const uint64_t at = chunk * IMAGE_CHUNK + i * IMAGE_PAGE;
		/* The last page may be of less bytes. */
		const uint64_t left = filling->size - at;

		if (merged->state[i] == IMAGE_DATA)
			r = file_write_at(filling->fd, buf + i * IMAGE_PAGE,
					  left < IMAGE_PAGE ? (size_t)left
							    : IMAGE_PAGE,
					  at);
	}
	return r;
}

static int fill_file(const struct filling *filling, struct err *err)
{
	const uint64_t chunks = image_chunks(filling->size);
	_cleanup_(freep) uint8_t *buf = malloc(IMAGE_CHUNK);
	struct image_merged merged;
	int r = 0;

	if (!buf)
		return err_set(err, -ENOMEM, "out of memory");
	if (ftruncate(filling->fd, (off_t)filling->size) < 0)
		return err_sys(err, "temporary file");
	for (uint64_t c = 0; r == 0 && c < chunks; c++) {
		r = image_chain_load_chunk(filling->chain, filling->region, c,
					   &merged, buf, err);
		if (r < 0)
			return r;
		r = write_chunk(filling, c, &merged, buf);
	}
	return r < 0 ? err_set(err, r, "temporary file: %s",
			       strerrordesc_np(-r))
		     : 0;
}

/* The region of a disk, or -EBADMSG. */
static int find_disk_region(const struct snapshot_chain *chain, size_t index,
			    size_t *ret, struct err *err)
{
	const struct image *image = chain->memory.image[0];
	const uint64_t size = chain->about.disk[index].size;
	const uint64_t pages = size / IMAGE_PAGE + (size % IMAGE_PAGE != 0);

	for (size_t i = image_memory_regions(image); i < image_regions(image);
	     i++) {
		const struct range *at = &image_region(image, i)->gpa;

		if (at->start != IMAGE_DISKS + index * IMAGE_DISK_STEP)
			continue;
		if (at->size / IMAGE_PAGE != pages)
			break;
		*ret = i;
		return 0;
	}
	return err_input(err, -EBADMSG,
			 "the snapshot says that it holds disk %zu, and does "
			 "not",
			 index);
}

/* The guest opens the file by its descriptor. */
static int give_file(struct disk_spec *spec, int fd, struct err *err)
{
	spec->copied = true;
	spec->fd = fd;
	spec->temp = false;
	/* Whatever the bytes look like, the guest has had them. */
	spec->format = "raw";
	/* A temporary file's folder may not have it, and its bytes need not
	 * last. */
	spec->direct = false;
	if (asprintf(&spec->file, "/proc/self/fd/%d", fd) >= 0)
		return 0;
	spec->file = NULL;
	return err_set(err, -ENOMEM, "out of memory");
}

static int load_disk(const struct snapshot_chain *chain, size_t index,
		     struct disk_spec *spec, struct err *err)
{
	struct filling filling = { .chain = &chain->memory,
				   .size = chain->about.disk[index].size };
	const char *where = NULL;
	int r = find_disk_region(chain, index, &filling.region, err);

	if (r < 0)
		return r;
	filling.fd = disk_temp_file(&where, err);
	if (filling.fd < 0)
		return filling.fd;
	r = give_file(spec, filling.fd, err);
	if (r == 0)
		r = fill_file(&filling, err);
	if (r == 0)
		log_info("--disk %s: is the snapshot's copy, in %s; what the "
			 "guest writes vanishes with it",
			 spec->path, where ? where : "memory");
	return r;
}

int snapshot_disks_load(const struct snapshot_chain *chain,
			struct config *config, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < config->disks; i++) {
		struct disk_spec *spec = &config->disk[i];

		if (!chain->about.disk[i].copied)
			continue;
		r = load_disk(chain, i, spec, err);
		if (r < 0)
			(void)err_wrap(err, "--disk %s", spec->path);
	}
	return r < 0 ? err_wrap(err, "%s", chain->full_path) : 0;
}
