/*
 * base/uring.h - asynchronous disk I/O; its completions are a loop watch.
 *
 * One ring serves every disk. A device embeds a struct uring_client, and a
 * struct uring_req in each request it can have in flight; both are its own. A
 * request that was started always ends with one call of done(), on the loop's
 * thread or in uring_cancel(), never in uring_start() or uring_flush().
 * Starting cannot fail: what the ring has no room for waits its turn.
 *
 * Locks: the client's before the ring's own, which is held in no callback.
 */
#ifndef BASE_URING_H
#define BASE_URING_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"
#include "base/loop.h"

struct uring;

/* Outlives loop_run(). */
struct uring_client {
	struct uring *ring; /* borrowed */
	pthread_mutex_t *lock; /* held while done() runs; NULL: none */

	/* The ring's. */
	unsigned active; /* started, and done() not called yet */
	bool waited; /* a thread waits in uring_cancel() or uring_drain() */
};

enum uring_kind {
	URING_READV, /* fd, iov, iovs, offset */
	URING_WRITEV, /* fd, iov, iovs, offset */
	URING_FDATASYNC, /* fd */
	URING_FALLOCATE, /* fd, mode, offset, len; see fallocate(2) */
};

struct uring_req {
	/* Set by the client before each start, and left alone until done(). */
	enum uring_kind kind;
	int fd; /* not O_NONBLOCK */
	const struct iovec *iov; /* borrowed until done() */
	unsigned iovs;
	int mode;
	uint64_t offset, len; /* in bytes */
	/*
	 * @res: what the system call would have returned: bytes, which may be
	 * fewer than asked for; 0; or a negative errno (-ECANCELED if
	 * uring_cancel() took it back). May start the request again.
	 */
	void (*done)(struct uring_req *req, int res);

	/* The ring's. */
	struct uring_client *client;
	struct uring_req *next;
	int res;
};

/*
 * @loop:    borrowed; outlives the ring
 * @entries: how many requests the kernel works on at once; a power of two, at
 *           most 4096
 *
 * Returns 0; -ENOSYS if this kernel has no io_uring; -EPERM if it is forbidden
 * here (kernel.io_uring_disabled, seccomp); -ENOMEM; or another errno of
 * io_uring_setup(2). The message says which. Thread: setup.
 */
int uring_new(struct uring **ret, struct loop *loop, unsigned entries,
	      struct err *err);

/* No client has an active request. NULL is fine; returns NULL. Thread: setup.
 */
struct uring *uring_free(struct uring *ring);

/*
 * Puts a request in line. The kernel sees it with the next uring_flush().
 * Thread: any; client->lock is held.
 */
void uring_start(struct uring_client *client, struct uring_req *req);

/*
 * Hands what waits to the kernel: one system call for any number. After done()
 * it is called for you. Thread: any, but one that lives as long as the VM: the
 * kernel cancels what a thread had in flight when that thread ends.
 */
void uring_flush(struct uring *ring);

/*
 * For a device's reset: takes back this client's requests that the kernel has
 * not seen, and waits for the others. done() has been called for all of them
 * when it returns; those calls come on this thread, without locking
 * client->lock, which the caller holds. done() must not start a request
 * meanwhile. Takes as long as the disk does. That holds up no other client, and
 * the loop only where it was just about to call done() for this one. Thread:
 * any; loop or setup if the client has no lock.
 */
void uring_cancel(struct uring_client *client);

/*
 * For a device's pause: waits until this client has no request left, those
 * included that done() starts meanwhile; none is taken back. Else as
 * uring_cancel().
 */
void uring_drain(struct uring_client *client);

#endif
