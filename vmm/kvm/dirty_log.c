/* vmm/kvm/dirty_log.c - KVM's log of the pages a guest writes. */
#include "vmm/kvm/dirty_log.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/zeroes.h"
#include "mem/blocks.h"
#include "mem/dirty.h"
#include "mem/slots.h"
#include "vmm/kvm/dirty_ring.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/slot.h"

struct dirty_log {
	struct dirty_log_setup over;
	const struct mem_map *map; /* of over.slots */
	enum dirty_log_kind kind; /* never DIRTY_LOG_AUTO */
	bool attached; /* to over.dirty */

	/* Under the lock that serializes a dirty_source's calls. */
	bool logging;
	bool fresh; /* no vCPU has run yet */
	uint64_t *bitmap; /* owned mapping, while logging; for any one region */
	size_t bitmap_size;
	bool ring_bitmap; /* there is one beside the rings */
	struct dirty_ring_reset reset; /* of all rings */
	struct dirty_ring ring[CONFIG_MAX_CPUS]; /* owned */
	unsigned rings;
};

static uint64_t log_region_pages(const struct dirty_log *log, size_t region)
{
	return log->map->region[region].gpa.size / log->over.page_size;
}

/* Bytes of a bitmap: KVM counts in its longs, of up to 64 bits. */
static size_t bitmap_bytes(uint64_t pages)
{
	return (size_t)((pages + 63) / 64 * 8);
}

static int map_bitmap(struct dirty_log *log, struct err *err)
{
	uint64_t most = 0;
	void *p;

	for (size_t i = 0; i < log->map->count; i++)
		if (slot_is_logged(log->over.slots, i) &&
		    log_region_pages(log, i) > most)
			most = log_region_pages(log, i);
	log->bitmap_size = bitmap_bytes(most);
	p = map_zeroes(log->bitmap_size);
	if (!p)
		return err_sys(err, "dirty bitmap");
	log->bitmap = p;
	return 0;
}

static void unmap_bitmap(struct dirty_log *log)
{
	if (log->bitmap)
		(void)munmap(log->bitmap, log->bitmap_size);
	log->bitmap = NULL;
}

static int enable_dirty_cap(int vm_fd, uint32_t cap, uint64_t arg,
			    struct err *err)
{
	const struct kvm_enable_cap enable = { .cap = cap, .args = { arg } };

	return kvm_ioctl(vm_fd, KVM_ENABLE_CAP, &enable, err);
}

/*
 * With every bit set from the beginning KVM has nothing to do when logging is
 * switched on. In a VM that has not run there is nothing to protect either, and
 * no reason to report unwritten pages.
 */
static int set_manual(const struct dirty_log *log, struct err *err)
{
	uint64_t flags = KVM_DIRTY_LOG_MANUAL_PROTECT_ENABLE;

	if (!log->fresh)
		flags |= (unsigned)kvm_cap(log->over.fd,
					   KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2) &
			 KVM_DIRTY_LOG_INITIALLY_SET;
	return enable_dirty_cap(log->over.fd, KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2,
				flags, err);
}

static int log_start(void *ctx, struct err *err)
{
	struct dirty_log *log = ctx;
	int r = map_bitmap(log, err);

	if (r == 0 && log->kind == DIRTY_LOG_CLEAR)
		r = set_manual(log, err);
	if (r == 0)
		r = slots_log(log->over.slots, true, err);
	if (r < 0) {
		unmap_bitmap(log);
		return r;
	}
	log->logging = true;
	log->reset.unsure = false;
	return 0;
}

/* Where a slot's pages are. */
struct slot_place {
	uint32_t slot;
	size_t region; /* map->count: nowhere */
	uint64_t page; /* in the region, its first */
};

static struct slot_place find_slot(const struct dirty_log *log, uint32_t slot)
{
	const struct mem_map *map = log->map;
	struct slot_place place = { .slot = slot };

	for (; place.region < map->count; place.region++) {
		const size_t i = place.region;
		const uint32_t count = mem_slots_of(&map->region[i]);

		if (slot < count) {
			place.page = slot * (log_region_pages(log, i) / count);
			break;
		}
		slot -= count;
	}
	return place;
}

/* Returns how many pages were taken, and marked for reset. */
static uint64_t harvest_rings(struct dirty_log *log, struct dirty *dirty)
{
	struct slot_place place = find_slot(log, 0);
	uint64_t count = 0;

	for (unsigned i = 0; i < log->rings; i++) {
		uint32_t slot;
		uint64_t page;

		while (dirty_ring_next(&log->ring[i], &slot, &page)) {
			/* Most come from where the last one did. */
			if (slot != place.slot)
				place = find_slot(log, slot);
			/* An unknown slot holds no page of ours. */
			if (place.region < log->map->count)
				dirty_log_page(dirty, place.region,
					       place.page + page);
			count++;
		}
	}
	return count;
}

/* No slot changes meanwhile: a thread that waits for that counts as stopped. */
static int reset_rings(struct dirty_log *log, struct err *err)
{
	GUARD(&log->over.slots->lock);
	return dirty_ring_reset(&log->reset, log->over.fd, err);
}

/*
 * Protects all memory: KVM does so when it begins to log a slot. Earlier writes
 * are not logged, so every page counts as written, and only after it.
 */
static int relog_all(struct dirty_log *log, struct dirty *dirty,
		     struct err *err)
{
	int r = slots_log(log->over.slots, false, err);

	if (r == 0)
		r = slots_log(log->over.slots, true, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < log->map->count; i++)
		if (slot_is_logged(log->over.slots, i))
			dirty_log_region(dirty, i);
	log->reset.unsure = false;
	log_debug("dirty rings: all memory counts as written");
	return 0;
}

static int empty_rings(struct dirty_log *log, struct dirty *dirty,
		       struct err *err)
{
	int r;

	log->reset.handed += harvest_rings(log, dirty);
	r = reset_rings(log, err);
	if (r == 0 && log->reset.unsure && log->logging)
		r = relog_all(log, dirty, err);
	return r;
}

/* Gets the bitmap of a region: what its slots say, one after the other. */
static int get_bitmap(const struct dirty_log *log, size_t region,
		      struct err *err)
{
	const struct mem_map *map = log->map;
	const uint32_t count = mem_slots_of(&map->region[region]);
	const uint32_t first = mem_slot(map, region);
	const size_t size = bitmap_bytes(log_region_pages(log, region) / count);
	uint8_t *at = (uint8_t *)log->bitmap;
	int r = 0;
	GUARD_BLOCKS(map->region[region].blocks);

	for (uint32_t i = 0; r == 0 && i < count; i++, at += size) {
		const struct kvm_dirty_log arg = { .slot = first + i,
						   .dirty_bitmap = at };
		struct mem_region part;

		if (mem_slot_part(map, region, i, &part))
			r = kvm_ioctl(log->over.fd, KVM_GET_DIRTY_LOG, &arg,
				      err);
		else
			memset(at, 0, size);
	}
	return r < 0 ? r : 0;
}

static int get_bitmaps(const struct dirty_log *log, struct dirty *dirty,
		       struct err *err)
{
	for (size_t i = 0; i < log->map->count; i++) {
		int r;

		if (!slot_is_logged(log->over.slots, i))
			continue;
		r = get_bitmap(log, i, err);
		if (r < 0)
			return r;
		dirty_log_words(dirty, i, log->bitmap,
				bitmap_bytes(log_region_pages(log, i)) / 8);
	}
	return 0;
}

static int log_sync(void *ctx, struct dirty *dirty, struct err *err)
{
	struct dirty_log *log = ctx;
	int r = 0;

	if (log->kind == DIRTY_LOG_RING) {
		r = empty_rings(log, dirty, err);
		if (!log->ring_bitmap || !log->over.is_quiet(log->over.ctx))
			return r;
	}
	if (r == 0 && log->logging)
		r = get_bitmaps(log, dirty, err);
	return r;
}

static void log_stop(void *ctx)
{
	struct dirty_log *log = ctx;
	struct err err;

	if (slots_log(log->over.slots, false, &err) < 0)
		log_warn("the guest's writes are logged without need: %s",
			 err.msg);
	log->logging = false;
	/* No reader wants these entries; the next one must not find them. */
	if (log->kind == DIRTY_LOG_RING)
		(void)empty_rings(log, log->over.dirty, &err);
	unmap_bitmap(log);
}

/*
 * Protects the pages of @word's bits, from page @first of a region on. They lie
 * in one slot, or in a few that are blocks, each of whole words.
 */
static int clear_log(const struct dirty_log *log, size_t region, uint64_t first,
		     uint64_t *word, size_t count, struct err *err)
{
	const struct mem_map *map = log->map;
	const uint64_t pages = log_region_pages(log, region) /
			       mem_slots_of(&map->region[region]);
	const uint64_t end = first + (uint64_t)count * 64;
	int r = 0;
	GUARD_BLOCKS(map->region[region].blocks);

	while (r >= 0 && first < end && first < log_region_pages(log, region)) {
		const uint32_t slot = (uint32_t)(first / pages);
		const uint64_t left = pages - first % pages;
		const uint64_t part = end - first < left ? end - first : left;
		/* A multiple of 64, or up to the slot's end. */
		const struct kvm_clear_dirty_log arg = {
			.slot = mem_slot(map, region) + slot,
			.first_page = first % pages,
			.num_pages = (uint32_t)part,
			.dirty_bitmap = word,
		};
		struct mem_region there;

		if (mem_slot_part(map, region, slot, &there))
			r = kvm_ioctl(log->over.fd, KVM_CLEAR_DIRTY_LOG, &arg,
				      err);
		word += part / 64;
		first += part;
	}
	return r < 0 ? r : 0;
}

static int log_protect(void *ctx, size_t region, uint64_t first,
		       const uint64_t *word, size_t count, struct err *err)
{
	const struct dirty_log *log = ctx;
	uint64_t little[BITS_CHUNK_WORDS];

	for (size_t i = 0; i < count; i++)
		little[i] = htole64(word[i]);
	return clear_log(log, region, first, little, count, err);
}

static const struct dirty_source plain_source = {
	.start = log_start,
	.stop = log_stop,
	.sync = log_sync,
};

static const struct dirty_source clear_source = {
	.start = log_start,
	.stop = log_stop,
	.sync = log_sync,
	.protect = log_protect,
};

static int report_lacking_cap(const char *word, const char *cap,
			      struct err *err)
{
	return err_input(err, -ENOTSUP,
			 "--dirty-log %s: this host's KVM lacks %s", word, cap);
}

/* KVM wants to know of rings before anything else of the VM is made. */
static int enable_rings(struct dirty_log *log, struct err *err)
{
	const int most = kvm_cap(log->over.fd, KVM_CAP_DIRTY_LOG_RING_ACQ_REL);
	const size_t size = dirty_ring_size();
	int r;

	if (most == 0)
		return report_lacking_cap(
			"ring", "KVM_CAP_DIRTY_LOG_RING_ACQ_REL", err);
	if ((size_t)most < size)
		return err_input(err, -ENOTSUP,
				 "--dirty-log ring: this host's rings take at "
				 "most %d bytes, not %zu",
				 most, size);
	r = enable_dirty_cap(log->over.fd, KVM_CAP_DIRTY_LOG_RING_ACQ_REL, size,
			     err);
	if (r < 0 || !kvm_cap(log->over.fd, KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP))
		return r;
	log->ring_bitmap = true;
	return enable_dirty_cap(log->over.fd,
				KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP, 0, err);
}

static int choose_dirty_log(struct dirty_log *log, enum dirty_log_kind kind,
			    struct err *err)
{
	const bool manual = kvm_cap(log->over.fd,
				    KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2);

	if (kind == DIRTY_LOG_AUTO)
		kind = manual ? DIRTY_LOG_CLEAR : DIRTY_LOG_BITMAP;
	log->kind = kind;
	if (kind == DIRTY_LOG_CLEAR && !manual)
		return report_lacking_cap(
			"clear", "KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2", err);
	return kind == DIRTY_LOG_RING ? enable_rings(log, err) : 0;
}

/*
 * Blocks that stage 2 maps at once have to be split before their pages are
 * logged one by one. arm64 can do that when it protects them, rather than in
 * the fault of a vCPU, which would lose all but one page of the block. It wants
 * to know how much to split under one lock, before there is a slot: a block of
 * the smallest kind. Elsewhere KVM knows no such sizes.
 */
static int split_early(const struct dirty_log *log, struct err *err)
{
	unsigned sizes = (unsigned)kvm_cap(log->over.fd,
					   KVM_CAP_ARM_SUPPORTED_BLOCK_SIZES);

	sizes &= ~(unsigned)log->over.page_size;
	if (sizes == 0)
		return 0;
	return enable_dirty_cap(log->over.fd,
				KVM_CAP_ARM_EAGER_SPLIT_CHUNK_SIZE,
				sizes & -sizes, err);
}

int dirty_log_new(struct dirty_log **ret, const struct dirty_log_setup *over,
		  enum dirty_log_kind kind, struct err *err)
{
	struct dirty_log *log = calloc(1, sizeof(*log));
	int r;

	if (!log)
		return err_set(err, -ENOMEM, "dirty log: out of memory");
	log->over = *over;
	log->map = over->slots->map;
	r = choose_dirty_log(log, kind, err);
	if (r == 0)
		r = split_early(log, err);
	if (r < 0)
		(void)dirty_log_free(log);
	else
		*ret = log;
	return r;
}

int dirty_log_add_vcpu(struct dirty_log *log, int vcpu_fd, struct err *err)
{
	int r;

	if (log->kind != DIRTY_LOG_RING)
		return 0;
	r = dirty_ring_init(&log->ring[log->rings], vcpu_fd, err);
	if (r < 0)
		return err_wrap(err, "vcpu %u", log->rings);
	log->rings++;
	return 0;
}

int dirty_log_attach(struct dirty_log *log, struct err *err)
{
	int r;

	log->fresh = true;
	r = dirty_attach(log->over.dirty,
			 log->kind == DIRTY_LOG_CLEAR ? &clear_source
						      : &plain_source,
			 log, err);
	log->fresh = false;
	log->attached = r == 0;
	return r;
}

struct dirty_log *dirty_log_free(struct dirty_log *log)
{
	if (!log)
		return NULL;
	if (log->attached)
		dirty_detach(log->over.dirty);
	while (log->rings > 0)
		dirty_ring_finish(&log->ring[--log->rings]);
	unmap_bitmap(log);
	free(log);
	return NULL;
}

const char *dirty_log_name(const struct dirty_log *log)
{
	static const char *const name[] = { "auto", "bitmap", "clear", "ring" };

	return name[log ? log->kind : DIRTY_LOG_AUTO];
}

bool dirty_log_vcpu_pages(const struct dirty_log *log, unsigned vcpu,
			  uint32_t *ret)
{
	if (!log || log->kind != DIRTY_LOG_RING)
		return false;
	*ret = __atomic_load_n(&log->ring[vcpu].next, __ATOMIC_RELAXED);
	return true;
}
