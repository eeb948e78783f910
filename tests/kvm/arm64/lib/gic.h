/* tests/kvm/arm64/lib/gic.h - the interrupt controller, version 2 or 3. */
#ifndef TESTS_KVM_ARM64_LIB_GIC_H
#define TESTS_KVM_ARM64_LIB_GIC_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/kvm/arm64/lib/dt.h"

#define GIC_SPURIOUS 1023

unsigned gic_version(void); /* 2 or 3; the test fails if there is none */

/* Finds it and turns on its common part. */
void gic_setup(void);

/* Turns on this CPU's part. */
void gic_setup_cpu(void);

/* Lets an interrupt through to this CPU. */
void gic_enable(unsigned intid);

/* The same for interrupt @i of a node, edge or level as the node says. Returns
 * its number. */
unsigned gic_enable_for(const struct dt_node *node, unsigned i);
void gic_disable(unsigned intid);

/* Waits to be taken, by this CPU if it is private. */
bool gic_pending(unsigned intid);

/* Sends interrupt @intid, below 16, to a CPU. */
void gic_send(unsigned cpu, unsigned intid);

/* Takes the first pending interrupt. What it returns ends it, and holds the
 * number: GIC_SPURIOUS if there was none. */
uint32_t gic_ack(void);
unsigned gic_intid(uint32_t ack);
void gic_end(uint32_t ack);

/* Waits until this CPU has taken @count interrupts since it began. */
void irq_wait(unsigned count);

#endif
