/*
 * vmm/kvm/sigbus.h - a page of guest memory that cannot be had ends the run.
 *
 * A file that backs guest memory may be truncated by others, or its disk may
 * fail; a file system may be full, a pool of huge pages empty, a page broken.
 * Any access to such a page raises SIGBUS, which would kill the process with
 * the terminal raw and the disks open; a system call gets EFAULT. From either,
 * the run ends in order, with an error that names region and offset
 * (docs/adr/0011).
 *
 * - A thread that touches the page (a device, a loader) is sent SIGBUS: the
 *   handler notes where, has the run ended, and puts an empty page in the place
 *   of the lost one, so that the thread can go on to where it looks.
 * - KVM_RUN returns -EFAULT or, for broken memory, sends SIGBUS.
 * - A system call that is handed guest memory returns -EFAULT: its caller calls
 *   iov_touch() (mem/iov.h), and the first case follows.
 */
#ifndef VMM_KVM_SIGBUS_H
#define VMM_KVM_SIGBUS_H

#include <stdint.h>

#include "base/err.h"
#include "mem/map.h"

struct sigbus {
	const struct mem_map *map; /* frozen; borrowed */
	void (*stop)(void *ctx); /* ends the run; safe in a signal handler */
	void *ctx;
	uint32_t state; /* atomic: enum in sigbus.c; the thread that sets it
			   owns the rest */
	const struct mem_region *region;
	uint64_t offset; /* of the lost page in the region */
	int code; /* si_code */
};

/*
 * Handles SIGBUS for @bus from here on. Its first three members are set, the
 * others zero. One at a time in a process.
 *
 * Returns 0, or the errno of sigaction(2). Thread: setup.
 */
int sigbus_catch(struct sigbus *bus, struct err *err);

/* Leaves SIGBUS to the system again. Zeroed is fine. Thread: setup. */
void sigbus_release(struct sigbus *bus);

/*
 * Returns 0 if no page was lost, or -EFAULT with @err saying which, and why.
 * Thread: any.
 */
int sigbus_error(const struct sigbus *bus, struct err *err);

/*
 * Says why the page at @offset of @region cannot be had, as far as the host
 * can still tell. Returns -EFAULT. Thread: any.
 */
int sigbus_explain(const struct mem_region *region, uint64_t offset,
		   struct err *err);

/*
 * Looks for a page of @map that cannot be had, if its address is not known.
 *
 * Returns 0 if all can, or -EFAULT with @err as above. Reads files that back
 * memory, which takes as long as it takes. Thread: any.
 */
int sigbus_find(const struct mem_map *map, struct err *err);

#endif
