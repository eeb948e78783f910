/*
 * vmm/kvm/irq.h - interrupt pins between devices and the VM of the moment.
 *
 * Devices are given `struct irq_line`s of an irq_chip once, when they are made.
 * A chip is connected to a VM while that runs: edge pins are eventfds handed to
 * KVM as irqfds where the architecture has them; level pins are set by
 * arch_irq_set(). An interrupt raised while no VM is connected is the next
 * one's, unless the devices are reset before that.
 */
#ifndef VMM_KVM_IRQ_H
#define VMM_KVM_IRQ_H

#include <stdbool.h>

#include "base/err.h"
#include "devices/device.h"

#define IRQ_MAX_EDGE 64

struct vm;

struct irq_edge {
	unsigned pin;
	int fd; /* eventfd, owned */
};

#define IRQ_MAX_PIN 256

struct irq_chip {
	struct vm *vm; /* borrowed; NULL: not connected. Set while no vCPU and
			  no loop callback runs */
	struct irq_edge edge[IRQ_MAX_EDGE]; /* fixed before the vCPUs run */
	unsigned edges;
	bool high[IRQ_MAX_PIN]; /* level pins; each under its device's lock */
};

/* A line that is set and cleared. @pin: the architecture's number, below
 * IRQ_MAX_PIN. */
struct irq_line irq_level_line(struct irq_chip *chip, unsigned pin);

/* A line where each set is an interrupt; for an architecture with irqfds.
 * Returns 0, -EMFILE, or -ENOSPC. */
int irq_edge_line(struct irq_chip *chip, unsigned pin, struct irq_line *ret,
		  struct err *err);

/*
 * Hands every edge pin to KVM, and tells it of level pins that are set. What
 * was signalled on an edge pin while there was no VM arrives now. Returns 0, or
 * KVM_IRQFD's errno.
 */
int irq_connect(struct irq_chip *chip, struct vm *vm, struct err *err);

void irq_disconnect(struct irq_chip *chip);

/*
 * Waits until all that was signalled on edge pins has arrived in the VM, to
 * which KVM passes it on by a thread of its own. The devices are quiet. Returns
 * 0, or KVM_IRQFD's errno: then the VM is of no use, as some pins have been
 * taken from it.
 */
int irq_settle(struct irq_chip *chip, struct err *err);

/* Forgets what was signalled and no VM was told. All devices were reset. */
void irq_forget(struct irq_chip *chip);

/* True if a level pin is set. @pin: any. The VM is paused. */
bool irq_is_high(const struct irq_chip *chip, unsigned pin);

void irq_finish(struct irq_chip *chip);

#endif
