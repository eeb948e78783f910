/*
 * base/aio_backend.h - who does the work for base/aio.c: io_uring, or threads.
 *
 * Thread: loop or setup.
 */
#ifndef BASE_AIO_BACKEND_H
#define BASE_AIO_BACKEND_H

#include "base/aio_req.h"
#include "base/err.h"

/* Threads that stand in for io_uring. */
#define AIO_THREADS 8

struct aio_backend;

struct aio_backend_ops {
	/* Takes a request for the next submit(). False: there is no room. */
	bool (*stage)(struct aio_backend *backend, struct aio_req *req);
	/*
	 * Has the host begin with staged requests, in their order. Returns how
	 * many it took; or a negative errno: -EAGAIN, -EBUSY and -EINTR pass.
	 */
	int (*submit)(struct aio_backend *backend);
	/* Returns a request that is done, with its res; NULL: none. */
	struct aio_req *(*collect)(struct aio_backend *backend);
	/* @busy: the host still works on requests, and may use all of it. */
	void (*free)(struct aio_backend *backend, bool busy);
};

struct aio_backend {
	const struct aio_backend_ops *ops;
	int fd; /* owned; readable after a request is done */
};

/*
 * Returns 0; -ENOSYS, -EPERM, -ENOMEM or another errno of io_uring_setup(2),
 * with the cause in @err.
 */
int aio_uring_new(struct aio_backend **ret, unsigned entries, struct err *err);

/* Threads are made with the first request. Returns 0, -ENOMEM, or the errno of
 * eventfd(2). */
int aio_threads_new(struct aio_backend **ret, struct err *err);

#endif
