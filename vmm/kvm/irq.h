/*
 * vmm/kvm/irq.h - connects a machine's interrupt pins to a VM.
 *
 * Edge pins are eventfds handed to KVM as irqfds where the architecture has
 * them; level pins are set by arch_irq_set().
 */
#ifndef VMM_KVM_IRQ_H
#define VMM_KVM_IRQ_H

#include "base/err.h"

struct irq_chip;
struct vm;

/* One VM's. All is borrowed. */
struct irq_route {
	struct irq_chip *chip;
	struct vm *vm; /* for the architecture */
	int fd; /* of the VM */
};

/*
 * Hands every edge pin to KVM, and tells it of level pins that are set. Edges
 * signalled while there was no VM arrive now. Returns 0, what arch_irqfd_gsi()
 * returns, or KVM_IRQFD's errno.
 */
int irq_connect(const struct irq_route *route, struct err *err);

/*
 * Waits until all that was signalled on edge pins has arrived in the VM, to
 * which KVM passes it on by a thread of its own. The devices are quiet. Returns
 * 0, or as irq_connect(): then the VM is of no use, as some pins have been
 * taken from it.
 */
int irq_settle(const struct irq_route *route, struct err *err);

#endif
