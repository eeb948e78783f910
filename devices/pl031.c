/* devices/pl031.c - the real-time clock of Arm boards: a PrimeCell PL031. */
#include "devices/pl031.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/state_field.h"

/* Registers: DDI 0224C, table 3-1. */
enum {
	REG_DR = 0x00,
	REG_MR = 0x04,
	REG_LR = 0x08,
	REG_CR = 0x0c,
	REG_IMSC = 0x10,
	REG_ID = 0xfe0, /* PeriphID0 to 3, PCellID0 to 3 */
};

#define CR_ENABLE 1u
#define IMSC_MATCH 1u

struct pl031 {
	struct device dev;
	int64_t (*now)(void);
	uint32_t offset; /* guest's clock - host's, in seconds, modulo 2^32 */
	uint32_t load; /* LR: what the clock was last set to */
	uint32_t match;
	uint32_t mask;
};

static uint32_t pl031_host_second(const struct pl031 *rtc)
{
	return (uint32_t)(rtc->now() / (int64_t)NS_PER_SECOND);
}

/* Sections 3.3.9 and 3.3.10: part 0x031 of designer 0x41, revision 0. */
static uint32_t read_pl031_id(uint64_t offset)
{
	static const uint8_t id[] = { 0x31, 0x10, 0x04, 0x00,
				      0x0d, 0xf0, 0x05, 0xb1 };

	return id[(offset - REG_ID) / 4];
}

static uint64_t pl031_read(struct device *dev, uint64_t offset, unsigned size)
{
	const struct pl031 *rtc = container_of(dev, struct pl031, dev);

	(void)size;
	if (offset >= REG_ID)
		return read_pl031_id(offset);
	switch (offset) {
	case REG_DR:
		return pl031_host_second(rtc) + rtc->offset;
	case REG_MR:
		return rtc->match;
	case REG_LR:
		return rtc->load;
	case REG_CR:
		return CR_ENABLE;
	case REG_IMSC:
		return rtc->mask;
	default:
		return 0;
	}
}

static void pl031_write(struct device *dev, uint64_t offset, unsigned size,
			uint64_t val)
{
	struct pl031 *rtc = container_of(dev, struct pl031, dev);
	const uint32_t word = (uint32_t)val;

	(void)size;
	switch (offset) {
	case REG_MR:
		rtc->match = word;
		break;
	case REG_LR:
		rtc->load = word;
		rtc->offset = word - pl031_host_second(rtc);
		break;
	case REG_IMSC:
		rtc->mask = word & IMSC_MATCH;
		break;
	default:
		break;
	}
}

static void pl031_reset(struct device *dev)
{
	struct pl031 *rtc = container_of(dev, struct pl031, dev);

	rtc->match = 0;
	rtc->mask = 0;
}

static void pl031_destroy(struct device *dev)
{
	device_finish(dev);
	free(container_of(dev, struct pl031, dev));
}

/* The clock goes on with the host's: the device keeps the offset. */
static const struct state_field pl031_fields[] = {
	STATE_FIELD(1, struct pl031, offset, UINT32_MAX),
	STATE_FIELD(2, struct pl031, load, UINT32_MAX),
	STATE_FIELD(3, struct pl031, match, UINT32_MAX),
	STATE_FIELD(4, struct pl031, mask, IMSC_MATCH),
};

static void pl031_save(struct device *dev, struct state *state)
{
	state_put_fields(state, container_of(dev, struct pl031, dev),
			 pl031_fields, STATE_COUNT(pl031_fields));
}

static int pl031_load(struct device *dev, struct state_records *from,
		      struct err *err)
{
	return state_get_fields(from, container_of(dev, struct pl031, dev),
				pl031_fields, STATE_COUNT(pl031_fields), err);
}

static const struct device_ops pl031_ops = {
	.name = "rtc",
	.sizes = 4,
	DEVICE_OPS(pl031),
};

struct device *pl031_new(int64_t (*now)(void))
{
	struct pl031 *rtc = calloc(1, sizeof(*rtc));

	if (!rtc)
		return NULL;
	device_init(&rtc->dev, &pl031_ops);
	rtc->now = now;
	return &rtc->dev;
}
