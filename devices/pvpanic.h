/*
 * devices/pvpanic.h - lets the guest report that it has panicked.
 *
 * One byte at offset 0: reading it gives the events that are known here,
 * writing one reports it. The rest of the window reads as zeroes.
 *
 * Source: QEMU docs/specs/pvpanic; Linux include/uapi/misc/pvpanic.h and
 * Documentation/devicetree/bindings/misc/pvpanic-mmio.txt.
 */
#ifndef DEVICES_PVPANIC_H
#define DEVICES_PVPANIC_H

#include "devices/device.h"

#define PVPANIC_SIZE 2 /* of the window, in bytes */

enum {
	PVPANIC_PANICKED = 1, /* and waits for what we do about it */
	PVPANIC_CRASH_LOADED = 2, /* and saves its own dump now: let it run */
	PVPANIC_SHUTDOWN = 4, /* an ordinary end; the guest goes on with it */
	PVPANIC_EVENTS = 7,
};

/*
 * @event: told of what the guest reports, as one or more of PVPANIC_*: as
 *         often as the guest likes. Called on a vCPU's thread with the
 *         device's lock held, so it must not block.
 *
 * Device tree: "qemu,pvpanic-mmio". Returns NULL when out of memory.
 */
struct device *pvpanic_new(void (*event)(void *ctx, unsigned events),
			   void *ctx);

#endif
