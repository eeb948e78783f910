/* devices/device.h - what a device is to the rest of the program. */
#ifndef DEVICES_DEVICE_H
#define DEVICES_DEVICE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/range.h"
#include "base/state.h"

/*
 * One interrupt pin. The device neither knows nor asks what is behind it.
 *
 * A level line is set and cleared. On an edge line each set to true is one
 * interrupt, and setting it to false does nothing. Which one a pin is, is the
 * board's choice and in the device's header. Thread: any.
 */
struct irq_line {
	void (*set)(void *chip, unsigned pin, bool level);
	void *chip;
	unsigned pin;
};

static inline void irq_set(const struct irq_line *line, bool level)
{
	line->set(line->chip, line->pin, level);
}

struct device;

/*
 * A device's behaviour. All are called with dev->lock held.
 *
 * read() and write() are for a device with a window on a bus, guest physical
 * or of ports; one that is on no bus has neither, nor sizes. The bus has
 * checked the access: @offset is inside the window and aligned to @size, and
 * @size is one of @sizes; so a device checks none of that.
 */
struct device_ops {
	const char *name;
	unsigned sizes; /* access sizes taken, in bytes, or'ed: 1|2|4|8 */
	uint64_t (*read)(struct device *dev, uint64_t offset, unsigned size);
	void (*write)(struct device *dev, uint64_t offset, unsigned size,
		      uint64_t val);
	/*
	 * Back to the state after *_new(), except for what a battery keeps. On
	 * return the device has nothing in flight: no request, no interrupt
	 * asserted. The vCPUs are stopped; it runs on the loop thread.
	 */
	void (*reset)(struct device *dev);
	/*
	 * Becomes quiet: guest memory, interrupts and host files stay as they
	 * are until resume(). Requests in flight are finished first. The vCPUs
	 * are parked; both run on the loop thread. NULL: a device that does
	 * nothing by itself.
	 */
	void (*pause)(struct device *dev);
	void (*resume)(struct device *dev);
	/*
	 * Adds what the guest could tell this device from a new one by: records
	 * of the section that was begun for it (base/state.h). It holds neither
	 * data that follows from the configuration nor guest memory. The device
	 * is paused, and may go on; nothing changes.
	 */
	void (*save)(struct device *dev, struct state *state);
	/*
	 * Brings a device that was just made, or reset, to the state that
	 * save() saw, in a machine of the same configuration. A level line is
	 * set as it was. The vCPUs have not run; what is read is not trusted.
	 * Returns 0, or a negative errno with @err set: then the device is good
	 * for destroy() and reset() alone. The caller checks that no record is
	 * left.
	 */
	int (*load)(struct device *dev, struct state_records *from,
		    struct err *err);
	void (*destroy)(struct device *dev); /* takes a half-made one, too */
};

/*
 * The functions of a device on no bus by the prefix that they have in common: a
 * device without one of these does not compile. pause() and resume() may
 * follow.
 */
#define DEVICE_OPS_NO_BUS(prefix)                                              \
	.reset = prefix##_reset, .save = prefix##_save, .load = prefix##_load, \
	.destroy = prefix##_destroy

/* The same, for a device on a bus. */
#define DEVICE_OPS(prefix)                              \
	.read = prefix##_read, .write = prefix##_write, \
	DEVICE_OPS_NO_BUS(prefix)

/* save() and load() of a device that remembers nothing. */
static inline void device_save_nothing(struct device *dev, struct state *state)
{
	(void)dev;
	(void)state;
}

static inline int device_load_nothing(struct device *dev,
				      struct state_records *from,
				      struct err *err)
{
	(void)dev;
	(void)from;
	(void)err;
	return 0;
}

/*
 * A register write that says only "look": where the architecture can, a write
 * of @val to @offset signals @fd without leaving the kernel (ioeventfd). Where
 * it cannot, the write arrives at ops->write as any other, and the device
 * signals @fd itself. Either way the work is done where @fd is watched.
 */
struct doorbell {
	uint64_t offset;
	unsigned size; /* of the write, in bytes */
	uint64_t val; /* the value that rings it */
	int fd; /* eventfd; owned by the device */
};

/*
 * Embedded in every device. Says nothing of where the device is.
 *
 * One thread at a time is inside a device: it holds @lock. That is the device's
 * own, or the one of what it stands for: a transport has that of the virtio
 * device behind it.
 */
struct device {
	const struct device_ops *ops;
	pthread_mutex_t *lock; /* never NULL; fixed after *_new() */
	pthread_mutex_t own_lock; /* unused if @lock is another */
	const struct doorbell *doorbell; /* NULL: none; fixed after *_new() */
	size_t doorbells;
	/*
	 * Atomic: the host still works on what a write of the guest's dropped,
	 * and may access guest memory. The vCPU that wrote waits for the end,
	 * outside of the device.
	 */
	bool busy;
	/* The last pause() was given up: the host still works for the device.
	 * Loop thread only. */
	bool stalled;
	/* Called when busy ends; see devices_listen(). Loop thread only. */
	void (*settled)(void *ctx);
	void *settled_ctx;
};

/* Begins a *_new(), for a device with a lock of its own. @dev: zeroed. */
static inline void device_init(struct device *dev, const struct device_ops *ops)
{
	dev->ops = ops;
	dev->lock = &dev->own_lock;
	(void)pthread_mutex_init(&dev->own_lock, NULL);
}

/* Ends what device_init() began. Nobody is inside the device. */
static inline void device_finish(struct device *dev)
{
	(void)pthread_mutex_destroy(&dev->own_lock);
}

/* For devices: dev->lock is held. */
static inline void device_set_busy(struct device *dev)
{
	__atomic_store_n(&dev->busy, true, __ATOMIC_RELAXED);
}

/* For devices: @dev is not busy any more. dev->lock is held. Thread: loop. */
static inline void device_settle(struct device *dev)
{
	__atomic_store_n(&dev->busy, false, __ATOMIC_RELEASE);
	if (dev->settled)
		dev->settled(dev->settled_ctx);
}

/* Thread: any. */
static inline bool device_is_busy(const struct device *dev)
{
	return __atomic_load_n(&dev->busy, __ATOMIC_ACQUIRE);
}

/* A device put somewhere: what the bus routes by and the board describes. */
struct io_slot {
	struct range at; /* guest physical, or port numbers */
	struct device *dev;
	const char *compatible; /* device tree name; NULL: not described */
	const char *label; /* device tree label; NULL: none */
	unsigned irq; /* pin on the board's interrupt controller */
};

#endif
