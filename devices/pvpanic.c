/* devices/pvpanic.c - lets the guest report that it has panicked. */
#include "devices/pvpanic.h"

#include <stdlib.h>

#include "base/cleanup.h"

struct pvpanic {
	struct device dev;
	void (*event)(void *ctx, unsigned events);
	void *ctx; /* borrowed */
};

static uint64_t pvpanic_read(struct device *dev, uint64_t offset, unsigned size)
{
	(void)dev;
	(void)size;
	return offset == 0 ? PVPANIC_EVENTS : 0;
}

static void pvpanic_write(struct device *dev, uint64_t offset, unsigned size,
			  uint64_t val)
{
	const struct pvpanic *p = container_of(dev, struct pvpanic, dev);
	const unsigned events = (unsigned)val & PVPANIC_EVENTS;

	(void)size;
	if (offset == 0 && events != 0)
		p->event(p->ctx, events);
}

static void pvpanic_reset(struct device *dev)
{
	(void)dev; /* it remembers nothing */
}

static void pvpanic_destroy(struct device *dev)
{
	device_finish(dev);
	free(container_of(dev, struct pvpanic, dev));
}

static void pvpanic_save(struct device *dev, struct state *state)
{
	device_save_nothing(dev, state);
}

static int pvpanic_load(struct device *dev, struct state_records *from,
			struct err *err)
{
	return device_load_nothing(dev, from, err);
}

static const struct device_ops pvpanic_ops = {
	.name = "pvpanic",
	.sizes = 1 | 2,
	DEVICE_OPS(pvpanic),
};

struct device *pvpanic_new(void (*event)(void *ctx, unsigned events), void *ctx)
{
	struct pvpanic *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	device_init(&p->dev, &pvpanic_ops);
	p->event = event;
	p->ctx = ctx;
	return &p->dev;
}
