/* base/aio_threads.c - asynchronous file I/O by threads that block. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/aio_backend.h"
#include "base/cleanup.h"
#include "base/event_fd.h"

struct thread_list {
	struct aio_req *head;
	struct aio_req **tail; /* where the next one is linked */
};

struct threads_backend {
	struct aio_backend backend; /* its fd is an eventfd */
	pthread_t thread[AIO_THREADS];
	unsigned threads; /* that were made */
	struct thread_list staged; /* loop thread only */

	pthread_mutex_t lock; /* over what follows */
	struct thread_list waiting, done;
	bool ends;
	pthread_cond_t changed; /* waiting, or ends */
};

static struct threads_backend *threads_of(struct aio_backend *backend)
{
	return container_of(backend, struct threads_backend, backend);
}

static void thread_list_init(struct thread_list *list)
{
	*list = (struct thread_list){ NULL, &list->head };
}

static void thread_list_append(struct thread_list *list, struct aio_req *req)
{
	req->work = NULL;
	*list->tail = req;
	list->tail = &req->work;
}

static struct aio_req *thread_list_take(struct thread_list *list)
{
	struct aio_req *req = list->head;

	if (!req)
		return NULL;
	list->head = req->work;
	if (!list->head)
		list->tail = &list->head;
	return req;
}

/* The offset of a file that has none, a pipe, is -1. */
static int do_request(struct aio_req *req)
{
	const off_t offset = (off_t)req->offset;
	const int iovs = (int)req->iovs;
	ssize_t n = -1;

	switch (req->kind) {
	case AIO_READV:
		n = preadv2(req->fd, req->iov, iovs, offset, 0);
		break;
	case AIO_WRITEV:
		n = pwritev2(req->fd, req->iov, iovs, offset, 0);
		break;
	case AIO_FDATASYNC:
		n = fdatasync(req->fd);
		break;
	case AIO_FALLOCATE:
		n = fallocate(req->fd, req->mode, offset, (off_t)req->len);
		break;
	case AIO_CALL:
		return req->call(req);
	}
	return n < 0 ? -errno : (int)n;
}

/* Returns a request to work on; NULL: it is time to end. */
static struct aio_req *await_request(struct threads_backend *threads)
{
	struct aio_req *req;

	GUARD(&threads->lock);
	while (!threads->waiting.head && !threads->ends)
		(void)pthread_cond_wait(&threads->changed, &threads->lock);
	req = thread_list_take(&threads->waiting);
	return req;
}

static void finish_thread_request(struct threads_backend *threads,
				  struct aio_req *req)
{
	GUARD(&threads->lock);
	thread_list_append(&threads->done, req);
	event_fd_signal(threads->backend.fd);
}

static void *serve_requests(void *arg)
{
	struct threads_backend *threads = arg;
	struct aio_req *req;

	while ((req = await_request(threads))) {
		req->res = aio_is_cancelled(req) ? -ECANCELED : do_request(req);
		finish_thread_request(threads, req);
	}
	return NULL;
}

/* Signals are the loop's and the vCPUs'. */
static int make_thread(struct threads_backend *threads)
{
	sigset_t all, saved;
	int r;

	(void)sigfillset(&all);
	/* Where a call touches memory that is not there: one that is blocked
	 * would end the process without its handler. */
	(void)sigdelset(&all, SIGBUS);
	(void)sigdelset(&all, SIGSEGV);
	(void)pthread_sigmask(SIG_SETMASK, &all, &saved);
	r = pthread_create(&threads->thread[threads->threads], NULL,
			   serve_requests, threads);
	(void)pthread_sigmask(SIG_SETMASK, &saved, NULL);
	if (r == 0)
		threads->threads++;
	return -r;
}

static bool threads_stage(struct aio_backend *backend, struct aio_req *req)
{
	thread_list_append(&threads_of(backend)->staged, req);
	return true;
}

static int threads_submit(struct aio_backend *backend)
{
	struct threads_backend *threads = threads_of(backend);
	struct aio_req *req;
	int count = 0;

	while (threads->threads < AIO_THREADS)
		if (make_thread(threads) < 0)
			break;
	if (threads->threads == 0)
		return -EAGAIN;
	GUARD(&threads->lock);
	for (; (req = thread_list_take(&threads->staged)); count++) {
		thread_list_append(&threads->waiting, req);
		(void)pthread_cond_signal(&threads->changed);
	}
	return count;
}

static struct aio_req *threads_collect(struct aio_backend *backend)
{
	struct threads_backend *threads = threads_of(backend);

	GUARD(&threads->lock);
	if (!threads->done.head) {
		uint64_t count;

		(void)!read(backend->fd, &count, sizeof(count));
	}
	return thread_list_take(&threads->done);
}

static void end_threads(struct threads_backend *threads)
{
	GUARD(&threads->lock);
	threads->ends = true;
	(void)pthread_cond_broadcast(&threads->changed);
}

static void threads_free(struct aio_backend *backend, bool busy)
{
	struct threads_backend *threads = threads_of(backend);

	/* A thread may wait for the disk until the process ends. */
	if (busy)
		return;
	end_threads(threads);
	for (unsigned i = 0; i < threads->threads; i++)
		(void)pthread_join(threads->thread[i], NULL);
	(void)pthread_cond_destroy(&threads->changed);
	(void)pthread_mutex_destroy(&threads->lock);
	fd_closep(&backend->fd);
	free(threads);
}

static const struct aio_backend_ops threads_ops = {
	.stage = threads_stage,
	.submit = threads_submit,
	.collect = threads_collect,
	.free = threads_free,
};

int aio_threads_new(struct aio_backend **ret, struct err *err)
{
	_cleanup_(freep) struct threads_backend *threads = calloc(
		1, sizeof(*threads));

	if (!threads)
		return err_set(err, -ENOMEM, "disk threads: out of memory");
	threads->backend.ops = &threads_ops;
	threads->backend.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (threads->backend.fd < 0)
		return err_sys(err, "disk threads: eventfd");
	thread_list_init(&threads->staged);
	thread_list_init(&threads->waiting);
	thread_list_init(&threads->done);
	(void)pthread_mutex_init(&threads->lock, NULL);
	(void)pthread_cond_init(&threads->changed, NULL);
	*ret = &TAKE_PTR(threads)->backend;
	return 0;
}
