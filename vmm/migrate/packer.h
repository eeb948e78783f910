/*
 * vmm/migrate/packer.h - compresses pages on threads of its own, and gives them
 * back in the order in which they came. [pure]
 *
 * Thread: one at a time for each packer.
 */
#ifndef VMM_MIGRATE_PACKER_H
#define VMM_MIGRATE_PACKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vmm/migrate/stream.h"

#define PACKER_LEVEL_DEFAULT 1 /* what keeps up with a network */

struct packer;

/* Pages, and what they have become. */
struct packed {
	struct stream_pages pages;
	const uint8_t *host; /* their content, as it was compressed */
	const uint8_t *frame; /* NULL: they do not get smaller */
	size_t size; /* of the frame, in bytes */
};

/*
 * Starts as many threads as there are processors, but at most 8.
 *
 * @level: of zstd, 1 to ZSTD_FRAME_LEVEL_MAX
 *
 * Returns 0, -ENOMEM, or what pthread_create(3) returns if there is not one.
 */
int packer_new(struct packer **ret, int level, struct err *err);

/* Waits for the pages that are at work, 1 MiB a thread. NULL is fine; returns
 * NULL. */
struct packer *packer_free(struct packer *packer);

/* True if nothing can be put before something is taken. */
bool packer_is_full(const struct packer *packer);
bool packer_is_empty(const struct packer *packer);

/*
 * Takes pages over; the packer must not be full.
 *
 * @pages: IMAGE_DATA, at most STREAM_DATA_MAX bytes
 * @host:  their content, which may change meanwhile; borrowed until they are
 *         taken
 */
void packer_put(struct packer *packer, const struct stream_pages *pages,
		const uint8_t *host);

/* Waits for the oldest pages; the packer must not be empty. What @ret points to
 * is good until the next packer_put(). */
void packer_take(struct packer *packer, struct packed *ret);

#endif
