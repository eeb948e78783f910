/*
 * mem/missing.h - guest memory of which parts are not there yet, and come when
 * they are touched.
 *
 * Regions are registered with userfaultfd(2) (mem/faults.h): whoever touches a
 * page that is not there waits until the owner of this has put it in place. A
 * unit, of whole host pages, is missing until the owner says that it is done.
 * Of a unit that is done, a page that is not there is zero. Once all units of a
 * region are done, its memory is as any other.
 *
 * Where the content comes from is the owner's business: a snapshot
 * (vmm/snapshot/lazy.h), the source of a migration (vmm/migrate/rest.h).
 *
 * Memory that is discarded while it is missing is done (mem/fill.h).
 *
 * Thread: any, with @lock held where it is said.
 */
#ifndef MEM_MISSING_H
#define MEM_MISSING_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "mem/backing.h"
#include "mem/fill.h"
#include "mem/map.h"

#define MISSING_FAULTS 16 /* that are read at a time */

struct missing;

struct missing_region {
	struct mem_fill fill;
	struct missing *all; /* borrowed */
	size_t number; /* the owner's */
	struct backing *backing; /* borrowed */
	uint64_t unit, units; /* bytes of one; how many */
	/* Under the lock: */
	uint64_t *done; /* owned; a bit for each unit: it is not missing */
	uint64_t left; /* units that are */
	uint64_t next; /* the owner's */
};

struct missing {
	int fd; /* owned; readable when somebody waits */
	int nothing; /* owned; a memfd of no bytes */
	/* Has a unit be there now: of its part that stays something may be
	 * wanted. The lock is held. */
	void (*fetch)(struct missing_region *r, uint64_t unit);
	pthread_mutex_t lock;
	struct missing_region region[MEM_MAX_REGIONS];
	size_t regions;
};

/*
 * Begins without regions.
 *
 * @fetch: as above; may be NULL if units are host pages
 *
 * Returns 0, or what faults_open() or memfd_create(2) returns. To be closed in
 * any case. Thread: setup.
 */
int missing_open(struct missing *ret,
		 void (*fetch)(struct missing_region *r, uint64_t unit),
		 struct err *err);
void missing_close(struct missing *all);

/*
 * Adds a region, and sets backing->fill.
 *
 * @number:  for the owner
 * @backing: of anonymous memory that is not of a pool; outlives this
 * @unit:    in bytes; a multiple of backing->page
 * @empty:   all of it is missing, and was not touched yet; else none is
 *
 * Returns 0, -ENOMEM, or the errno of ioctl(2). Thread: setup.
 */
int missing_add(struct missing *all, size_t number, struct backing *backing,
		uint64_t unit, bool empty, struct err *err);

/* The region that an address is in; NULL: none. */
struct missing_region *missing_find(struct missing *all, uint64_t address);

/* What follows needs the lock. */
bool missing_is_done(const struct missing_region *r, uint64_t unit);

/* Units [from, to) are not missing any more: their content was put. */
void missing_done(struct missing_region *r, uint64_t from, uint64_t to);

/* They are from here on: what they held is given back. Thread: setup. Returns 0
 * or what backing_drop() returns. */
int missing_want(struct missing_region *r, uint64_t from, uint64_t to,
		 struct err *err);

/*
 * They cannot be had: nobody may take what is not there for zeroes, and write
 * these to a disk. An access is a page that was lost from now on, SIGBUS or
 * EFAULT (adr/0011). Whoever waits finds that.
 */
void missing_lose(const struct missing_region *r, uint64_t from, uint64_t to);

/* Puts a page of zeroes at an address, if there is none. */
void missing_put_zero(const struct missing_region *r, uint64_t address);

/* Reads who waits. Returns how many addresses. Thread: one; without the lock.
 */
size_t missing_read(const struct missing *all, uint64_t ret[MISSING_FAULTS]);

#endif
