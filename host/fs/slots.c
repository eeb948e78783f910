/* host/fs/slots.c - numbers that a guest names objects by. */
#include "host/fs/slots.h"

#include <errno.h>
#include <stdlib.h>

#define SLOTS_FIRST 64

void fs_slots_init(struct fs_slots *table, uint32_t max)
{
	*table = (struct fs_slots){ .max = max };
}

void fs_slots_finish(struct fs_slots *table)
{
	free(table->slot);
	*table = (struct fs_slots){ 0 };
}

static int grow_slots(struct fs_slots *table)
{
	uint32_t size = table->size ? table->size * 2 : SLOTS_FIRST;
	struct fs_slot *slot;

	if (size > table->max)
		size = table->max;
	slot = reallocarray(table->slot, size, sizeof(*slot));
	if (!slot)
		return -ENOMEM;
	for (uint32_t i = table->size; i < size; i++)
		slot[i] = (struct fs_slot){ .next = i + 1 };
	table->slot = slot;
	table->free = table->size;
	table->size = size;
	return 0;
}

int fs_slots_add(struct fs_slots *table, void *item, uint64_t *ret_id)
{
	struct fs_slot *slot;
	int r = 0;

	if (table->count == table->max)
		return -ENFILE;
	if (table->free == table->size)
		r = grow_slots(table);
	if (r < 0)
		return r;
	slot = &table->slot[table->free];
	*ret_id = (uint64_t)slot->generation << 32 |
		  ((uint64_t)table->free + 1);
	table->free = slot->next;
	table->count++;
	slot->item = item;
	return 0;
}

int fs_slots_restore(struct fs_slots *table, void *item, uint64_t id)
{
	const uint32_t at = (uint32_t)id - 1; /* 0 becomes too large */
	int r = 0;

	if (at >= table->max)
		return -EINVAL;
	while (r == 0 && at >= table->size)
		r = grow_slots(table);
	if (r < 0)
		return r;
	if (table->slot[at].item)
		return -EINVAL;
	table->slot[at].item = item;
	table->slot[at].generation = (uint32_t)(id >> 32);
	table->count++;
	return 0;
}

void fs_slots_end_restore(struct fs_slots *table)
{
	uint32_t newest = 0;

	for (uint32_t i = 0; i < table->size; i++)
		if (table->slot[i].item && table->slot[i].generation > newest)
			newest = table->slot[i].generation;
	table->free = table->size;
	for (uint32_t i = table->size; i-- > 0;) {
		struct fs_slot *slot = &table->slot[i];

		if (slot->item)
			continue;
		slot->generation = newest + 1;
		slot->next = table->free;
		table->free = i;
	}
}

void *fs_slots_get(const struct fs_slots *table, uint64_t id)
{
	const uint32_t at = (uint32_t)id - 1; /* 0 becomes too large */

	if (at >= table->size || table->slot[at].generation != id >> 32)
		return NULL;
	return table->slot[at].item;
}

void fs_slots_remove(struct fs_slots *table, uint64_t id)
{
	const uint32_t at = (uint32_t)id - 1;
	struct fs_slot *slot = &table->slot[at];

	slot->item = NULL;
	slot->generation++;
	slot->next = table->free;
	table->free = at;
	table->count--;
}
