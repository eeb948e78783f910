/* devices/syscon.c - turns a guest's machine off, and starts its CPUs. */
#include "devices/syscon.h"

#include <stdlib.h>

#include "base/cleanup.h"

struct syscon {
	struct device dev;
	const struct syscon_ops *ops; /* borrowed */
	void *ctx; /* borrowed */
};

static uint64_t syscon_read(struct device *dev, uint64_t offset, unsigned size)
{
	(void)dev;
	(void)offset;
	(void)size;
	return 0;
}

static void set_power(const struct syscon *sys, uint32_t val)
{
	switch (val) {
	case SYSCON_POWEROFF:
		sys->ops->poweroff(sys->ctx);
		break;
	case SYSCON_RESET:
		sys->ops->reset(sys->ctx);
		break;
	}
}

static void syscon_write(struct device *dev, uint64_t offset, unsigned size,
			 uint64_t val)
{
	const struct syscon *sys = container_of(dev, struct syscon, dev);

	(void)size;
	if (offset == SYSCON_POWER)
		set_power(sys, (uint32_t)val);
	else if (offset > SYSCON_CPU)
		sys->ops->start(sys->ctx, (unsigned)(offset - SYSCON_CPU) / 4,
				(uint32_t)val);
}

static void syscon_reset(struct device *dev)
{
	(void)dev; /* it remembers nothing */
}

static void syscon_destroy(struct device *dev)
{
	device_finish(dev);
	free(container_of(dev, struct syscon, dev));
}

static void syscon_save(struct device *dev, struct state *state)
{
	device_save_nothing(dev, state);
}

static int syscon_load(struct device *dev, struct state_records *from,
		       struct err *err)
{
	return device_load_nothing(dev, from, err);
}

static const struct device_ops syscon_ops = {
	.name = "syscon",
	.sizes = 4,
	DEVICE_OPS(syscon),
};

struct device *syscon_new(const struct syscon_ops *ops, void *ctx)
{
	struct syscon *sys = calloc(1, sizeof(*sys));

	if (!sys)
		return NULL;
	device_init(&sys->dev, &syscon_ops);
	sys->ops = ops;
	sys->ctx = ctx;
	return &sys->dev;
}
