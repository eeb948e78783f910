/* base/aio_uring.c - asynchronous file I/O by io_uring. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include <liburing.h>

#include "base/aio.h"
#include "base/aio_backend.h"
#include "base/cleanup.h"
#include "base/file.h"

#define DISABLED "/proc/sys/kernel/io_uring_disabled"

struct uring_backend {
	struct aio_backend backend;
	struct io_uring io;
};

static struct uring_backend *uring_of(struct aio_backend *backend)
{
	return container_of(backend, struct uring_backend, backend);
}

bool aio_blocks(int fd)
{
	char byte;
	struct iovec iov = { &byte, sizeof(byte) };

	/* Whether it knows the flag comes before all else that is wrong. */
	return preadv2(fd, &iov, 1, 0, RWF_NOWAIT) < 0 && errno == EOPNOTSUPP;
}

static bool uring_stage(struct aio_backend *backend, struct aio_req *req)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&uring_of(backend)->io);

	if (!sqe)
		return false;
	switch (req->kind) {
	case AIO_READV:
		io_uring_prep_readv(sqe, req->fd, req->iov, req->iovs,
				    req->offset);
		break;
	case AIO_WRITEV:
		io_uring_prep_writev(sqe, req->fd, req->iov, req->iovs,
				     req->offset);
		break;
	case AIO_FDATASYNC:
		io_uring_prep_fsync(sqe, req->fd, IORING_FSYNC_DATASYNC);
		break;
	case AIO_FALLOCATE:
		/* liburing 2.3 has an off_t here that a 32-bit host cuts. */
		io_uring_prep_rw(IORING_OP_FALLOCATE, sqe, req->fd, NULL,
				 (unsigned)req->mode, req->offset);
		sqe->addr = req->len;
		break;
	case AIO_CALL: /* is no request to this backend: base/aio_req.h */
		io_uring_prep_nop(sqe);
		break;
	}
	if (req->client->blocks)
		io_uring_sqe_set_flags(sqe, IOSQE_ASYNC);
	io_uring_sqe_set_data(sqe, req);
	return true;
}

static int uring_submit(struct aio_backend *backend)
{
	return io_uring_submit(&uring_of(backend)->io);
}

static struct aio_req *uring_collect(struct aio_backend *backend)
{
	struct io_uring *io = &uring_of(backend)->io;
	struct io_uring_cqe *cqe;
	struct aio_req *req;

	if (io_uring_peek_cqe(io, &cqe) < 0)
		return NULL;
	req = io_uring_cqe_get_data(cqe);
	req->res = cqe->res;
	io_uring_cqe_seen(io, cqe);
	return req;
}

static void uring_free(struct aio_backend *backend, bool busy)
{
	/* The kernel ends what it can when the process ends. */
	if (busy)
		return;
	io_uring_queue_exit(&uring_of(backend)->io);
	free(uring_of(backend));
}

static const struct aio_backend_ops uring_ops = {
	.stage = uring_stage,
	.submit = uring_submit,
	.collect = uring_collect,
	.free = uring_free,
};

/* Two things forbid io_uring, and only one of them is a sysctl. */
static int uring_refused(int r, struct err *err)
{
	char disabled[16] = "";

	if (r == -ENOSYS)
		return err_set(err, r,
			       "io_uring: this kernel has none, or a "
			       "sandbox (seccomp) hides it");
	if (r == -ENOMEM)
		return err_set(err, r,
			       "io_uring: no memory, or the limit of "
			       "locked memory (ulimit -l) is too low");
	if (r != -EPERM && r != -EACCES)
		return err_set(err, r, "io_uring: %s", strerrordesc_np(-r));
	if (file_read_text(DISABLED, disabled, sizeof(disabled)) == 0 &&
	    *disabled != '0')
		return err_set(err, r,
			       "io_uring: forbidden by the sysctl "
			       "kernel.io_uring_disabled");
	return err_set(err, r,
		       "io_uring: forbidden by a sandbox (seccomp, or "
		       "a security module)");
}

int aio_uring_new(struct aio_backend **ret, unsigned entries, struct err *err)
{
	_cleanup_(freep) struct uring_backend *uring = calloc(1,
							      sizeof(*uring));
	int r;

	if (!uring)
		return err_set(err, -ENOMEM, "io_uring: out of memory");
	r = io_uring_queue_init(entries, &uring->io, 0);
	if (r < 0)
		return uring_refused(r, err);
	uring->backend = (struct aio_backend){ &uring_ops, uring->io.ring_fd };
	*ret = &TAKE_PTR(uring)->backend;
	return 0;
}
