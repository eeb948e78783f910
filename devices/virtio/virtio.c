/* devices/virtio/virtio.c - what a virtio device is to a transport. */
#include "devices/virtio/virtio.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/event_fd.h"

/* Features that the common code provides for every device. */
static const uint64_t common_features = 1ULL << VIRTIO_F_VERSION_1 |
					1ULL << VIRTIO_F_RING_RESET |
					1ULL << VIRTIO_RING_F_EVENT_IDX |
					1ULL << VIRTIO_RING_F_INDIRECT_DESC;

/* Status bits that are the driver's to set. */
static const uint8_t driver_status = VIRTIO_ACKNOWLEDGE | VIRTIO_DRIVER |
				     VIRTIO_DRIVER_OK | VIRTIO_FEATURES_OK |
				     VIRTIO_FAILED;

/* True if the queue may be served: the driver is ready and has kept to the
 * rules. */
static bool is_live(const struct virtio *vio, unsigned queue)
{
	return (vio->status & VIRTIO_DRIVER_OK) &&
	       !(vio->status & VIRTIO_NEEDS_RESET) &&
	       vio->queue[queue].ring.enabled;
}

/* Gives a queue its turn, and another one if that was not enough. */
static void serve_queue(struct virtio *vio, unsigned queue)
{
	vio->turn = VIRTIO_TURN;
	vio->ops->notify(vio, queue);
	virtio_flush(vio, queue);
	if (vio->turn == 0)
		virtio_kick(vio, queue);
	vio->turn = UINT64_MAX;
}

static void virtio_kicked(struct loop_watch *watch, uint32_t events)
{
	struct virtio_queue *q = container_of(watch, struct virtio_queue, kick);
	struct virtio *vio = q->vio;
	const unsigned queue = (unsigned)(q - vio->queue);

	(void)events;
	if (is_live(vio, queue) && !vio->paused)
		serve_queue(vio, queue);
}

static int init_queue(struct virtio *vio, struct virtio_queue *q,
		      const struct mem_map *mem, struct err *err)
{
	q->vio = vio;
	virtq_init(&q->ring, mem, VIRTQ_MAX_SIZE);
	q->kick.lock = &vio->lock;
	q->kick.ready = virtio_kicked;
	q->kick.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (q->kick.fd < 0)
		return err_sys(err, "%s: eventfd", vio->ops->name);
	vio->queues++;
	/* Edge-triggered: each kick comes once, and is never read. */
	return loop_add(vio->loop, &q->kick, EPOLLIN | EPOLLET, err);
}

int virtio_init(struct virtio *vio, const struct virtio_ops *ops,
		const struct mem_map *mem, struct loop *loop, unsigned queues,
		struct err *err)
{
	int r = 0;

	vio->ops = ops;
	vio->loop = loop;
	vio->turn = UINT64_MAX;
	vio->offered = common_features;
	vio->required = 1ULL << VIRTIO_F_VERSION_1;
	(void)pthread_mutex_init(&vio->lock, NULL);
	vio->queue = calloc(queues, sizeof(*vio->queue));
	if (!vio->queue)
		return err_set(err, -ENOMEM, "%s: out of memory", ops->name);
	for (unsigned i = 0; r == 0 && i < queues; i++)
		r = init_queue(vio, &vio->queue[i], mem, err);
	return r;
}

void virtio_finish(struct virtio *vio)
{
	if (!vio->ops)
		return;
	while (vio->queues > 0) {
		struct loop_watch *kick = &vio->queue[--vio->queues].kick;

		loop_remove(vio->loop, kick);
		fd_closep(&kick->fd);
	}
	free(vio->queue);
	vio->queue = NULL;
	(void)pthread_mutex_destroy(&vio->lock);
}

void virtio_connect(struct virtio *vio, struct virtio_transport *transport,
		    const struct device_ops *device_ops,
		    const struct virtio_transport_ops *ops)
{
	transport->ops = ops;
	transport->dev.ops = device_ops;
	transport->dev.lock = &vio->lock;
	vio->transport = transport;
}

void virtio_break(struct virtio *vio, const char *why)
{
	log_guest(&vio->guest_errors, "%s: %s; it needs a reset",
		  vio->ops->name, why);
	vio->fault = why;
	vio->status |= VIRTIO_NEEDS_RESET;
	if (vio->status & VIRTIO_DRIVER_OK)
		vio->transport->ops->config(vio);
}

bool virtio_pop(struct virtio *vio, unsigned queue, struct virtq_chain *chain)
{
	struct virtq *ring = &vio->queue[queue].ring;
	int r;

	if (!is_live(vio, queue) || vio->paused || vio->turn == 0)
		return false;
	r = virtq_pop(ring, chain);
	if (r < 0)
		virtio_break(vio, ring->fault);
	if (r <= 0)
		return false;
	virtio_spend(vio, chain->count * VIRTIO_BUFFER_WORK);
	return true;
}

void virtio_unpop(struct virtio *vio, unsigned queue, unsigned count)
{
	virtq_unpop(&vio->queue[queue].ring, count);
}

void virtio_spend(struct virtio *vio, uint64_t work)
{
	if (vio->turn != UINT64_MAX)
		vio->turn -= work < vio->turn ? work : vio->turn;
}

void virtio_push_all(struct virtio *vio, unsigned queue,
		     const struct virtq_used *used, size_t count)
{
	struct virtq *ring = &vio->queue[queue].ring;

	if (is_live(vio, queue) && virtq_push_all(ring, used, count) < 0)
		virtio_break(vio, ring->fault);
}

void virtio_push(struct virtio *vio, unsigned queue,
		 const struct virtq_chain *chain, uint32_t len)
{
	const struct virtq_used used = { chain->head, len };

	virtio_push_all(vio, queue, &used, 1);
}

void virtio_flush(struct virtio *vio, unsigned queue)
{
	struct virtq *ring = &vio->queue[queue].ring;

	if (!is_live(vio, queue))
		return;
	if (virtq_wants_interrupt(ring))
		vio->transport->ops->used(vio, queue);
	else if (ring->fault)
		virtio_break(vio, ring->fault);
}

static void tell_config(struct virtio *vio)
{
	vio->config_news = false;
	vio->generation++;
	if (vio->status & VIRTIO_DRIVER_OK)
		vio->transport->ops->config(vio);
}

void virtio_config_changed(struct virtio *vio)
{
	if (vio->paused)
		vio->config_news = true;
	else
		tell_config(vio);
}

void virtio_kick(struct virtio *vio, unsigned queue)
{
	event_fd_signal(vio->queue[queue].kick.fd);
}

void virtio_accept(struct virtio *vio, unsigned word, uint32_t features)
{
	if (word > 1 || (vio->status & VIRTIO_FEATURES_OK))
		return;
	vio->accepted &= ~((uint64_t)UINT32_MAX << word * 32);
	vio->accepted |= (uint64_t)features << word * 32;
}

/* A driver without version 1 would speak the guest's own byte order. */
static bool can_do(const struct virtio *vio)
{
	return !(vio->accepted & ~vio->offered) &&
	       !(vio->required & ~vio->accepted);
}

bool virtio_is_negotiated(const struct virtio *vio)
{
	if (vio->status & ~(driver_status | VIRTIO_NEEDS_RESET))
		return false;
	if (vio->status & VIRTIO_FEATURES_OK)
		return can_do(vio);
	return !(vio->status & VIRTIO_DRIVER_OK);
}

static void kick_all(struct virtio *vio)
{
	for (unsigned i = 0; i < vio->queues; i++)
		if (vio->queue[i].ring.enabled)
			virtio_kick(vio, i);
}

void virtio_set_status(struct virtio *vio, uint8_t status)
{
	const uint8_t old = vio->status;

	if (status == 0) {
		virtio_reset(vio);
		return;
	}
	/* Only a reset clears a bit. */
	vio->status |= status & driver_status;
	if ((vio->status & VIRTIO_FEATURES_OK) && !can_do(vio))
		vio->status &= (uint8_t)~VIRTIO_FEATURES_OK;
	if (!(vio->status & VIRTIO_FEATURES_OK))
		vio->status &= (uint8_t)~VIRTIO_DRIVER_OK;

	/* A kick that came too early did nothing. */
	if (vio->status & ~old & VIRTIO_DRIVER_OK)
		kick_all(vio);
}

void virtio_set_size(struct virtio *vio, unsigned queue, uint32_t size)
{
	struct virtq *ring = &vio->queue[queue].ring;

	/* 0 is no valid size either. */
	if (!ring->enabled)
		ring->size = size <= ring->max ? (uint16_t)size : 0;
}

void virtio_set_area(struct virtio *vio, unsigned queue, enum virtio_area area,
		     gpa_t addr, gpa_t mask)
{
	struct virtq *ring = &vio->queue[queue].ring;
	gpa_t *at = area == VIRTIO_AREA_DESC   ? &ring->desc
		  : area == VIRTIO_AREA_DRIVER ? &ring->avail
					       : &ring->used;

	if (!ring->enabled)
		*at = (*at & ~mask) | (addr & mask);
}

void virtio_enable_queue(struct virtio *vio, unsigned queue)
{
	struct virtq *ring = &vio->queue[queue].ring;

	if (!ring->enabled && virtq_enable(ring, vio->accepted) < 0)
		virtio_break(vio, ring->fault);
}

void virtio_disable_queue(struct virtio *vio, unsigned queue)
{
	virtq_disable(&vio->queue[queue].ring);
	if (vio->ops->quiesce)
		vio->ops->quiesce(vio, queue);
}

void virtio_reset(struct virtio *vio)
{
	/* First, so that nothing that ends now interrupts. */
	vio->status = 0;
	for (unsigned i = 0; i < vio->queues; i++)
		virtio_disable_queue(vio, i);
	if (vio->ops->reset)
		vio->ops->reset(vio);
	vio->accepted = 0;
	vio->fault = NULL;
	vio->paused = false;
	vio->config_news = false;
}

bool virtio_settle(struct virtio *vio)
{
	return !vio->ops->settle || vio->ops->settle(vio);
}

void virtio_pause(struct virtio *vio)
{
	if (vio->ops->pause)
		vio->ops->pause(vio);
	vio->paused = true;
}

void virtio_resume(struct virtio *vio)
{
	vio->paused = false;
	if (vio->config_news)
		tell_config(vio);
	/* Kicks that came meanwhile were ignored. */
	kick_all(vio);
}

void virtio_config_read(const struct virtio *vio, size_t offset, void *buf,
			size_t len)
{
	memset(buf, 0, len);
	if (offset >= vio->config_len)
		return;
	if (len > vio->config_len - offset)
		len = vio->config_len - offset;
	memcpy(buf, (const uint8_t *)vio->config + offset, len);
}

void virtio_config_write(struct virtio *vio, size_t offset, const void *buf,
			 size_t len)
{
	if (!vio->ops->config_write || offset >= vio->config_len ||
	    len > vio->config_len - offset)
		return;
	vio->ops->config_write(vio, offset, buf, len);
}
