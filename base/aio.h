/*
 * base/aio.h - asynchronous file I/O; its completions arrive on the loop.
 *
 * One of these serves every disk. A device embeds a struct aio_client, and a
 * struct aio_req in each request it can have in flight; both are its own. A
 * request that was started always ends with one call of done(). Starting cannot
 * fail: requests that the host has no room for wait.
 *
 * The host does the work by io_uring. Where io_uring cannot be had, as in many
 * containers, eight threads do it by blocking system calls.
 *
 * Only the loop's thread starts requests, hands them to the host, collects them
 * and calls done(); so there is no lock in here. A vCPU that resets a disk
 * calls aio_cancel() and then waits, without the device's lock, until the
 * device has seen the last done() (devices/device.h).
 *
 * Thread: loop, or setup, except where a function says otherwise.
 */
#ifndef BASE_AIO_H
#define BASE_AIO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/aio_req.h"
#include "base/err.h"
#include "base/loop.h"

/*
 * Bytes that are read or written for one turn of the loop. The kernel copies
 * what is in its page cache at once, on the loop's thread; others wait
 * meanwhile. A larger request is handed over alone.
 */
#define AIO_TURN ((uint64_t)4 << 20)

/*
 * @loop:    borrowed; outlives it
 * @entries: requests that the host works on at once; a power of two, at most
 *           4096
 *
 * Returns 0; -ENOMEM; -EINVAL for a bad number of entries; or the errno of
 * timerfd_create(2), eventfd(2) or epoll_ctl(2). Where there is no io_uring,
 * log level info tells why.
 */
int aio_new(struct aio **ret, struct loop *loop, unsigned entries,
	    struct err *err);

/* The same, always by threads. */
int aio_new_threads(struct aio **ret, struct loop *loop, unsigned entries,
		    struct err *err);

/*
 * Frees it. If a client still has a request, aio_drain() having given up on it,
 * what the host may still use is left allocated. NULL is fine; returns NULL.
 */
struct aio *aio_free(struct aio *aio);

/* True if the host works on a request. */
bool aio_is_busy(const struct aio *aio);

/*
 * True if the file's file system knows no reads that do not wait. io_uring has
 * a thread of its own for those, but for FUSE: there it would wait for the file
 * system's server on the loop's thread. Set client->blocks then.
 */
bool aio_blocks(int fd);

/* Puts a request in line for the next aio_flush(). client->lock is held. */
void aio_start(struct aio_client *client, struct aio_req *req);

/*
 * Hands requests to the host in one system call, up to AIO_TURN bytes of them;
 * the loop hands over the rest in its next turns. Requests that done() starts
 * need no call.
 */
void aio_flush(struct aio *aio);

/*
 * Has the client's requests that the host has not begun end with -ECANCELED.
 * They do so on the loop, or in aio_drain(). Thread: any; client->lock is held.
 */
void aio_cancel(struct aio_client *client);

/*
 * Waits until the client has no request left, those included that done()
 * starts. client->lock is held, and stays so while done() runs. Others' done()
 * is called later, on the loop.
 *
 * Returns true; or false if the wait was given up, for one of the two below.
 */
bool aio_drain(struct aio_client *client);

/* Has aio_drain() give up while @fd is readable. @fd: borrowed; -1: none */
void aio_interrupt_by(struct aio *aio, int fd);

/* Has aio_drain() give up @ms milliseconds from now, and from then on. */
void aio_set_deadline(struct aio *aio, unsigned ms);

#endif
