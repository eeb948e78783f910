/*
 * arch/arm64/board.h - which interrupt is whose, and the machine's device
 * tree. [pure]
 *
 * Source: Devicetree Specification 0.4; Linux, Documentation/devicetree/
 * bindings: arm/cpus.yaml, arm/psci.yaml, arm/pmu.yaml, timer/
 * arm,arch_timer.yaml, interrupt-controller/arm,gic.yaml and arm,gic-v3.yaml,
 * and those of the devices.
 */
#ifndef ARCH_ARM64_BOARD_H
#define ARCH_ARM64_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/arm64/layout.h"
#include "arch/arm64/options.h"
#include "base/err.h"
#include "devices/bus.h"
#include "vmm/boot/describe.h"

/* A private interrupt n has INTID 16 + n, a shared one (a pin) 32 + n. */
#define ARM64_PPI(n) (16u + (n))
#define ARM64_SPI(n) (32u + (n))

enum {
	ARM64_PPI_PMU = 7,
	ARM64_PPI_TIMER_VIRT = 11, /* Source: Arm BSA 1.0, 6.3 (as INTIDs) */
	ARM64_PPI_TIMER_PHYS = 14,
	ARM64_PIN_UART = 0,
	ARM64_PIN_GENERATION = 1,
	ARM64_PIN_VIRTIO = 2, /* the first transport's; then one after other */
};

#define ARM64_DTB_MAX (2ULL << 20) /* Source: Linux, arch/arm64/booting.rst */

/* Contents of the device tree. All is borrowed. */
struct arm64_board {
	const struct arm64_layout *layout;
	const struct bus *mmio;
	enum arm64_irqchip gic; /* the one there is: not ARM64_GIC_AUTO */
	unsigned cpus;
	const uint64_t *mpidr; /* of each vCPU */
	bool pmu;
	bool serial; /* the serial port is the console */
	const char *cmdline; /* verbatim */
	struct range initrd; /* of size 0: none */
	uint8_t seed[DESCRIBE_SEED]; /* random bytes */
};

/*
 * Returns how many bytes the tree needs at most, a multiple of 4 KiB. @gic,
 * @mpidr, @initrd and @seed may be unset still.
 */
size_t arm64_describe_space(const struct arm64_board *board);

/*
 * Writes the tree. A device on the bus has a node if it has a compatible
 * string; nodes are in the order in which the devices were attached, so that
 * the guest's first disk is the user's first.
 *
 * Returns 0, or what fdt_done() returns. Thread: any.
 */
int arm64_describe(const struct arm64_board *board, void *buf, size_t size,
		   struct err *err);

#endif
