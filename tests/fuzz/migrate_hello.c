/* tests/fuzz/migrate_hello.c - what introduces a guest to a target. */
#include "tests/fuzz/migrate_hello.h"

#include <stdlib.h>
#include <string.h>

#include "vmm/migrate/place.h"
#include "vmm/migrate/regions.h"
#include "vmm/migrate/stream.h"

static const char about[] =
	"{\"format\": 1, \"id\": \"01234567-89ab-4def-8123-456789abcdef\", "
	"\"architecture\": \"arm64\", \"name\": \"web\", \"vmm\": \"0.1.0\", "
	"\"made\": 0, \"page\": 4096, \"disks\": [], \"command\": []}";

static void say_message(struct channel *to, enum stream_type type,
			const void *content, size_t len)
{
	struct err err;

	if (stream_send(to, type, content, len, &err) < 0)
		abort();
}

void migrate_hello(struct channel *to, const struct mem_map *map,
		   uint32_t needs)
{
	uint8_t regions[MEM_MAX_REGIONS * REGION_ENTRY_SIZE];
	const uint8_t place[PLACE_SIZE] = { 0 };
	struct migrate_regions list;
	struct err err;
	size_t len;

	migrate_regions_init(&list, map, NULL, 0);
	len = migrate_regions_encode(&list, regions);
	if (stream_send_hello(to, "arm64", needs, &err) < 0)
		abort();
	say_message(to, STREAM_ABOUT, about, strlen(about));
	say_message(to, STREAM_PLACE, place, sizeof(place));
	say_message(to, STREAM_FILES, NULL, 0);
	say_message(to, STREAM_REGIONS, regions, len);
}
