/*
 * tests/fuzz/fuzz_virtq.c - no ring has the device reach past guest memory.
 *
 * The input is the guest's memory: two small regions, and whatever a driver may
 * have left in them. It is looked at again after each chain, as a running vCPU
 * would see to.
 */
#include <stdlib.h>
#include <string.h>

#include "devices/virtio/queue.h"
#include "tests/fuzz/fuzz.h"

#define RAM 0x10000ULL
#define RAM_SIZE                                                    \
	2048 /* of each of two regions, the second behind the first \
	      */

struct head {
	uint64_t features;
	uint16_t size;
	uint16_t desc, avail, used; /* offsets into the memory */
};

static void make_region(struct mem_map *map, unsigned index)
{
	const struct range at = { RAM + index * RAM_SIZE, RAM_SIZE };
	struct err err = { 0 };
	uint8_t *host = aligned_alloc(64, RAM_SIZE);

	if (!host)
		abort();
	memset(host, 0, RAM_SIZE);
	if (mem_add(map,
		    (struct mem_region){ .gpa = at,
					 .kind = MEM_RAM,
					 .host = host,
					 .name = "ram" },
		    &err) < 0)
		abort();
}

/* Has the sanitizer look at each buffer, true to its direction. */
static void touch(const struct virtq_chain *chain)
{
	if (chain->count > VIRTQ_MAX_IOV || chain->readable > chain->count ||
	    chain->count == 0)
		abort();
	for (size_t i = 0; i < chain->count; i++) {
		uint8_t *p = chain->iov[i].iov_base;
		const size_t len = chain->iov[i].iov_len;

		if (i < chain->readable)
			(void)*(volatile uint8_t *)&p[len - 1];
		else
			memset(p, 0x55, len);
	}
}

static void serve(struct virtq *q)
{
	struct virtq_chain chain;

	/* What a chain writes may make a new one: so the bound is ours. */
	for (unsigned n = 0; n < 64 && virtq_pop(q, &chain) > 0; n++) {
		touch(&chain);
		if (virtq_push(q, chain.head, n) < 0)
			break;
		(void)virtq_wants_interrupt(q);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mem_map map = { 0 };
	struct head head;
	struct virtq q;

	if (size < sizeof(head))
		return 0;
	memcpy(&head, data, sizeof(head));
	data += sizeof(head);
	size -= sizeof(head);

	make_region(&map, 0);
	make_region(&map, 1);
	mem_freeze(&map);
	for (unsigned i = 0; i < 2; i++) {
		const size_t n = size < RAM_SIZE ? size : RAM_SIZE;

		memcpy(map.region[i].host, data, n);
		data += n;
		size -= n;
	}

	virtq_init(&q, &map, VIRTQ_MAX_SIZE);
	q.size = head.size;
	q.desc = RAM + head.desc;
	q.avail = RAM + head.avail;
	q.used = RAM + head.used;
	if (virtq_enable(&q, head.features) == 0)
		serve(&q);
	virtq_disable(&q);
	for (unsigned i = 0; i < 2; i++)
		free(map.region[i].host);
	return 0;
}
