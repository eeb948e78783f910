/* devices/virtio/queue.c - a split virtqueue, seen from the device. */
#include "devices/virtio/queue.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

#include "mem/iov.h"

/* One descriptor. Little-endian. Source: section 2.7.5. */
struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};
_Static_assert(sizeof(struct desc) == 16, "virtqueue descriptor");

/* Offsets in the avail and used rings. Source: sections 2.7.6 and 2.7.8. */
enum {
	RING_FLAGS = 0,
	RING_IDX = 2,
	RING_ENTRIES = 4,
	AVAIL_ENTRY = 2,
	USED_ENTRY = 8,
};

static int virtq_fault(struct virtq *q, const char *what)
{
	q->fault = what;
	return -EINVAL;
}

/*
 * Ring indices are read with acquire, so that what they announce is read after
 * them, and written with release, so that it is written before them.
 */
static int load_ring16(struct virtq *q, gpa_t at, uint16_t *ret)
{
	const uint16_t *p = mem_ptr(q->mem, at, sizeof(*p), MEM_READ);

	if (!p)
		return virtq_fault(q, "avail ring is not memory");
	*ret = le16toh(__atomic_load_n(p, __ATOMIC_ACQUIRE));
	return 0;
}

static int store_ring16(struct virtq *q, gpa_t at, uint16_t val)
{
	uint16_t *p = mem_ptr(q->mem, at, sizeof(*p), MEM_WRITE);

	if (!p)
		return virtq_fault(q, "used ring is not memory");
	__atomic_store_n(p, htole16(val), __ATOMIC_RELEASE);
	mem_wrote(q->mem, p, sizeof(*p));
	return 0;
}

static int store_ring32(struct virtq *q, gpa_t at, uint32_t val)
{
	uint32_t *p = mem_ptr(q->mem, at, sizeof(*p), MEM_WRITE);

	if (!p)
		return virtq_fault(q, "used ring is not memory");
	__atomic_store_n(p, htole32(val), __ATOMIC_RELAXED);
	mem_wrote(q->mem, p, sizeof(*p));
	return 0;
}

/* The driver's word on when to interrupt, behind the avail ring's entries. */
static gpa_t used_event(const struct virtq *q)
{
	return q->avail + RING_ENTRIES + (gpa_t)q->size * AVAIL_ENTRY;
}

/* Our word on when to kick, behind the used ring's entries. */
static gpa_t avail_event(const struct virtq *q)
{
	return q->used + RING_ENTRIES + (gpa_t)q->size * USED_ENTRY;
}

void virtq_init(struct virtq *q, const struct mem_map *mem, uint16_t max)
{
	assert(max != 0 && max <= VIRTQ_MAX_SIZE && (max & (max - 1)) == 0);
	*q = (struct virtq){ .mem = mem, .max = max };
}

void virtq_disable(struct virtq *q)
{
	virtq_init(q, q->mem, q->max);
}

/* True if every byte of @r may be accessed, in one region or in several. */
static bool is_memory(const struct mem_map *mem, struct range r,
		      enum mem_access access)
{
	struct iovec iov[MEM_MAX_REGIONS];

	return mem_iov(mem, r, access, iov, MEM_MAX_REGIONS) > 0;
}

int virtq_enable(struct virtq *q, uint64_t features)
{
	const gpa_t size = q->size;
	const struct range desc = { q->desc, size * sizeof(struct desc) };
	const struct range avail = {
		q->avail, RING_ENTRIES + size * AVAIL_ENTRY + sizeof(uint16_t)
	};
	const struct range used = { q->used, RING_ENTRIES + size * USED_ENTRY +
						     sizeof(uint16_t) };

	assert(!q->enabled);
	if (size == 0 || size > q->max || (size & (size - 1)) != 0)
		return virtq_fault(q, "queue size is no power of two in range");
	if (q->desc % 16 != 0 || q->avail % 2 != 0 || q->used % 4 != 0)
		return virtq_fault(q, "queue is not aligned");
	if (!is_memory(q->mem, desc, MEM_READ) ||
	    !is_memory(q->mem, avail, MEM_READ) ||
	    !is_memory(q->mem, used, MEM_WRITE))
		return virtq_fault(q, "queue is not in memory");

	q->event_idx = features & (1ULL << VIRTIO_RING_F_EVENT_IDX);
	q->indirect = features & (1ULL << VIRTIO_RING_F_INDIRECT_DESC);
	q->enabled = true;
	return 0;
}

/* Asks the driver to kick for the chain at next_avail. Source: 2.7.10. */
static int listen_for_kicks(struct virtq *q)
{
	const int r = q->event_idx
			    ? store_ring16(q, avail_event(q), q->next_avail)
			    : store_ring16(q, q->used + RING_FLAGS, 0);

	q->listening = true;
	/* Pairs with the driver's: it adds a chain, then looks at our wish. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return r;
}

static int ignore_kicks(struct virtq *q)
{
	q->listening = false;
	/* An avail_event left behind does it: the next one is far away. */
	if (q->event_idx)
		return 0;
	return store_ring16(q, q->used + RING_FLAGS, VRING_USED_F_NO_NOTIFY);
}

/* Adds one buffer to @chain. */
static int add_buffer(struct virtq *q, const struct desc *d,
		      struct virtq_chain *chain)
{
	const bool write = d->flags & VRING_DESC_F_WRITE;
	const struct range at = { d->addr, d->len };
	int n;

	if (d->len == 0)
		return virtq_fault(q, "buffer of no length");
	if (!write && chain->count != chain->readable)
		return virtq_fault(q, "readable buffer after a writable one");
	n = mem_iov(q->mem, at, write ? MEM_WRITE : MEM_READ,
		    chain->iov + chain->count, VIRTQ_MAX_IOV - chain->count);
	if (n < 0)
		return virtq_fault(q, "buffer is not memory");
	chain->count += (size_t)n;
	if (!write)
		chain->readable = chain->count;
	return 0;
}

static int read_desc(struct virtq *q, gpa_t at, struct desc *ret)
{
	struct desc d;

	if (mem_read(q->mem, at, &d, sizeof(d)) < 0)
		return virtq_fault(q, "descriptor is not memory");
	ret->addr = le64toh(d.addr);
	ret->len = le32toh(d.len);
	ret->flags = le16toh(d.flags);
	ret->next = le16toh(d.next);
	return 0;
}

/* An indirect table ends the chain it is in, and holds no other. */
static int check_table(struct virtq *q, const struct desc *d, bool nested)
{
	const struct range at = { d->addr, d->len };

	if (!q->indirect)
		return virtq_fault(q, "indirect descriptor was not negotiated");
	if (nested || (d->flags & VRING_DESC_F_NEXT))
		return virtq_fault(q, "indirect descriptor in the wrong place");
	if (!range_valid(at) || d->len % sizeof(*d) != 0)
		return virtq_fault(q, "indirect table of a bad length");
	return 0;
}

static int walk_chain(struct virtq *q, struct virtq_chain *chain)
{
	gpa_t table = q->desc;
	uint32_t entries = q->size;
	uint16_t at = chain->head;
	bool nested = false;
	unsigned buffers = 0;
	struct desc d;

	do {
		if (at >= entries)
			return virtq_fault(q, "descriptor index out of range");
		if (read_desc(q, table + (gpa_t)at * sizeof(d), &d) < 0)
			return -EINVAL;
		if (d.flags & VRING_DESC_F_INDIRECT) {
			if (check_table(q, &d, nested) < 0)
				return -EINVAL;
			table = d.addr;
			entries = d.len / (uint32_t)sizeof(d);
			nested = true;
			/* Go on at its first entry. */
			d.flags = VRING_DESC_F_NEXT;
			d.next = 0;
		} else {
			if (++buffers > VIRTQ_MAX_SIZE)
				return virtq_fault(q,
						   "chain too long, or a loop");
			if (add_buffer(q, &d, chain) < 0)
				return -EINVAL;
		}
		at = d.next;
	} while (d.flags & VRING_DESC_F_NEXT);
	return 0;
}

/* Sets @ret to how many chains wait. The one place that trusts avail.idx. */
static int count_waiting_chains(struct virtq *q, uint16_t *ret)
{
	uint16_t idx;

	if (load_ring16(q, q->avail + RING_IDX, &idx) < 0)
		return -EINVAL;
	*ret = (uint16_t)(idx - q->next_avail);
	if (*ret > q->size)
		return virtq_fault(q, "avail index jumped");
	return 0;
}

int virtq_pop(struct virtq *q, struct virtq_chain *chain)
{
	uint16_t n;

	if (q->fault)
		return -EINVAL;
	if (!q->enabled)
		return 0;
	if (count_waiting_chains(q, &n) < 0)
		return -EINVAL;
	if (n == 0 && !q->listening)
		if (listen_for_kicks(q) < 0 || count_waiting_chains(q, &n) < 0)
			return -EINVAL;
	if (n == 0)
		return 0;
	if (q->listening && ignore_kicks(q) < 0)
		return -EINVAL;

	if (load_ring16(q,
			q->avail + RING_ENTRIES +
				(gpa_t)(q->next_avail % q->size) * AVAIL_ENTRY,
			&chain->head) < 0)
		return -EINVAL;
	chain->mem = q->mem;
	chain->readable = 0;
	chain->count = 0;
	if (walk_chain(q, chain) < 0)
		return -EINVAL;
	q->next_avail++;
	return 1;
}

void virtq_unpop(struct virtq *q, unsigned count)
{
	q->next_avail -= (uint16_t)count;
}

int virtq_push_all(struct virtq *q, const struct virtq_used *used, size_t count)
{
	assert(q->enabled);
	for (size_t i = 0; i < count; i++) {
		const gpa_t entry = q->used + RING_ENTRIES +
				    (gpa_t)(q->next_used % q->size) *
					    USED_ENTRY;

		if (q->fault || store_ring32(q, entry, used[i].head) < 0 ||
		    store_ring32(q, entry + sizeof(uint32_t), used[i].len) < 0)
			return -EINVAL;
		q->next_used++;
	}
	return store_ring16(q, q->used + RING_IDX, q->next_used);
}

int virtq_push(struct virtq *q, uint16_t head, uint32_t len)
{
	const struct virtq_used used = { head, len };

	return virtq_push_all(q, &used, 1);
}

bool virtq_wants_interrupt(struct virtq *q)
{
	const uint16_t fresh = (uint16_t)(q->next_used - q->signalled);
	uint16_t wish;

	if (q->fault || fresh == 0)
		return false;
	q->signalled = q->next_used;

	/* Pairs with the driver's: it sets its wish, then looks for chains. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (q->event_idx) {
		if (load_ring16(q, used_event(q), &wish) < 0)
			return false;
		/* Was the entry it waits for among the fresh ones? */
		return (uint16_t)(q->next_used - wish - 1) < fresh;
	}
	if (load_ring16(q, q->avail + RING_FLAGS, &wish) < 0)
		return false;
	return !(wish & VRING_AVAIL_F_NO_INTERRUPT);
}
