/*
 * vmm/machine/irq_chip.h - the interrupt pins that a machine's devices drive.
 *
 * Devices are given `struct irq_line`s of a chip once, when they are made. A VM
 * is connected to the chip while it exists (vmm/kvm/irq.h). An interrupt raised
 * while there is none is the next VM's, unless the devices are reset before
 * that.
 */
#ifndef VMM_MACHINE_IRQ_CHIP_H
#define VMM_MACHINE_IRQ_CHIP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "devices/device.h"

#define IRQ_MAX_PIN 256

struct irq_edge {
	unsigned pin;
	int fd; /* eventfd, owned */
};

struct irq_chip {
	/* Sets a level pin of the VM; NULL: there is none. Both are set while
	 * no vCPU and no loop callback runs. */
	void (*set)(void *ctx, unsigned pin, bool level);
	void *ctx;
	struct irq_edge *edge; /* owned; fixed before the vCPUs run */
	size_t edges;
	bool high[IRQ_MAX_PIN]; /* level pins; each under its device's lock */
};

/* A line that is set and cleared. @pin: the architecture's number, below
 * IRQ_MAX_PIN. */
struct irq_line irq_level_line(struct irq_chip *chip, unsigned pin);

/*
 * A line where each set is an interrupt, for an architecture with irqfds.
 * Returns 0, -ENOMEM, or eventfd()'s errno. Thread: setup.
 */
int irq_edge_line(struct irq_chip *chip, unsigned pin, struct irq_line *ret,
		  struct err *err);

/* Connects level pins to a VM, and tells it of those that are high. */
void irq_chip_connect(struct irq_chip *chip,
		      void (*set)(void *ctx, unsigned pin, bool level),
		      void *ctx);
void irq_chip_disconnect(struct irq_chip *chip);

/* Forgets what was signalled and no VM was told. All devices were reset. */
void irq_forget(struct irq_chip *chip);

/* True if a level pin is set. @pin: any. The VM is paused. */
bool irq_is_high(const struct irq_chip *chip, unsigned pin);

void irq_finish(struct irq_chip *chip);

#endif
