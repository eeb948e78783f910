/* devices/virtio/rng.c - virtio entropy device: the host's random numbers. */
#include "devices/virtio/rng.h"

#include <errno.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <sys/random.h>

#include "mem/iov.h"

/* How much one call of notify() makes at most, in bytes. */
#define BURST ((size_t)64 * 1024)

/* Fills the writable buffers with up to @max bytes. Returns how many. */
static size_t fill(const struct virtq_chain *chain, size_t max)
{
	size_t done = 0;

	for (size_t i = chain->readable; i < chain->count; i++) {
		const struct iovec *iov = &chain->iov[i];
		const size_t left = max - done;
		const size_t want = iov->iov_len < left ? iov->iov_len : left;
		ssize_t n;

		/*
		 * There is nothing to wait for since *_new(); at most a signal
		 * makes it come short.
		 */
		n = getrandom(iov->iov_base, want, GRND_NONBLOCK);
		if (n < 0) {
			iov_touch(iov, 1);
			break;
		}
		done += (size_t)n;
		if ((size_t)n < iov->iov_len)
			break;
	}
	return done;
}

static void rng_notify(struct virtio *vio, unsigned queue)
{
	unsigned chains = vio->queue[queue].ring.size;
	size_t bytes = BURST;
	struct virtq_chain chain;

	while (chains > 0 && bytes > 0 && virtio_pop(vio, queue, &chain)) {
		const size_t len = fill(&chain, bytes);

		virtio_push(vio, queue, &chain, (uint32_t)len);
		chains--;
		bytes -= len;
	}
	virtio_flush(vio, queue);
	if (chains == 0 || bytes == 0)
		virtio_kick(vio, queue);
}

static void rng_destroy(struct virtio *vio)
{
	virtio_finish(vio);
	free(vio);
}

static const struct virtio_ops rng_ops = {
	.name = "virtio-rng",
	.id = VIRTIO_ID_RNG,
	.notify = rng_notify,
	.destroy = rng_destroy,
};

static int wait_until_ready(struct err *err)
{
	uint8_t byte;

	while (getrandom(&byte, sizeof(byte), 0) < 0)
		if (errno != EINTR)
			return err_sys(err, "virtio-rng: getrandom");
	return 0;
}

int virtio_rng_new(struct virtio **ret, const struct mem_map *mem,
		   struct loop *loop, struct err *err)
{
	struct virtio *vio = calloc(1, sizeof(*vio));
	int r;

	if (!vio)
		return err_set(err, -ENOMEM, "virtio-rng: out of memory");
	r = wait_until_ready(err);
	if (r == 0)
		r = virtio_init(vio, &rng_ops, mem, loop, 1, err);
	if (r < 0) {
		rng_destroy(vio);
		return r;
	}
	*ret = vio;
	return 0;
}
