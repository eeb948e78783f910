/*
 * mem/faults.h - memory whose missing pages somebody else puts in place.
 *
 * Whoever touches a page that is not there waits, in user space and in the
 * kernel, until it is put: by userfaultfd(2), in this process. Where a wait is
 * told, and by whom it is answered, is the caller's business. Thread: any.
 *
 * Source: Linux, Documentation/admin-guide/mm/userfaultfd.rst
 */
#ifndef MEM_FAULTS_H
#define MEM_FAULTS_H

#include <stdint.h>

#include "base/err.h"

/*
 * Returns a descriptor that the caller owns, from which struct uffd_msg are
 * read, and that does not block; -ENOTSUP if the kernel has none; -EPERM if
 * this user may not have it, with @err saying what helps; or the errno of the
 * call that failed.
 */
int faults_open(struct err *err);

/* Has accesses to missing pages of [host, host + size) wait. Whole pages.
 * Returns 0, or the errno of ioctl(2). */
int faults_catch(int fd, void *host, uint64_t size, struct err *err);

/* Makes it memory as any other. Whoever waits goes on. */
void faults_release(int fd, void *host, uint64_t size);

/*
 * Puts bytes in place and wakes who waits for them. A page that is there stays
 * as it is.
 *
 * @size: whole pages of @page bytes, the host's
 *
 * Returns 0, or the errno of ioctl(2).
 */
int faults_put(int fd, uint8_t *host, const uint8_t *from, uint64_t size,
	       uint64_t page, struct err *err);

/* Puts a page of zeroes in place, if there is none, and wakes who waits for it.
 */
void faults_put_zero(int fd, uint64_t host, uint64_t page);

#endif
