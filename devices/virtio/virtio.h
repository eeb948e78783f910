/*
 * devices/virtio/virtio.h - what a virtio device is to a transport.
 *
 * Three parts make a device on the board:
 *   the device (blk, console, rng) embeds struct virtio, serves its queues and
 *   knows no transport;
 *   this file keeps what every device has: features, status, queues;
 *   the transport (mmio) has the struct device, with the lock of struct virtio:
 *   it turns registers into calls of virtio_*(), and virtio_transport_ops into
 *   interrupts.
 *
 * A queue is served on the loop thread: a kick signals the queue's eventfd,
 * from the kernel or by virtio_kick(), and the loop calls ops->notify(). Guest
 * accesses come on vCPU threads. Both hold vio->lock, so all that follows
 * is sequential. Numbers are in host byte order; what lies in guest memory, and
 * the configuration space, is little-endian.
 *
 * A driver that breaks a rule stops its own device: DEVICE_NEEDS_RESET is set,
 * and nothing is served until it resets the device.
 *
 * Source: Virtual I/O Device (VIRTIO) 1.2, sections 2 and 3.
 */
#ifndef DEVICES_VIRTIO_VIRTIO_H
#define DEVICES_VIRTIO_VIRTIO_H

#include "base/err.h"
#include "base/log.h"
#include "base/loop.h"
#include "devices/device.h"
#include "devices/virtio/queue.h"
#include "mem/map.h"

struct virtio;

/* A kind of device. All are called with vio->lock held. */
struct virtio_ops {
	const char *name; /* for messages */
	uint32_t id; /* section 5 */
	/*
	 * Serves a live queue until virtio_pop() returns false. One call is one
	 * turn: see virtio_pop() and virtio_spend(). virtio_flush() follows.
	 * Loop thread.
	 */
	void (*notify)(struct virtio *vio, unsigned queue);
	/*
	 * Drops the chains that were taken from the queue. The queue is
	 * disabled already, and may be enabled again before the host is done
	 * with their buffers: the device is busy until then (devices/device.h),
	 * and gives none of them back. NULL: the device keeps no chain between
	 * calls.
	 */
	void (*quiesce)(struct virtio *vio, unsigned queue);
	/*
	 * Waits until the device is not busy. Returns false if the host does
	 * not answer. NULL: the device is never busy. Loop thread.
	 */
	bool (*settle)(struct virtio *vio);
	/*
	 * The driver writes [offset, offset + len) of the configuration space,
	 * which is in it. NULL: writes are dropped.
	 */
	void (*config_write)(struct virtio *vio, size_t offset, const void *buf,
			     size_t len);
	/*
	 * Finishes what was taken from the queues. They are live still, and not
	 * looked at from the return on until they are kicked after the pause.
	 * NULL: the device has nothing in flight between calls.
	 */
	void (*pause)(struct virtio *vio);
	/* The rest of a reset, all queues being quiet. NULL: no other state. */
	void (*reset)(struct virtio *vio);
	/*
	 * How many chains the device has taken from the queue and not given
	 * back, while it is paused. A saved device takes them again when it
	 * goes on: it is the last ones that are kept. NULL: none.
	 */
	unsigned (*kept)(struct virtio *vio, unsigned queue);
	/*
	 * Adds what is the device's own to its section, as records of ids from
	 * VIRTIO_STATE_DEVICE on; and reads it back: see device_ops. When it is
	 * loaded, features, status and queues are there; memory is, too, but
	 * no chain can be taken before ops->notify() is called.
	 */
	void (*save)(struct virtio *vio, struct state *state);
	int (*load)(struct virtio *vio, struct state_records *from,
		    struct err *err);
	/* Frees the device; calls virtio_finish(). Takes a half-made one. */
	void (*destroy)(struct virtio *vio);
};

/* The functions that each device has, by the prefix that they have in common:
 * without one of them it does not compile. Others may follow. */
#define VIRTIO_OPS(prefix)                                \
	.notify = prefix##_notify, .save = prefix##_save, \
	.load = prefix##_load, .destroy = prefix##_destroy

/* Records of a section: a queue's own are at VIRTIO_STATE_QUEUE + 16 * queue.
 */
enum {
	VIRTIO_STATE_QUEUE = 0x1000,
	VIRTIO_STATE_TRANSPORT = 0x8000,
	VIRTIO_STATE_DEVICE = 0x10000,
};

/* save() and load() of a device that has no state of its own. */
static inline void virtio_save_nothing(struct virtio *vio, struct state *state)
{
	(void)vio;
	(void)state;
}

static inline int virtio_load_nothing(struct virtio *vio,
				      struct state_records *from,
				      struct err *err)
{
	(void)vio;
	(void)from;
	(void)err;
	return 0;
}

/* How the transport tells the driver. Called with vio->lock held. */
struct virtio_transport_ops {
	void (*used)(struct virtio *vio, unsigned queue);
	void (*config)(struct virtio *vio);
};

/* Embedded in every transport. */
struct virtio_transport {
	const struct virtio_transport_ops *ops;
	struct device dev; /* its lock is that of the virtio device */
};

struct virtio_queue {
	struct virtq ring;
	struct virtio *vio;
	struct loop_watch kick; /* its eventfd is owned */
};

/* Embedded in every virtio device. */
struct virtio {
	pthread_mutex_t lock; /* one thread at a time is inside the device */
	const struct virtio_ops *ops;
	struct virtio_transport *transport; /* NULL: not plugged yet */
	struct loop *loop; /* borrowed */

	uint64_t
		offered; /* features, bit n is feature n; fixed after *_new() */
	uint64_t required; /* of @offered: a driver has to accept these */
	uint64_t accepted;
	uint8_t status;
	bool paused;
	bool config_news; /* the driver is told of a change after the pause */
	uint32_t generation; /* counts changes of the configuration space */
	uint64_t turn; /* what is left of it, in bytes of work; UINT64_MAX:
			  ops->notify() is not running */

	const void *config; /* configuration space; the device's own storage */
	size_t config_len; /* in bytes */

	struct virtio_queue *queue; /* owned */
	unsigned queues;

	const char *fault; /* why it needs a reset; NULL: it does not */
	struct log_limit guest_errors; /* of the driver's, counted */
};

/* Device status. Source: section 2.1. */
enum virtio_status {
	VIRTIO_ACKNOWLEDGE = 1,
	VIRTIO_DRIVER = 2,
	VIRTIO_DRIVER_OK = 4,
	VIRTIO_FEATURES_OK = 8,
	VIRTIO_NEEDS_RESET = 64,
	VIRTIO_FAILED = 128,
};

/*
 * For devices: begins a *_new(). Offers what every device here has: version 1,
 * event index, indirect descriptors, queue reset. The device adds its own to
 * vio->offered, what it cannot do without to vio->required, and sets
 * vio->config.
 *
 * @vio:       zeroed; may be given to virtio_finish() on failure
 * @mem, @loop: borrowed; outlive @vio
 * @queues:    how many, each of up to VIRTQ_MAX_SIZE entries
 *
 * Returns 0, -ENOMEM, or what making an eventfd and watching it returned.
 */
int virtio_init(struct virtio *vio, const struct virtio_ops *ops,
		const struct mem_map *mem, struct loop *loop, unsigned queues,
		struct err *err);
void virtio_finish(struct virtio *vio);

/* For devices: true if both sides have feature number @bit. */
static inline bool virtio_has(const struct virtio *vio, unsigned bit)
{
	return vio->accepted >> bit & 1;
}

/*
 * A turn: what one call of ops->notify() may do before others have theirs. In
 * bytes of work. Each buffer of a chain counts as VIRTIO_BUFFER_WORK of them,
 * for the walk and the translation; data counts as virtio_spend() says. So a
 * turn is at most 512 buffers, and the chain that was begun last.
 */
#define VIRTIO_TURN ((uint64_t)64 * 1024)
#define VIRTIO_BUFFER_WORK 128

/*
 * For devices: takes the queue's next chain, as virtq_pop(). Returns false if
 * the queue has none; if the device is broken, stopped, paused or reset; or if
 * the turn is over, and then the queue is kicked for the next one.
 */
bool virtio_pop(struct virtio *vio, unsigned queue, struct virtq_chain *chain);

/* For devices: as virtq_unpop(). The chains are taken again with the next
 * kick. */
void virtio_unpop(struct virtio *vio, unsigned queue, unsigned count);

/* For devices: takes @work bytes off the turn. UINT64_MAX ends it. Does nothing
 * outside of ops->notify(). */
void virtio_spend(struct virtio *vio, uint64_t work);

/* For devices: what is left of the turn, in bytes of work. 0: it is over. */
static inline uint64_t virtio_turn_left(const struct virtio *vio)
{
	return vio->turn;
}

/*
 * For devices: gives a chain back. The driver is not told before
 * virtio_flush(). A chain of a queue that was reset since goes nowhere.
 *
 * @chain: only its head counts
 * @len:   bytes written, from the start of its room
 */
void virtio_push(struct virtio *vio, unsigned queue,
		 const struct virtq_chain *chain, uint32_t len);

/* For devices: gives chains back as virtio_push() does, so that the driver sees
 * all of them at once. */
void virtio_push_all(struct virtio *vio, unsigned queue,
		     const struct virtq_used *used, size_t count);

/* For devices: interrupts the driver, if it wants that for what was pushed. */
void virtio_flush(struct virtio *vio, unsigned queue);

/* For devices: the driver broke a rule; @why is a static string. */
void virtio_break(struct virtio *vio, const char *why);

/*
 * For devices: the host changed the configuration space. The driver is
 * interrupted; during a pause, only when it ends.
 */
void virtio_config_changed(struct virtio *vio);

/* Has ops->notify() called on the loop thread. Thread: any, without a lock. */
void virtio_kick(struct virtio *vio, unsigned queue);

/*
 * For transports: plugs a virtio device into one. The transport is freed after
 * vio->ops->destroy(), which may still call it.
 *
 * @transport: zeroed
 */
void virtio_connect(struct virtio *vio, struct virtio_transport *transport,
		    const struct device_ops *device_ops,
		    const struct virtio_transport_ops *ops);

/* For transports: the driver's side of the negotiation. Frozen once done. */
void virtio_accept(struct virtio *vio, unsigned word, uint32_t features);

/* For transports: the driver sets status bits; 0 is a reset. */
void virtio_set_status(struct virtio *vio, uint8_t status);

/* The areas of a ring, of section 2.7. */
enum virtio_area { VIRTIO_AREA_DESC, VIRTIO_AREA_DRIVER, VIRTIO_AREA_DEVICE };

/*
 * For transports: the driver sets the size of a queue's ring, or the address of
 * an area of it, of which the bits of @mask are written. A queue that is
 * enabled keeps what it has. virtio_enable_queue() judges the values.
 *
 * @queue: below vio->queues
 */
void virtio_set_size(struct virtio *vio, unsigned queue, uint32_t size);
void virtio_set_area(struct virtio *vio, unsigned queue, enum virtio_area area,
		     gpa_t addr, gpa_t mask);

/*
 * For transports: starts a queue whose ring has size and addresses. A bad one
 * breaks the device and stays disabled.
 */
void virtio_enable_queue(struct virtio *vio, unsigned queue);

/* For transports: stops a queue. The device may be busy on return. */
void virtio_disable_queue(struct virtio *vio, unsigned queue);

/* Back to the state after *_new(). The device may be busy on return. */
void virtio_reset(struct virtio *vio);

/* Waits until the device is not busy. Returns false if the host does not
 * answer. Thread: loop or setup. */
bool virtio_settle(struct virtio *vio);

/*
 * For transports: device_ops' pause and resume. In between, ops->notify() is
 * not called, virtio_pop() finds nothing, and the driver is not interrupted.
 */
void virtio_pause(struct virtio *vio);
void virtio_resume(struct virtio *vio);

/* True if a driver can have set the device's status and features. What it has
 * accepted counts once FEATURES_OK is set. */
bool virtio_is_negotiated(const struct virtio *vio);

/*
 * For transports: device_ops' save and load, for all but what is the
 * transport's. The device that is loaded is new or was reset. Returns 0; what
 * state_get_fields() returns; or -EBADMSG if a queue is not where one can be,
 * or no driver can have set status and features.
 */
void virtio_save(struct virtio *vio, struct state *state);
int virtio_load(struct virtio *vio, struct state_records *from,
		struct err *err);

/*
 * For transports: @offset and @len are not trusted. Bytes outside the
 * configuration read as zeroes and are dropped on write.
 */
void virtio_config_read(const struct virtio *vio, size_t offset, void *buf,
			size_t len);
void virtio_config_write(struct virtio *vio, size_t offset, const void *buf,
			 size_t len);

#endif
