/* vmm/snapshot/disk_copy.c - copies a guest's disks to a snapshot. */
#include "vmm/snapshot/disk_copy.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define BUFFER ((size_t)DISK_LOG_WORD * DISK_LOG_PAGE)

int disk_copies_add(struct disk_copies *copies, unsigned index,
		    struct disk *disk, bool all, struct err *err)
{
	struct copied_disk *copied = &copies->at[copies->count];
	int r;

	*copied = (struct copied_disk){ .disk = disk,
					.index = index,
					.size = disk->size };
	r = disk->ops->log(disk, all, &copied->log, err);
	if (r == 0)
		copies->count++;
	return r;
}

void disk_copies_finish(struct disk_copies *copies)
{
	for (size_t i = 0; i < copies->count; i++) {
		struct disk *disk = copies->at[i].disk;

		disk->ops->unlog(disk, copies->at[i].log);
	}
	*copies = (struct disk_copies){ 0 };
}

int disk_copies_check(const struct disk_copies *copies, struct err *err)
{
	for (size_t i = 0; i < copies->count; i++) {
		const struct copied_disk *copied = &copies->at[i];

		if (copied->disk->size != copied->size)
			return err_set(err, -ESTALE,
				       "disk%u: has grown since its copy was "
				       "begun; make a full snapshot",
				       copied->index);
	}
	return 0;
}

void disk_copies_regions(const struct disk_copies *copies,
			 struct image_region region[CONFIG_MAX_DISKS])
{
	for (size_t i = 0; i < copies->count; i++) {
		const struct copied_disk *copied = &copies->at[i];

		region[i] = (struct image_region){
			.gpa = { IMAGE_DISKS + copied->index * IMAGE_DISK_STEP,
				 copied->log->pages * IMAGE_PAGE },
			.kind = MEM_RESERVED,
		};
		(void)snprintf(region[i].name, sizeof(region[i].name), "disk%u",
			       copied->index);
	}
}

/* A pass that is under way. */
struct disk_pass {
	struct disk_copies *copies;
	struct image_copy *to;
	uint8_t *buf; /* of BUFFER bytes */
	uint64_t bytes; /* copied so far */
};

static int copy_disk_run(const struct disk_pass *pass, size_t index,
			 uint64_t first, unsigned pages, struct err *err)
{
	const struct copied_disk *copied = &pass->copies->at[index];
	const uint64_t offset = first * DISK_LOG_PAGE;
	const size_t len = (size_t)pages * DISK_LOG_PAGE;
	const size_t there = copied->size - offset < len
				   ? (size_t)(copied->size - offset)
				   : len;
	/* To share brings what was written to the disk first, which is not
	 * for a last pass while the guest is held. What the guest writes
	 * meanwhile is in the log. */
	const bool shares = pass->copies->fresh && there == len;
	const int r = copied->disk->ops->peek(copied->disk, offset, pass->buf,
					      there);

	if (r < 0)
		return err_set(err, r, "disk%u: byte %" PRIu64 ": %s",
			       copied->index, offset, strerrordesc_np(-r));
	memset(pass->buf + there, 0, len - there);
	return image_copy_put_disk(
		pass->to, index,
		&(struct image_data){ offset, len, pass->buf,
				      shares ? copied->disk->fd : -1 },
		err);
}

/* Where a full copy need not look before: the host says what is zero. */
static uint64_t skip_holes(const struct copied_disk *copied, uint64_t page)
{
	const uint64_t data = copied->disk->ops->next_data(
		copied->disk, page * DISK_LOG_PAGE);

	return data / DISK_LOG_PAGE;
}

static bool copies_stopped(const struct disk_copies *copies)
{
	return __atomic_load_n(&copies->stopped, __ATOMIC_RELAXED);
}

static int copy_one_disk(struct disk_pass *pass, size_t index, struct err *err)
{
	struct copied_disk *copied = &pass->copies->at[index];
	uint64_t from = 0, first;
	unsigned pages;
	int r = 0;

	while (r == 0 && (pages = disk_log_take(copied->log, from, &first))) {
		if (copies_stopped(pass->copies))
			return err_set(err, -ECANCELED, "disk%u: ended",
				       copied->index);
		from = first + pages;
		if (pass->copies->fresh && skip_holes(copied, first) >= from)
			continue;
		r = copy_disk_run(pass, index, first, pages, err);
		pass->bytes += (uint64_t)pages * DISK_LOG_PAGE;
	}
	return r;
}

int disk_copies_pass(struct disk_copies *copies, struct image_copy *to,
		     uint64_t *ret_bytes, struct err *err)
{
	_cleanup_(freep) uint8_t *buf = aligned_alloc(DISK_LOG_PAGE, BUFFER);
	struct disk_pass pass = { .copies = copies, .to = to, .buf = buf };
	int r = 0;

	if (!buf)
		return err_set(err, -ENOMEM, "disks: out of memory");
	for (size_t i = 0; r == 0 && i < copies->count; i++)
		r = copy_one_disk(&pass, i, err);
	copies->fresh = false;
	*ret_bytes = pass.bytes;
	return r;
}

void disk_copies_stop(struct disk_copies *copies)
{
	__atomic_store_n(&copies->stopped, true, __ATOMIC_RELAXED);
}

void disk_copies_go(struct disk_copies *copies)
{
	__atomic_store_n(&copies->stopped, false, __ATOMIC_RELAXED);
}
