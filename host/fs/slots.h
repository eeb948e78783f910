/*
 * host/fs/slots.h - numbers that a guest names objects by.
 *
 * A table of pointers. A number is not used again for another object, so one
 * that the guest kept for too long finds nothing.
 *
 * Thread: one at a time; the caller has a lock.
 */
#ifndef HOST_FS_SLOTS_H
#define HOST_FS_SLOTS_H

#include <stdint.h>

struct fs_slot {
	void *item; /* NULL: free */
	uint32_t generation; /* of the number that it has, or had last */
	uint32_t next; /* of a free one: the next free one */
};

struct fs_slots {
	struct fs_slot *slot; /* owned */
	uint32_t size, count, max;
	uint32_t free; /* the first free one; @size: there is none */
};

/* Makes an empty table of at most @max objects. */
void fs_slots_init(struct fs_slots *table, uint32_t max);

/* Frees the table, not the objects. A zeroed one is fine. */
void fs_slots_finish(struct fs_slots *table);

/*
 * Puts an object in. The first one of a new table has the number 1.
 *
 * Returns 0; -ENFILE if the table is full; -ENOMEM.
 */
int fs_slots_add(struct fs_slots *table, void *item, uint64_t *ret_id);

/*
 * Puts an object back that had the number @id in another table, which is not
 * trusted. fs_slots_end_restore() follows before an object is added.
 *
 * Returns 0; -EINVAL if another object has the number's place, or none of the
 * table's may have it; -ENOMEM.
 */
int fs_slots_restore(struct fs_slots *table, void *item, uint64_t id);

/* All objects are put back: what is added from now on gets new numbers. */
void fs_slots_end_restore(struct fs_slots *table);

/* Returns the object with this number, which is not trusted; NULL: none. */
void *fs_slots_get(const struct fs_slots *table, uint64_t id);

/* Takes an object out. @id: of fs_slots_add() */
void fs_slots_remove(struct fs_slots *table, uint64_t id);

#endif
