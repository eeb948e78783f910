/*
 * vmm/machine/backings.h - the host memory of a machine's regions.
 *
 * Each function makes a backing and adds its region to the map. The machine's
 * memory is laid out with them, before the map is frozen. Thread: setup.
 */
#ifndef VMM_MACHINE_BACKINGS_H
#define VMM_MACHINE_BACKINGS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/range.h"
#include "mem/backing.h"
#include "mem/map.h"

struct rom_spec;

struct backings {
	struct mem_map *map; /* borrowed */
	uint64_t block_size; /* the largest that stage 2 maps at once, bytes */
	struct backing at[MEM_MAX_REGIONS]; /* owned */
	size_t count;
};

/*
 * Backs @at.
 *
 * @policy: how; NULL: the default
 *
 * Returns 0, or what backing_init() and mem_add() return.
 */
int backings_add(struct backings *backings, struct range at, enum mem_kind kind,
		 const struct mem_policy *policy, const char *name,
		 struct err *err);

/*
 * The same without a region of the map: the caller adds it.
 * @ret: borrowed. Returns 0, -ENOSPC, or what backing_init() returns.
 */
int backings_make(struct backings *backings, struct range at,
		  const struct mem_policy *policy, struct backing **ret,
		  struct err *err);

/*
 * Adds a file as ROM at @at; what is written to the file is seen.
 *
 * @fd:   of @at's size; borrowed for the call
 * @path: its name; outlives the machine
 *
 * Returns 0, or what backing_init_file() and mem_add() return.
 */
int backings_add_file(struct backings *backings, struct range at, int fd,
		      const char *path, struct err *err);

/* Adds what --rom asks for. @page: the least that can be ROM, in bytes. Returns
 * 0, or what rom_load() and mem_add() return. */
int backings_add_rom(struct backings *backings, const struct rom_spec *spec,
		     uint64_t page, struct err *err);

void backings_finish(struct backings *backings); /* zeroed is fine */

#endif
