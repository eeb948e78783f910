/* tests/fuzz/migrate_hello.h - what introduces a guest to a target. */
#ifndef TESTS_FUZZ_MIGRATE_HELLO_H
#define TESTS_FUZZ_MIGRATE_HELLO_H

#include <stdint.h>

#include "mem/map.h"
#include "vmm/migrate/channel.h"

/* Says hello, and of which guest: arm64's, with this memory and no files. Ends
 * the process if that cannot be said. @needs: of enum stream_needs */
void migrate_hello(struct channel *to, const struct mem_map *map,
		   uint32_t needs);

#endif
