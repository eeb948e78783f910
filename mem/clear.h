/*
 * mem/clear.h - makes guest memory zero, and gives it back where that does it.
 *
 * Thread: any; nobody else uses the memory.
 */
#ifndef MEM_CLEAR_H
#define MEM_CLEAR_H

#include <stdint.h>

#include "mem/map.h"

/* Memory of a file holds what that held: makes it zero. All other memory is
 * new, and is left alone. */
void clear_region(const struct mem_region *region);

/*
 * Makes a part of a region zero. Host pages that lie in it go back to the host
 * where they are zero then.
 *
 * @offset, @size: in the region, in bytes; multiples of 4096
 */
void clear_part(const struct mem_region *region, uint64_t offset,
		uint64_t size);

#endif
