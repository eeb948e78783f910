/*
 * tests/kvm/mips/soon.c - an interrupt that a device raises while the CPU runs
 * without ever leaving the guest.
 *
 * A driver for virtio-rng of one buffer at a time. Nothing in the loops that
 * wait makes the CPU exit, so only a signal brings the interrupt in.
 */
#include "tests/kvm/mips/lib/guest.h"

#define ROUNDS 200

enum { /* Source: VIRTIO 1.2, 4.2.2 and 2.1 */
       DEVICE_ID = 0x8,
       DRIVER_FEATURES = 0x20,
       DRIVER_FEATURES_SEL = 0x24,
       QUEUE_SEL = 0x30,
       QUEUE_NUM = 0x38,
       QUEUE_READY = 0x44,
       QUEUE_NOTIFY = 0x50,
       INTERRUPT_STATUS = 0x60,
       INTERRUPT_ACK = 0x64,
       DEVICE_STATUS = 0x70,
       QUEUE_DESC = 0x80,
       QUEUE_DRIVER = 0x90,
       QUEUE_DEVICE = 0xa0,
};

static volatile struct {
	struct {
		uint64_t addr;
		uint32_t len;
		uint16_t flags, next;
	} desc[2] __attribute__((aligned(16)));
	struct {
		uint16_t flags, index, ring[2];
	} avail __attribute__((aligned(4)));
	struct {
		uint16_t flags, index;
		struct {
			uint32_t id, len;
		} ring[2];
	} used __attribute__((aligned(4)));
} queue;

static volatile uint8_t buffer[16];
static volatile unsigned taken;

static uint32_t physical(const volatile void *at)
{
	return (uint32_t)at - KSEG0(0);
}

static void on_virtio(uint32_t cause)
{
	CHECK(cause & CAUSE_IP2);
	CHECK_EQ(read32(PIC + PIC_PENDING), 1 << PIN_VIRTIO);
	CHECK_EQ(read32(VIRTIO + INTERRUPT_STATUS), 1);
	write32(VIRTIO + INTERRUPT_ACK, 1);
	CHECK_EQ(read32(PIC + PIC_PENDING), 0);
	taken++;
}

static void begin(void)
{
	CHECK_EQ(read32(VIRTIO + DEVICE_ID), 4);
	write32(VIRTIO + DEVICE_STATUS, 0);
	write32(VIRTIO + DEVICE_STATUS, 1 | 2);
	write32(VIRTIO + DRIVER_FEATURES_SEL, 1);
	write32(VIRTIO + DRIVER_FEATURES, 1); /* VERSION_1 */
	write32(VIRTIO + DEVICE_STATUS, 1 | 2 | 8);
	write32(VIRTIO + QUEUE_SEL, 0);
	write32(VIRTIO + QUEUE_NUM, 2);
	write32(VIRTIO + QUEUE_DESC, physical(queue.desc));
	write32(VIRTIO + QUEUE_DRIVER, physical(&queue.avail));
	write32(VIRTIO + QUEUE_DEVICE, physical(&queue.used));
	write32(VIRTIO + QUEUE_READY, 1);
	write32(VIRTIO + DEVICE_STATUS, 1 | 2 | 4 | 8);
	queue.desc[0].addr = physical(buffer);
	queue.desc[0].len = sizeof(buffer);
	queue.desc[0].flags = 2; /* the device writes it */
}

int main(void)
{
	begin();
	on_irq = on_virtio;
	write32(PIC + PIC_ENABLE, 1 << PIN_VIRTIO);
	irq_unmask(STATUS_IM2);
	for (unsigned i = 1; i <= ROUNDS; i++) {
		queue.avail.index = (uint16_t)i;
		__asm__ volatile("sync" ::: "memory");
		write32(VIRTIO + QUEUE_NOTIFY, 0);
		while (taken < i)
			if (i % 2)
				wait_for_interrupt();
		CHECK_EQ(queue.used.index, i);
	}
	CHECK_EQ(taken, ROUNDS);
	return 0;
}
