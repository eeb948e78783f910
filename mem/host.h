/*
 * mem/host.h - what memory this host has to give: huge pages, nodes.
 *
 * Read from sysfs and procfs, whose roots are parameters, so that any host can
 * be tested: HOST_SYSFS and HOST_PROCFS are the real ones. Thread: any.
 */
#ifndef MEM_HOST_H
#define MEM_HOST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define HOST_SYSFS "/sys"
#define HOST_PROCFS "/proc"

/*
 * Judges whether the host has a pool for huge pages of @size, empty or not.
 *
 * Returns 0; -ENOTSUP with @err naming the sizes that it has. The fault is the
 * user's.
 */
int host_check_huge(const char *sysfs, uint64_t size, struct err *err);

/*
 * Says why @bytes of huge pages of @size could not be had: how many are needed
 * and free, and what makes more. Returns -ENOMEM.
 */
int host_huge_shortage(const char *sysfs, uint64_t size, uint64_t bytes,
		       struct err *err);

/*
 * Judges whether the host has a NUMA node with memory of this number.
 *
 * Returns 0; -ENODEV with @err naming those that it has (the user's fault);
 * -ENOTSUP if its kernel knows no nodes.
 */
int host_check_node(const char *sysfs, unsigned node, struct err *err);

/*
 * Judges whether transparent huge pages can be had when asked for.
 *
 * @shmem: of a memfd; else anonymous memory
 *
 * Returns 0, or -ENOTSUP with @err saying what is turned off, and how it is
 * turned on.
 */
int host_check_thp(const char *sysfs, bool shmem, struct err *err);

/*
 * Finds out how much memory can be had, in bytes: what is free or could be
 * dropped, and what could be swapped out. False if the kernel does not say.
 */
bool host_available(const char *procfs, uint64_t *ret);

/* How much room the host's swap space has, in bytes. */
uint64_t host_swap_free(const char *procfs);

/* True if the kernel looks for equal pages now. */
bool host_ksm_runs(const char *sysfs);

#endif
