/*
 * vmm/boot/describe.h - what device trees of all architectures say alike.
 * [pure]
 *
 * A board writes its tree from the top: these are the nodes that it need not
 * write itself. An architecture whose guests take no tree uses none of it.
 *
 * Source: Devicetree Specification 0.4, 3.4 (memory), 3.6 (chosen); Linux,
 * Documentation/devicetree/bindings of each device.
 */
#ifndef VMM_BOOT_DESCRIBE_H
#define VMM_BOOT_DESCRIBE_H

#include <stddef.h>
#include <stdint.h>

#include "base/fdt.h"
#include "base/range.h"
#include "devices/bus.h"

#define DESCRIBE_SEED 40 /* of kaslr-seed and rng-seed, in bytes */

/* Contents of /chosen. All is borrowed. */
struct describe_chosen {
	const char *cmdline; /* verbatim */
	const char *console; /* path of its node; NULL: not told */
	struct range initrd; /* of size 0: none */
	const uint8_t *seed; /* DESCRIBE_SEED bytes: kaslr-seed's 8, big-endian,
				then rng-seed's */
};

/*
 * Draws the random bytes of a tree. @kaslr: the first 8 of them, instead; NULL:
 * they are random, too. Returns 0, or getrandom()'s errno.
 */
int describe_seed(uint8_t seed[DESCRIBE_SEED], const uint64_t *kaslr,
		  struct err *err);

/*
 * Adds /chosen, with the path of the console as its last property.
 *
 * EDK2 2022.11 looks for the end of that path in the 58 bytes from its
 * start on, by a byte that is equal to its length (ScanMem8() with swapped
 * arguments, docs/DEVICES.md). A board that EDK2 starts on has /chosen as its
 * last node, so that names of properties follow, which have no such byte.
 */
void describe_chosen(struct fdt *t, const struct describe_chosen *chosen);

/* A node for each of @count regions of RAM. */
void describe_memory(struct fdt *t, const struct range *ram, size_t count);

enum describe_trigger { DESCRIBE_EDGE, DESCRIBE_LEVEL };

/* Writes the node of a clock of a fixed rate. Returns its phandle. */
uint32_t describe_clock(struct fdt *t, const char *node, uint32_t hz);

/* How a board wires its devices: interrupts and clocks. */
struct describe_wires {
	/* Writes the "interrupts" of a device that has @pin. */
	void (*interrupts)(struct fdt *t, unsigned pin,
			   enum describe_trigger trigger);
	/* How a virtio-mmio window's pin is wired. */
	enum describe_trigger virtio;
	/* Phandle of the clock of Arm's peripheral bus; 0: the board has no
	 * device on such a bus. */
	uint32_t bus_clock;
};

/*
 * A node for each device on the bus that has a compatible string, in the order
 * in which they were attached, so that the guest's first disk is the user's
 * first.
 */
void describe_devices(struct fdt *t, const struct bus *bus,
		      const struct describe_wires *wires);

/* Bytes that the three of them take at most. */
size_t describe_space(const char *cmdline, size_t rams, const struct bus *bus);

#endif
