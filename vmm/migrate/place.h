/*
 * vmm/migrate/place.h - where the control socket of a migration's source is, so
 * that a target on the same host may take its place. [pure]
 */
#ifndef VMM_MIGRATE_PLACE_H
#define VMM_MIGRATE_PLACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLACE_BOOT_SIZE 36 /* a UUID as text */
#define PLACE_SIZE 56 /* bytes in a stream */

/* Zeroed, there is no socket. */
struct migrate_place {
	uint64_t dev, ino; /* of the socket's file */
	char boot[PLACE_BOOT_SIZE]; /* of the host that it is on */
};

/* The place of a file on this host. */
void migrate_place_here(struct migrate_place *ret, uint64_t dev, uint64_t ino);

/* True if it is on this host, in this boot. */
bool migrate_place_is_here(const struct migrate_place *place);

void migrate_place_encode(const struct migrate_place *place,
			  uint8_t buf[PLACE_SIZE]);
void migrate_place_decode(struct migrate_place *ret,
			  const uint8_t buf[PLACE_SIZE]);

#endif
