/*
 * vmm/snapshot/order.h - in which order a guest touches the memory of a
 * snapshot. [pure]
 *
 * `vmm restore --record` notes that in a file of the snapshot's folder, and
 * later restores fetch memory in this order. docs/SNAPSHOT.md specifies the
 * file. It is a hint: one that is missing, of another snapshot or damaged costs
 * time, and no more. Nothing in it is trusted. Thread: any.
 */
#ifndef VMM_SNAPSHOT_ORDER_H
#define VMM_SNAPSHOT_ORDER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define ORDER_MOST 65536 /* chunks in an order */

/* A chunk of a region, each below 2^16 and 2^48. */
struct order_chunk {
	uint64_t region : 16;
	uint64_t chunk : 48;
};

/* Zeroed, it is empty. */
struct order {
	struct order_chunk *at; /* owned */
	size_t count;
};

/* Adds a chunk, if there is room and memory for one more. */
void order_add(struct order *order, uint64_t region, uint64_t chunk);
void order_finish(struct order *order); /* zeroed is fine */

/*
 * Writes an order to a snapshot's folder, in the place of one that is there.
 *
 * @dir: the folder
 * @id:  of the snapshot
 *
 * Returns 0, -ENOMEM, or what snapshot_file_write() returns.
 */
int order_write(const struct order *order, int dir, const char *id,
		struct err *err);

/*
 * Reads it.
 *
 * @ret: freed by order_finish(); its regions and chunks may not exist
 *
 * Returns 0; -ENOENT if there is none; -EBADMSG if it is damaged or of another
 * snapshot; or what file_read_in() returns.
 */
int order_read(struct order *ret, int dir, const char *id, struct err *err);

#endif
