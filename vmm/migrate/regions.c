/* vmm/migrate/regions.c - the guest memory that a migration carries. */
#include "vmm/migrate/regions.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>

#include "base/bytes.h"
#include "vmm/machine/machine.h"

enum { /* bytes of an entry */
       REGION_START = 0, /* 8 */
       REGION_BYTES = 8, /* 8 */
       REGION_KIND = 16, /* 4 */
       REGION_ZERO = 20, /* 4 */
};

/* Regions' kinds in a stream. A number is never used again for another kind. */
enum { WIRE_RAM = 1, WIRE_SHARED = 2, WIRE_ROM = 3 };

static uint32_t wire_kind(enum mem_kind kind)
{
	switch (kind) {
	case MEM_RAM:
		return WIRE_RAM;
	case MEM_SHARED:
		return WIRE_SHARED;
	default:
		return WIRE_ROM;
	}
}

static bool is_left_out(const struct mem_region *region, const gpa_t *out,
			size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (out[i] == region->gpa.start)
			return true;
	return region->kind == MEM_RESERVED;
}

void migrate_regions_init(struct migrate_regions *ret,
			  const struct mem_map *map, const gpa_t *out,
			  size_t count)
{
	*ret = (struct migrate_regions){ .map = map };
	for (size_t i = 0; i < map->count; i++) {
		ret->number[i] = REGION_NONE;
		if (is_left_out(&map->region[i], out, count))
			continue;
		ret->of[ret->count] = i;
		ret->number[i] = ret->count++;
	}
}

void migrate_regions_of(struct migrate_regions *ret,
			const struct machine *machine)
{
	gpa_t out[CONFIG_MAX_FLASHES];

	for (size_t i = 0; i < machine->flashes.count; i++)
		out[i] = machine->flashes.flash[i].at.start;
	migrate_regions_init(ret, &machine->mem, out, machine->flashes.count);
}

static void encode_region(const struct mem_region *region, uint8_t *entry)
{
	store_le64(entry + REGION_START, region->gpa.start);
	store_le64(entry + REGION_BYTES, region->gpa.size);
	store_le32(entry + REGION_KIND, wire_kind(region->kind));
	store_le32(entry + REGION_ZERO, 0);
}

size_t migrate_regions_encode(const struct migrate_regions *regions,
			      uint8_t buf[MEM_MAX_REGIONS * REGION_ENTRY_SIZE])
{
	for (uint32_t i = 0; i < regions->count; i++)
		encode_region(&regions->map->region[regions->of[i]],
			      buf + (size_t)i * REGION_ENTRY_SIZE);
	return (size_t)regions->count * REGION_ENTRY_SIZE;
}

static int refuse_region(const struct mem_region *own, const uint8_t *entry,
			 struct err *err)
{
	return err_input(err, -EXDEV,
			 "%s at 0x%" PRIx64
			 ": the guest has other memory, at 0x%" PRIx64,
			 own->name, own->gpa.start,
			 load_le64(entry + REGION_START));
}

/* Leaves out a region that is a newer machine's. */
static void leave_out(struct migrate_regions *regions, uint32_t number)
{
	regions->number[regions->of[number]] = REGION_NONE;
	regions->count--;
	for (uint32_t i = number; i < regions->count; i++) {
		regions->of[i] = regions->of[i + 1];
		regions->number[regions->of[i]] = i;
	}
}

int migrate_regions_check(struct migrate_regions *regions, const uint8_t *buf,
			  size_t len, struct err *err)
{
	const size_t count = len / REGION_ENTRY_SIZE;
	uint32_t i = 0;

	if (len % REGION_ENTRY_SIZE != 0)
		return err_input(err, -EBADMSG,
				 "the stream is damaged: regions that are cut");
	while (i < regions->count) {
		const struct mem_region *own =
			&regions->map->region[regions->of[i]];
		const uint8_t *entry = buf + (size_t)i * REGION_ENTRY_SIZE;
		uint8_t want[REGION_ENTRY_SIZE];

		encode_region(own, want);
		if (i < count && memcmp(entry, want, sizeof(want)) == 0)
			i++;
		else if (own->kind == MEM_SHARED)
			leave_out(regions, i);
		else if (i < count)
			return refuse_region(own, entry, err);
		else
			break;
	}
	if (count != regions->count)
		return err_input(err, -EXDEV,
				 "the guest has %zu regions of memory, this "
				 "machine %" PRIu32,
				 count, regions->count);
	return 0;
}
