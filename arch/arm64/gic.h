/*
 * arch/arm64/gic.h - the interrupt controller, which KVM models.
 *
 * Source: Linux, Documentation/virt/kvm/devices/arm-vgic.rst, arm-vgic-v3.rst,
 * arm-vgic-its.rst.
 */
#ifndef ARCH_ARM64_GIC_H
#define ARCH_ARM64_GIC_H

#include <stdint.h>

#include "arch/arm64/options.h"
#include "base/err.h"

struct state;
struct state_view;
struct vm;

struct gic {
	enum arm64_irqchip kind; /* what it is: never ARM64_GIC_AUTO */
	int fd; /* owned */
	int its_fd; /* owned; -1: there is none */
	uint32_t irqs; /* how many it has, of all kinds */
};

/* Which controllers KVM can make for a VM, in words; NULL: none. */
const char *gic_offers(int vm_fd);

/*
 * Makes the controller that --irqchip asks for. `auto` is a GICv3 if the host
 * has it, else a GICv2; no ITS, for no device here sends messages and a guest
 * would spend a million instructions on it.
 *
 * @vm: all its vCPUs exist and are initialised
 *
 * Returns 0; -ENODEV with @err saying what this host offers instead; or the
 * errno of what KVM refused. Thread: setup.
 */
int gic_init(struct gic *gic, struct vm *vm, struct err *err);
void gic_finish(struct gic *gic);

/*
 * Adds sections with all that it holds to a state, and loads it into one that
 * is new. KVM writes the ITS's tables and which LPIs are pending to guest
 * memory in a save, and reads them there in a load.
 *
 * One thing KVM does not tell: which CPU sent an SGI that a GICv2's guest is in
 * the middle of handling.
 *
 * As arch_vm_save() and arch_vm_load().
 */
int gic_save(const struct gic *gic, const struct vm *vm, struct state *state,
	     struct err *err);
int gic_load(const struct gic *gic, const struct vm *vm,
	     struct state_view *view, struct err *err);

#endif
