/*
 * vmm/irq.h - interrupt pins between devices and the VM of the moment.
 *
 * Devices are given `struct irq_line`s of an irq_chip once, when they are made.
 * A chip is connected to a VM while that runs: edge pins are eventfds handed to
 * KVM as irqfds where the architecture has them; level pins are set by
 * arch_irq_set(). An interrupt raised while no VM is connected is lost, as
 * devices are reset before the next one runs.
 */
#ifndef VMM_IRQ_H
#define VMM_IRQ_H

#include "base/err.h"
#include "devices/device.h"

#define IRQ_MAX_EDGE 64

struct vm;

struct irq_edge {
	unsigned pin;
	int fd; /* eventfd, owned */
};

struct irq_chip {
	struct vm *vm; /* borrowed; NULL: not connected. Set while no vCPU and
			  no loop callback runs */
	struct irq_edge edge[IRQ_MAX_EDGE]; /* fixed before the vCPUs run */
	unsigned edges;
};

/* A line that is set and cleared. @pin: the architecture's number. */
struct irq_line irq_level_line(struct irq_chip *chip, unsigned pin);

/* A line where each set is an interrupt. Returns 0, -EMFILE, or -ENOSPC. */
int irq_edge_line(struct irq_chip *chip, unsigned pin, struct irq_line *ret,
		  struct err *err);

/* Hands every edge pin to KVM. Returns 0, or KVM_IRQFD's errno. */
int irq_connect(struct irq_chip *chip, struct vm *vm, struct err *err);
void irq_disconnect(struct irq_chip *chip);

void irq_finish(struct irq_chip *chip);

#endif
