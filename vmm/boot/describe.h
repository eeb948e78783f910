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

/* What /chosen says. All is borrowed. */
struct describe_chosen {
	const char *cmdline; /* verbatim */
	const char *console; /* path of its node; NULL: not told */
	struct range initrd; /* of size 0: none */
	const uint8_t *seed; /* DESCRIBE_SEED random bytes */
};

void describe_chosen(struct fdt *t, const struct describe_chosen *chosen);

/* A node for each of @count regions of RAM. */
void describe_memory(struct fdt *t, const struct range *ram, size_t count);

enum describe_trigger { DESCRIBE_EDGE, DESCRIBE_LEVEL };

/* What a board says of its interrupts. */
struct describe_irqs {
	/* Writes the "interrupts" of a device that has @pin. */
	void (*interrupts)(struct fdt *t, unsigned pin,
			   enum describe_trigger trigger);
	enum describe_trigger virtio; /* how a virtio-mmio window's pin is wired
				       */
};

/*
 * A node for each device on the bus that has a compatible string, in the order
 * in which they were attached, so that the guest's first disk is the user's
 * first.
 */
void describe_devices(struct fdt *t, const struct bus *bus,
		      const struct describe_irqs *irqs);

/* Bytes that the three of them take at most. */
size_t describe_space(const char *cmdline, size_t rams, const struct bus *bus);

#endif
