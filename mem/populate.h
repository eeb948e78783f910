/*
 * mem/populate.h - takes all pages of regions before the guest does.
 *
 * Several threads do it, so that one that watches can show how far they are,
 * and end it. A shortage is an error here, instead of a SIGBUS or the kernel's
 * out-of-memory killer later.
 */
#ifndef MEM_POPULATE_H
#define MEM_POPULATE_H

#include <stdint.h>

#include "base/err.h"
#include "mem/map.h"

struct populate;

/*
 * Begins to populate the regions whose policy says so, with a thread for each
 * CPU this process may use, within reason.
 *
 * @map: frozen; outlives *ret
 * @ret: NULL if there is no such region
 *
 * Returns 0; -ENOMEM if the host has less memory than that, counting what it
 * could swap out; the errno of eventfd(2) or pthread_create(3). Thread: setup.
 */
int populate_start(struct populate **ret, const struct mem_map *map,
		   struct err *err);

/* A descriptor that is readable once nothing is left to be done. */
int populate_fd(const struct populate *p);

uint64_t populate_total(const struct populate *p); /* in bytes */
uint64_t populate_done(const struct populate *p); /* of these, so far */

/* Has the threads end once the pages they are at are there. */
void populate_stop(struct populate *p);

/*
 * Waits for the threads and frees @p, which may be NULL.
 *
 * Returns 0, also if it was stopped; or, with @err naming region and size, the
 * first thread's error: -ENOMEM; -EFAULT if the file or the pool has no page;
 * -EHWPOISON; -ENOTSUP if this kernel cannot (before Linux 5.14).
 */
int populate_finish(struct populate *p, struct err *err);

#endif
