/*
 * devices/devices.h - all devices of a machine, whatever bus they are on.
 *
 * A device is here once, however many windows it has on a bus, or none. They
 * stand in the order in which they were made, which the configuration gives.
 */
#ifndef DEVICES_DEVICES_H
#define DEVICES_DEVICES_H

#include <stddef.h>

#include "base/err.h"
#include "devices/device.h"

#define DEVICES_MAX 128

/* Zeroed, it has none. */
struct devices {
	struct device *dev[DEVICES_MAX]; /* owned */
	size_t count;
};

/*
 * Adds a device.
 *
 * @dev: owned by @devices from then on, failure included: then it is destroyed
 *       at once
 *
 * Returns 0, or -ENOSPC with @err set if there are DEVICES_MAX.
 * Thread: setup only.
 */
int devices_add(struct devices *devices, struct device *dev, struct err *err);

/* Resets every device, in the order added. A device whose host did not answer
 * is still busy on return. Thread: loop; vCPUs stopped. */
void devices_reset(struct devices *devices);

/* True if a device is busy. Thread: loop or setup. */
bool devices_are_busy(const struct devices *devices);

/*
 * Has @settled called whenever a device is not busy any more, with that
 * device's lock held; NULL: no more. Thread: loop or setup; no vCPU runs.
 */
void devices_listen(struct devices *devices, void (*settled)(void *ctx),
		    void *ctx);

/* Makes every device quiet, or lets it go on. Thread: loop; vCPUs parked. */
void devices_pause(struct devices *devices);
void devices_resume(struct devices *devices);

/* Destroys every device, last added first, and leaves none. No bus has one of
 * them any more, or routes to it. */
void devices_finish(struct devices *devices);

#endif
