/*
 * devices/vmgenid.h - tells a guest that it is another one from now on.
 *
 * A guest that goes on from a snapshot is a copy: another guest may go on from
 * the same one, with the same seeds in it. 16 random bytes of memory are the
 * guest's generation. They change when it was copied, and an interrupt says so;
 * Linux then reseeds its random numbers. The device has no registers, and so no
 * state but those bytes, which are guest memory.
 *
 * Source: Linux, Documentation/devicetree/bindings/rng/microsoft,vmgenid.yaml;
 * Microsoft, Virtual Machine Generation ID.
 */
#ifndef DEVICES_VMGENID_H
#define DEVICES_VMGENID_H

#include "base/err.h"
#include "devices/device.h"
#include "mem/map.h"

#define VMGENID_SIZE 16
#define VMGENID_COMPATIBLE "microsoft,vmgenid"

/* Zeroed, the machine has none. */
struct vmgenid {
	const struct mem_map *mem; /* borrowed */
	gpa_t at; /* VMGENID_SIZE bytes that the guest may read and write */
	struct irq_line irq; /* the guest takes it by its rising edge */
};

/*
 * Gives the guest a new generation, and interrupts it. A machine without a
 * generation is left as it is.
 *
 * Returns 0, or the errno of getrandom(2). Thread: setup, or the loop's; no
 * vCPU runs.
 */
int vmgenid_renew(const struct vmgenid *vmgenid, struct err *err);

#endif
