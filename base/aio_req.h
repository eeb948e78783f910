/* base/aio_req.h - requests of base/aio.h, and the clients that start them. */
#ifndef BASE_AIO_REQ_H
#define BASE_AIO_REQ_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct aio;

/* Outlives loop_run(). */
struct aio_client {
	struct aio *aio; /* borrowed */
	pthread_mutex_t *lock; /* held while done() runs; NULL: none */
	bool blocks; /* aio_blocks() of a file of its requests */

	/* Private to base/aio.c. */
	unsigned active; /* started, and done() not called yet */
	uint32_t cancels; /* atomic: calls of aio_cancel() */
};

enum aio_kind {
	AIO_READV, /* fd, iov, iovs, offset, len */
	AIO_WRITEV, /* fd, iov, iovs, offset, len */
	AIO_FDATASYNC, /* fd */
	AIO_FALLOCATE, /* fd, mode, offset, len; see fallocate(2) */
	AIO_CALL, /* call; for an aio of aio_new_threads() alone */
};

struct aio_req {
	/* Set by the client before each start, and left alone until done(). */
	enum aio_kind kind;
	int fd; /* not O_NONBLOCK */
	const struct iovec *iov; /* borrowed until done() */
	unsigned iovs;
	int mode;
	uint64_t offset, len; /* in bytes; @len of a read or write: of @iov */
	/* May block. Returns what done() is given. Thread: one of the aio's. */
	int (*call)(struct aio_req *req);
	/*
	 * @res: what the system call would have returned: bytes, which may be
	 * fewer than asked for; 0; or a negative errno, -ECANCELED if it was
	 * cancelled. May start the request again.
	 */
	void (*done)(struct aio_req *req, int res);

	/* Private to base/aio*.c. */
	struct aio_client *client;
	struct aio_req *next;
	struct aio_req *work; /* the next one in a list of base/aio_threads.c */
	uint32_t cancels; /* of the client, when it was started */
	int res;
};

/*
 * True if the request was cancelled: it is not to be begun, nor to be started
 * again for the rest of its work. Thread: any, before done() returns.
 */
static inline bool aio_is_cancelled(const struct aio_req *req)
{
	return req->cancels !=
	       __atomic_load_n(&req->client->cancels, __ATOMIC_RELAXED);
}

#endif
