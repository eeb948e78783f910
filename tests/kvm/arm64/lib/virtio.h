/*
 * tests/kvm/arm64/lib/virtio.h - a virtio-mmio driver that can be made to lie.
 *
 * Source: Virtual I/O Device (VIRTIO) 1.2: section 4.2.2 for the registers,
 * 2.7 for the rings.
 */
#ifndef TESTS_KVM_ARM64_LIB_VIRTIO_H
#define TESTS_KVM_ARM64_LIB_VIRTIO_H

#include <stdbool.h>
#include <stdint.h>

enum {
	VIRTIO_MAGIC = 0x000,
	VIRTIO_VERSION = 0x004,
	VIRTIO_DEVICE = 0x008,
	VIRTIO_FEATURES = 0x010,
	VIRTIO_FEATURES_SEL = 0x014,
	VIRTIO_ACCEPT = 0x020,
	VIRTIO_ACCEPT_SEL = 0x024,
	VIRTIO_QUEUE_SEL = 0x030,
	VIRTIO_QUEUE_MAX = 0x034,
	VIRTIO_QUEUE_SIZE = 0x038,
	VIRTIO_QUEUE_READY = 0x044,
	VIRTIO_NOTIFY = 0x050,
	VIRTIO_IRQ_STATUS = 0x060,
	VIRTIO_IRQ_ACK = 0x064,
	VIRTIO_STATUS = 0x070,
	VIRTIO_DESC = 0x080,
	VIRTIO_AVAIL = 0x090,
	VIRTIO_USED = 0x0a0,
	VIRTIO_CONFIG = 0x100,
};

enum {
	VIRTIO_BLK = 2,
	VIRTIO_CONSOLE = 3,
	VIRTIO_RNG = 4,
	VIRTIO_BALLOON = 5,
	VIRTIO_MEM = 24
};
enum { STATUS_OK = 0x0f, STATUS_NEEDS_RESET = 0x40 };
enum { DESC_NEXT = 1, DESC_WRITE = 2, DESC_INDIRECT = 4 };

#define RING_SIZE 8

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct ring {
	struct desc desc[RING_SIZE] __attribute__((aligned(16)));
	struct {
		uint16_t flags, index, ring[RING_SIZE], event;
	} avail;
	struct {
		uint16_t flags, index;
		struct {
			uint32_t id, len;
		} ring[RING_SIZE];
		uint16_t event;
	} used __attribute__((aligned(4)));
};

/* Requests of the memory device. Source: section 5.15. */
enum { MEM_PLUG, MEM_UNPLUG, MEM_UNPLUG_ALL, MEM_STATE };
enum { MEM_ACK, MEM_NACK, MEM_BUSY, MEM_ERROR };

struct virtio {
	uint64_t base;
	unsigned queue; /* the one that is used */
	struct ring *ring;
};

/* Finds device number @i of a kind. */
bool virtio_find(struct virtio *dev, unsigned kind, unsigned i);

/* Resets the device and takes it as far as FEATURES_OK: all features of word 0
 * in @features, and version 1. */
void virtio_begin(const struct virtio *dev, uint32_t features);

/* Where the ring is; says that the queue is ready. */
void virtio_place(const struct virtio *dev, uint64_t desc, uint64_t avail,
		  uint64_t used, uint32_t size);

/* A whole ring at @ring, emptied, and DRIVER_OK. */
void virtio_start(struct virtio *dev, struct ring *ring);

/* Makes descriptor 0's chain available and kicks. */
void virtio_offer(const struct virtio *dev, uint16_t head);

/*
 * Waits for a used chain.
 *
 * Returns what the device wrote of it, in bytes, or -1 if it asks for a reset.
 */
int64_t virtio_wait(const struct virtio *dev);

/*
 * Asks a memory device, which is ready, for @count blocks from @address on.
 * Returns the answer's type.
 */
unsigned virtio_mem_ask(const struct virtio *dev, unsigned type,
			uint64_t address, unsigned count);

/* Such a device's configuration. */
struct virtio_mem {
	uint64_t block, addr, plugged, requested;
};
struct virtio_mem virtio_mem_config(const struct virtio *dev);

/* The feature without which it does not work. */
#define VIRTIO_MEM_FEATURES 2

/* Gives the device the time to do what it should not. */
void virtio_linger(const struct virtio *dev);

#endif
