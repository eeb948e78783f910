/* devices/devices.c - all devices of a machine, whatever bus they are on. */
#include "devices/devices.h"

#include <errno.h>

#include "base/cleanup.h"

int devices_add(struct devices *devices, struct device *dev, struct err *err)
{
	const char *name = dev->ops->name;

	if (devices->count == DEVICES_MAX) {
		dev->ops->destroy(dev);
		return err_set(err, -ENOSPC,
			       "%s: a machine has at most %d devices", name,
			       DEVICES_MAX);
	}
	devices->dev[devices->count++] = dev;
	return 0;
}

void devices_reset(struct devices *devices)
{
	for (size_t i = 0; i < devices->count; i++) {
		struct device *dev = devices->dev[i];

		GUARD(dev->lock);
		dev->ops->reset(dev);
	}
}

bool devices_are_busy(const struct devices *devices)
{
	for (size_t i = 0; i < devices->count; i++)
		if (device_is_busy(devices->dev[i]))
			return true;
	return false;
}

void devices_listen(struct devices *devices, void (*settled)(void *ctx),
		    void *ctx)
{
	for (size_t i = 0; i < devices->count; i++) {
		/* Read on the loop's thread alone, so there is no lock. */
		devices->dev[i]->settled = settled;
		devices->dev[i]->settled_ctx = ctx;
	}
}

void devices_pause(struct devices *devices)
{
	for (size_t i = 0; i < devices->count; i++) {
		struct device *dev = devices->dev[i];

		GUARD(dev->lock);
		if (dev->ops->pause)
			dev->ops->pause(dev);
	}
}

void devices_resume(struct devices *devices)
{
	for (size_t i = 0; i < devices->count; i++) {
		struct device *dev = devices->dev[i];

		GUARD(dev->lock);
		if (dev->ops->resume)
			dev->ops->resume(dev);
	}
}

void devices_finish(struct devices *devices)
{
	while (devices->count > 0) {
		struct device *dev = devices->dev[--devices->count];

		dev->ops->destroy(dev);
	}
}
