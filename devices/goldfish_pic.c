/* devices/goldfish_pic.c - an interrupt controller of 32 level inputs. */
#include "devices/goldfish_pic.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/state_field.h"

enum {
	COUNT = 0x00,
	PENDING = 0x04,
	DISABLE_ALL = 0x08,
	DISABLE = 0x0c,
	ENABLE = 0x10,
};

struct goldfish_pic {
	struct device dev;
	uint32_t inputs; /* atomic */
	uint32_t enabled; /* atomic; written under the device's lock */
	void (*changed)(void *ctx);
	void *ctx; /* borrowed */
};

static uint32_t pending_irqs(const struct goldfish_pic *pic)
{
	return __atomic_load_n(&pic->inputs, __ATOMIC_SEQ_CST) &
	       __atomic_load_n(&pic->enabled, __ATOMIC_SEQ_CST);
}

bool goldfish_pic_output(struct device *dev)
{
	return pending_irqs(container_of(dev, struct goldfish_pic, dev)) != 0;
}

bool goldfish_pic_set(struct device *dev, unsigned input, bool level)
{
	struct goldfish_pic *pic = container_of(dev, struct goldfish_pic, dev);
	const uint32_t bit = UINT32_C(1) << input;

	if (level)
		(void)__atomic_fetch_or(&pic->inputs, bit, __ATOMIC_SEQ_CST);
	else
		(void)__atomic_fetch_and(&pic->inputs, ~bit, __ATOMIC_SEQ_CST);
	return level && (pending_irqs(pic) & bit);
}

static uint64_t goldfish_pic_read(struct device *dev, uint64_t offset,
				  unsigned size)
{
	const struct goldfish_pic *pic = container_of(dev, struct goldfish_pic,
						      dev);

	(void)size;
	switch (offset) {
	case COUNT:
		return (unsigned)__builtin_popcount(pending_irqs(pic));
	case PENDING:
		return pending_irqs(pic);
	default:
		return 0;
	}
}

static void goldfish_pic_write(struct device *dev, uint64_t offset,
			       unsigned size, uint64_t val)
{
	struct goldfish_pic *pic = container_of(dev, struct goldfish_pic, dev);
	const uint32_t was = pic->enabled;
	uint32_t enabled = was;

	(void)size;
	switch (offset) {
	case DISABLE_ALL:
		enabled = 0;
		break;
	case DISABLE:
		enabled &= ~(uint32_t)val;
		break;
	case ENABLE:
		enabled |= (uint32_t)val;
		break;
	}
	__atomic_store_n(&pic->enabled, enabled, __ATOMIC_SEQ_CST);
	/*
	 * A thread that sets an input from now on sees the new value and
	 * reports it.
	 */
	if ((was ^ enabled) & __atomic_load_n(&pic->inputs, __ATOMIC_SEQ_CST))
		pic->changed(pic->ctx);
}

static void goldfish_pic_reset(struct device *dev)
{
	struct goldfish_pic *pic = container_of(dev, struct goldfish_pic, dev);

	__atomic_store_n(&pic->inputs, 0, __ATOMIC_SEQ_CST);
	__atomic_store_n(&pic->enabled, 0, __ATOMIC_SEQ_CST);
}

static void goldfish_pic_destroy(struct device *dev)
{
	device_finish(dev);
	free(container_of(dev, struct goldfish_pic, dev));
}

/*
 * The inputs are not saved: each device sets its own lines when it is loaded.
 */
static const struct state_field goldfish_pic_fields[] = {
	STATE_FIELD(1, struct goldfish_pic, enabled, UINT32_MAX),
};

static void goldfish_pic_save(struct device *dev, struct state *state)
{
	state_put_fields(state, container_of(dev, struct goldfish_pic, dev),
			 goldfish_pic_fields, STATE_COUNT(goldfish_pic_fields));
}

static int goldfish_pic_load(struct device *dev, struct state_records *from,
			     struct err *err)
{
	struct goldfish_pic *pic = container_of(dev, struct goldfish_pic, dev);

	return state_get_fields(from, pic, goldfish_pic_fields,
				STATE_COUNT(goldfish_pic_fields), err);
}

static const struct device_ops goldfish_pic_ops = {
	.name = "goldfish-pic",
	.sizes = 4,
	DEVICE_OPS(goldfish_pic),
};

struct device *goldfish_pic_new(void (*changed)(void *ctx), void *ctx)
{
	struct goldfish_pic *pic = calloc(1, sizeof(*pic));

	if (!pic)
		return NULL;
	device_init(&pic->dev, &goldfish_pic_ops);
	pic->changed = changed;
	pic->ctx = ctx;
	return &pic->dev;
}
