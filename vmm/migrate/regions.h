/*
 * vmm/migrate/regions.h - the guest memory that a migration carries. [pure]
 *
 * All regions with memory, in the order of the map, but for those whose bytes
 * are a file's that both sides have: flashes. Thread: any; const once made and
 * checked.
 */
#ifndef VMM_MIGRATE_REGIONS_H
#define VMM_MIGRATE_REGIONS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "mem/map.h"

struct machine;

#define REGION_ENTRY_SIZE 24
#define REGION_NONE UINT32_MAX

struct migrate_regions {
	const struct mem_map *map; /* borrowed */
	uint32_t count;
	size_t of[MEM_MAX_REGIONS]; /* region n is map->region[of[n]] */
	uint32_t number[MEM_MAX_REGIONS]; /* and the other way round; or
					     REGION_NONE */
};

/*
 * @map: frozen
 * @out: where the @count regions begin that are left out
 */
void migrate_regions_init(struct migrate_regions *ret,
			  const struct mem_map *map, const gpa_t *out,
			  size_t count);

/* Those of a machine. */
void migrate_regions_of(struct migrate_regions *ret,
			const struct machine *machine);

/* Writes them as STREAM_REGIONS has them. Returns how many bytes. */
size_t migrate_regions_encode(const struct migrate_regions *regions,
			      uint8_t buf[MEM_MAX_REGIONS * REGION_ENTRY_SIZE]);

/*
 * Compares them with the other side's. A MEM_SHARED region that the other side
 * has not is left out: its machine is older, and nothing comes for it.
 *
 * @buf: of @len bytes; not trusted
 *
 * Returns 0; -EBADMSG if it is no list; -EXDEV, the user's fault, with the
 * first region in @err that is another one.
 */
int migrate_regions_check(struct migrate_regions *regions, const uint8_t *buf,
			  size_t len, struct err *err);

#endif
