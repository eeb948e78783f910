/*
 * tests/unit/virtq_driver.h - the other side of a virtqueue: a fake driver.
 *
 * Guest memory is two regions that are neighbours to the guest and not in the
 * host, and a ROM behind them. Rings are written by hand, so a test may build
 * what no driver would.
 */
#ifndef TESTS_UNIT_VIRTQ_DRIVER_H
#define TESTS_UNIT_VIRTQ_DRIVER_H

#include <linux/virtio_ring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "devices/device.h"
#include "mem/map.h"

#define RAM_BASE 0x80000000ULL
#define RAM_SIZE 0x100000ULL /* of each region */
#define RAM_BORDER (RAM_BASE + RAM_SIZE) /* where the second begins */
#define RAM_END (RAM_BASE + 2 * RAM_SIZE)
#define ROM_BASE RAM_END /* a page of ROM, then nothing */

struct fake_ram {
	struct mem_map map;
	uint8_t *host[3];
	gpa_t next; /* for ram_alloc() */
};

void ram_init(struct fake_ram *ram);

/* The same, and one region more. */
void ram_init_with(struct fake_ram *ram, const struct mem_region *more);
void ram_finish(struct fake_ram *ram);

/* Host pointer to a guest address that is memory. */
void *ram_at(const struct fake_ram *ram, gpa_t gpa);

/* Fresh zeroed guest memory, in the first region. */
gpa_t ram_alloc(struct fake_ram *ram, size_t len, size_t align);

/* A ring as the driver keeps it. */
struct fake_queue {
	struct fake_ram *ram;
	uint16_t size;
	gpa_t desc, avail, used;
	uint16_t next_avail, next_used;
	uint16_t next_desc;
};

void queue_alloc(struct fake_queue *q, struct fake_ram *ram, uint16_t size);

/* Writes one descriptor into a table. */
void desc_write(const struct fake_ram *ram, gpa_t table, unsigned index,
		struct vring_desc desc);

/* Makes a chain available, without looking at it. */
void queue_offer(struct fake_queue *q, uint16_t head);

/*
 * Builds a chain from buffers in order, the first @readable of them from the
 * driver, and makes it available. Returns its head.
 */
uint16_t queue_send(struct fake_queue *q, const struct range *buf,
		    size_t readable, size_t count);

/* Takes the next used entry. Returns false if there is none. */
bool queue_take(struct fake_queue *q, uint32_t *id, uint32_t *len);

/* The ring's 16-bit words, host byte order. */
uint16_t queue_word(const struct fake_queue *q, gpa_t at);
void queue_set_word(struct fake_queue *q, gpa_t at, uint16_t val);

/* Counts what a device does to its interrupt pin. */
struct fake_irq {
	unsigned count; /* of interrupts, were it an edge line */
	bool level; /* were it a level line */
};
struct irq_line fake_irq_line(struct fake_irq *irq);

/* Registers of a virtio-mmio device, as a vCPU reaches them. */
uint32_t mmio_read(struct device *dev, uint64_t offset);
void mmio_write(struct device *dev, uint64_t offset, uint32_t val);

/*
 * Brings a device up to FEATURES_OK: accepts what it offers of @features, and
 * version 1. Returns what was accepted.
 */
uint64_t mmio_begin(struct device *dev, uint64_t features);

/* Places a queue and makes it ready. */
void mmio_queue(struct device *dev, unsigned index, const struct fake_queue *q);

/* Sets DRIVER_OK. */
void mmio_go(struct device *dev);

/* What the loop does when the queue's eventfd was signalled. */
struct virtio;
void loop_kick(struct virtio *vio, unsigned queue);

#endif
