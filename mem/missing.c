/* mem/missing.c - guest memory of which parts are not there yet. */
#include "mem/missing.h"

#include <errno.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "mem/bitmap.h"
#include "mem/discard.h"
#include "mem/faults.h"

int missing_open(struct missing *ret,
		 void (*fetch)(struct missing_region *r, uint64_t unit),
		 struct err *err)
{
	*ret = (struct missing){ .fd = -1, .nothing = -1, .fetch = fetch };
	(void)pthread_mutex_init(&ret->lock, NULL);
	ret->fd = faults_open(err);
	if (ret->fd < 0)
		return ret->fd;
	ret->nothing = memfd_create("lost", MFD_CLOEXEC);
	return ret->nothing < 0 ? err_sys(err, "memfd_create") : 0;
}

void missing_close(struct missing *all)
{
	fd_closep(&all->fd);
	fd_closep(&all->nothing);
	for (size_t i = 0; i < all->regions; i++)
		free(all->region[i].done);
	(void)pthread_mutex_destroy(&all->lock);
}

bool missing_is_done(const struct missing_region *r, uint64_t unit)
{
	return r->done[unit / 64] >> unit % 64 & 1;
}

void missing_done(struct missing_region *r, uint64_t from, uint64_t to)
{
	const uint64_t were = bitmap_set(r->done, from, to);

	r->left -= were;
	/* All of it is there: whoever waits goes on. */
	if (were > 0 && r->left == 0)
		faults_release(r->all->fd, r->backing->host, r->backing->size);
}

static uint64_t bytes_of_units(const struct missing_region *r, uint64_t from,
			       uint64_t to)
{
	const uint64_t left = r->backing->size - from * r->unit;
	const uint64_t size = (to - from) * r->unit;

	return size < left ? size : left;
}

int missing_want(struct missing_region *r, uint64_t from, uint64_t to,
		 struct err *err)
{
	const int code = backing_drop(r->backing, from * r->unit,
				      bytes_of_units(r, from, to));

	if (code < 0)
		return err_set(err, code, "memory cannot be given back: %s",
			       strerrordesc_np(-code));
	r->left += bitmap_clear(r->done, from, to);
	return 0;
}

void missing_lose(const struct missing_region *r, uint64_t from, uint64_t to)
{
	(void)mmap(r->backing->host + from * r->unit,
		   (size_t)bytes_of_units(r, from, to), PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_FIXED, r->all->nothing, 0);
}

void missing_put_zero(const struct missing_region *r, uint64_t address)
{
	faults_put_zero(r->all->fd, align_down(address, r->backing->page),
			r->backing->page);
}

/* What is missing may hold something. */
static bool next_missing(struct mem_fill *fill, uint64_t *from, uint64_t end,
			 uint64_t *ret_end)
{
	struct missing_region *r = container_of(fill, struct missing_region,
						fill);
	uint64_t first, last;
	GUARD(&r->all->lock);

	if (*from >= end)
		return false;
	first = bitmap_next_clear(r->done, *from / r->unit, r->units);
	if (first * r->unit >= end)
		return false;
	last = bitmap_next_set(r->done, first, r->units) * r->unit;
	if (*from < first * r->unit)
		*from = first * r->unit;
	*ret_end = last < end ? last : end;
	return true;
}

/* Of what is given back nothing is wanted later. A unit of which a part stays
 * is fetched now. */
static void forget_units(struct missing_region *r, uint64_t offset,
			 uint64_t size)
{
	const uint64_t end = offset + size;
	const bool to_the_end = end == r->backing->size;
	uint64_t first = offset / r->unit, last = end / r->unit;
	GUARD(&r->all->lock);

	if (r->left == 0)
		return;
	if (offset % r->unit != 0 && !missing_is_done(r, first))
		r->all->fetch(r, first);
	if (end % r->unit != 0 && !to_the_end && !missing_is_done(r, last))
		r->all->fetch(r, last);
	first += offset % r->unit != 0;
	last += end % r->unit != 0 && to_the_end;
	if (r->left > 0 && first < last)
		missing_done(r, first, last);
}

static int discard_missing(struct mem_fill *fill, const struct backing *backing,
			   uint64_t offset, uint64_t size)
{
	struct missing_region *r = container_of(fill, struct missing_region,
						fill);

	if (size > 0)
		forget_units(r, offset, size);
	return backing_drop(backing, offset, size);
}

/* Its owner tells what cannot be had. */
static bool find_no_lost(struct mem_fill *fill, uint64_t *ret_offset)
{
	(void)fill;
	(void)ret_offset;
	return false;
}

static void explain_missing(struct mem_fill *fill, uint64_t offset,
			    struct err *err)
{
	(void)fill;
	(void)offset;
	(void)err_set(err, -EFAULT, "the host cannot give this page");
}

static const struct mem_fill_ops missing_ops = {
	.next = next_missing,
	.discard = discard_missing,
	.find_lost = find_no_lost,
	.explain = explain_missing,
};

int missing_add(struct missing *all, size_t number, struct backing *backing,
		uint64_t unit, bool empty, struct err *err)
{
	struct missing_region *r = &all->region[all->regions];
	const uint64_t units = (backing->size + unit - 1) / unit;
	int code;

	*r = (struct missing_region){ .fill.ops = &missing_ops,
				      .all = all,
				      .number = number,
				      .backing = backing,
				      .unit = unit,
				      .units = units,
				      .left = empty ? units : 0 };
	r->done = calloc((size_t)bitmap_words(units), sizeof(*r->done));
	if (!r->done)
		return err_set(err, -ENOMEM, "out of memory");
	if (!empty)
		(void)bitmap_set(r->done, 0, units);
	all->regions++;
	code = faults_catch(all->fd, backing->host, backing->size, err);
	if (code < 0)
		return code;
	backing->fill = &r->fill;
	return 0;
}

struct missing_region *missing_find(struct missing *all, uint64_t address)
{
	for (size_t i = 0; i < all->regions; i++) {
		struct missing_region *r = &all->region[i];

		if (address - (uintptr_t)r->backing->host < r->backing->size)
			return r;
	}
	return NULL;
}

size_t missing_read(const struct missing *all, uint64_t ret[MISSING_FAULTS])
{
	struct uffd_msg msg[MISSING_FAULTS];
	const ssize_t n = read(all->fd, msg, sizeof(msg));
	size_t count = 0;

	for (ssize_t i = 0; i < n / (ssize_t)sizeof(*msg); i++)
		if (msg[i].event == UFFD_EVENT_PAGEFAULT)
			ret[count++] = msg[i].arg.pagefault.address;
	return count;
}
