/*
 * arch/mips/board.h - which interrupt is whose, and the machine's device tree.
 * [pure]
 *
 * Source: Devicetree Specification 0.4; Linux, Documentation/devicetree/
 * bindings: mips/cpus.yaml, mips/cpu_irq.txt, clock/fixed-clock.yaml,
 * interrupt-controller/google,goldfish-pic.txt, power/reset/syscon-*.yaml.
 */
#ifndef ARCH_MIPS_BOARD_H
#define ARCH_MIPS_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/range.h"
#include "devices/bus.h"
#include "vmm/boot/describe.h"
#include "vmm/machine/ram_layout.h"

/* Inputs of the goldfish-pic. */
enum {
	MIPS_PIN_UART = 4,
	MIPS_PIN_VIRTIO = 5, /* the first transport's; then one after other */
	MIPS_PINS = 32,
};

/* Windows of virtio devices that have a pin each. */
#define MIPS_MAX_VIRTIO (MIPS_PINS - MIPS_PIN_VIRTIO)

#define MIPS_CPU_LINE 2 /* of the CPU: the goldfish-pic's output */
#define MIPS_MAX_CPUS 8

/* Contents of the device tree. All is borrowed. */
struct mips_board {
	const struct ram_layout *ram;
	const struct bus *mmio;
	unsigned cpus;
	uint32_t count_hz; /* of CP0 Count */
	bool serial; /* the serial port is the console */
	const char *cmdline; /* verbatim */
	struct range initrd; /* of size 0: none */
	uint8_t seed[DESCRIBE_SEED]; /* random bytes */
};

/* Returns how many bytes the tree needs at most, a multiple of 4 KiB. @initrd
 * and @seed may be unset still. */
size_t mips_describe_space(const struct mips_board *board);

/* Writes the tree. Returns 0, or what fdt_done() returns. Thread: any. */
int mips_describe(const struct mips_board *board, void *buf, size_t size,
		  struct err *err);

#endif
