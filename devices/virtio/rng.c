/* devices/virtio/rng.c - virtio entropy device: the host's random numbers. */
#include "devices/virtio/rng.h"

#include <errno.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <sys/random.h>

/* How much is made at a time, in bytes. */
#define PIECE 4096

/*
 * Fills the room of a chain until the turn is over, but with a piece at least:
 * a driver takes no buffer that is empty. Returns how much it made, in bytes.
 */
static size_t fill_chain(struct virtio *vio, const struct virtq_chain *chain)
{
	const size_t room = chain_room(chain);
	size_t done = 0;
	uint8_t buf[PIECE];

	do {
		const size_t want = room - done < PIECE ? room - done : PIECE;
		/* It has not to wait: see wait_until_ready(). */
		const ssize_t n = getrandom(buf, want, GRND_NONBLOCK);

		if (n <= 0)
			break;
		done += chain_write(chain, done, buf, (size_t)n);
		virtio_spend(vio, (uint64_t)n);
	} while (done < room && virtio_turn_left(vio) > 0);
	return done;
}

static void rng_notify(struct virtio *vio, unsigned queue)
{
	struct virtq_chain chain;

	while (virtio_pop(vio, queue, &chain))
		virtio_push(vio, queue, &chain,
			    (uint32_t)fill_chain(vio, &chain));
}

static void rng_destroy(struct virtio *vio)
{
	virtio_finish(vio);
	free(vio);
}

static void rng_save(struct virtio *vio, struct state *state)
{
	virtio_save_nothing(vio, state);
}

static int rng_load(struct virtio *vio, struct state_records *from,
		    struct err *err)
{
	return virtio_load_nothing(vio, from, err);
}

static const struct virtio_ops rng_ops = {
	.name = "virtio-rng",
	.id = VIRTIO_ID_RNG,
	VIRTIO_OPS(rng),
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
