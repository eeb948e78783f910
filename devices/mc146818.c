/* devices/mc146818.c - the real-time clock of PCs: a Motorola MC146818. */
#include "devices/mc146818.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/state_field.h"

#define SECOND 1000000000LL /* in nanoseconds */
#define DAY 86400 /* in seconds */

/* UIP rises 244 us before an update, which takes 1984 us with a time base of
 * 32.768 kHz: data sheet, update cycle times. */
#define UPDATE ((244 + 1984) * 1000LL)

enum { /* the chip's address map, and the PC's century */
       REG_SECONDS = 0x00,
       REG_MINUTES = 0x02,
       REG_HOURS = 0x04,
       REG_WEEKDAY = 0x06,
       REG_DAY = 0x07,
       REG_MONTH = 0x08,
       REG_YEAR = 0x09,
       REG_A = 0x0a,
       REG_B = 0x0b,
       REG_C = 0x0c,
       REG_D = 0x0d,
       REG_CENTURY = 0x32,
       REG_COUNT = 0x80,
};

enum {
	A_UIP = 0x80, /* update in progress */
	A_RESET = 0x60, /* both: the divider is held in reset */
	A_INITIAL = 0x26, /* 32.768 kHz, 1024 Hz */
	B_SET = 0x80, /* the clock is stopped, to be set */
	B_PIE = 0x40,
	B_AIE = 0x20,
	B_UIE = 0x10,
	B_SQWE = 0x08,
	B_BINARY = 0x04,
	B_24H = 0x02,
	C_IRQF = 0x80,
	C_UF = 0x10,
	D_VRT = 0x80, /* the battery is good */
	HOURS_PM = 0x80,
};

struct mc146818 {
	struct device dev;
	int64_t (*now)(void);
	int64_t offset; /* of the guest's clock from the host's, in seconds */
	int64_t told; /* the second in which C was last read, on the host */
	uint8_t index;
	uint8_t reg[REG_COUNT]; /* of the time: as of the last
				   refresh_time_regs() */
};

struct date {
	int64_t year;
	unsigned month, day; /* from 1 */
};

/*
 * Days are counted from 1 March of the year -400, so that a leap day is the
 * last of its year, and no count that a guest can set is negative.
 */
#define EPOCH 865565 /* 1 January 1970 */
#define FIRST_YEAR (-400)

static int64_t year_starts(int64_t year)
{
	const int64_t y = year - FIRST_YEAR;

	return 365 * y + y / 4 - y / 100 + y / 400;
}

/* How many days the months from March to before this one have: the lengths
 * repeat after five months, which have 153. */
static unsigned month_starts(unsigned since_march)
{
	return (153 * since_march + 2) / 5;
}

static int64_t days_from_date(struct date d)
{
	const int64_t year = d.month > 2 ? d.year : d.year - 1;

	return year_starts(year) + month_starts((d.month + 9) % 12) + d.day - 1;
}

static struct date date_from_days(int64_t days)
{
	int64_t year = FIRST_YEAR + days * 400 / 146097;
	unsigned rest, month;

	while (year_starts(year + 1) <= days)
		year++;
	while (year_starts(year) > days)
		year--;
	rest = (unsigned)(days - year_starts(year));
	month = (5 * rest + 2) / 153;
	return (struct date){
		.year = month < 10 ? year : year + 1,
		.month = month < 10 ? month + 3 : month - 9,
		.day = rest - month_starts(month) + 1,
	};
}

static int64_t rtc_host_second(const struct mc146818 *rtc)
{
	return rtc->now() / SECOND;
}

static bool is_clock_stopped(const struct mc146818 *rtc)
{
	return rtc->reg[REG_B] & B_SET;
}

static uint8_t encode_time_reg(const struct mc146818 *rtc, unsigned n)
{
	return (uint8_t)(rtc->reg[REG_B] & B_BINARY ? n : n / 10 * 16 + n % 10);
}

static unsigned decode_time_reg(const struct mc146818 *rtc, unsigned reg)
{
	return rtc->reg[REG_B] & B_BINARY ? reg : reg / 16 * 10 + reg % 16;
}

static uint8_t encode_hour(const struct mc146818 *rtc, unsigned hour)
{
	uint8_t reg;

	if (rtc->reg[REG_B] & B_24H)
		return encode_time_reg(rtc, hour);
	reg = encode_time_reg(rtc, hour % 12 == 0 ? 12 : hour % 12);
	return hour < 12 ? reg : reg | HOURS_PM;
}

static unsigned decode_hour(const struct mc146818 *rtc)
{
	const unsigned reg = rtc->reg[REG_HOURS];

	if (rtc->reg[REG_B] & B_24H)
		return decode_time_reg(rtc, reg);
	return decode_time_reg(rtc, reg & ~(unsigned)HOURS_PM) % 12 +
	       (reg & HOURS_PM ? 12 : 0);
}

/* Brings the time registers up to date, unless the clock is stopped. */
static void refresh_time_regs(struct mc146818 *rtc)
{
	uint8_t *reg = rtc->reg;
	int64_t time, days;
	struct date date;
	unsigned second;

	if (is_clock_stopped(rtc))
		return;
	time = rtc_host_second(rtc) + rtc->offset + EPOCH * (int64_t)DAY;
	if (time < 0)
		time = 0; /* the host's clock was set back by centuries */
	days = time / DAY;
	second = (unsigned)(time % DAY);
	date = date_from_days(days);

	reg[REG_SECONDS] = encode_time_reg(rtc, second % 60);
	reg[REG_MINUTES] = encode_time_reg(rtc, second / 60 % 60);
	reg[REG_HOURS] = encode_hour(rtc, second / 3600);
	/* Sunday is 1; 1 January 1970 was a Thursday. */
	reg[REG_WEEKDAY] = encode_time_reg(
		rtc, (unsigned)((days + 7 - EPOCH % 7 + 4) % 7 + 1));
	reg[REG_DAY] = encode_time_reg(rtc, date.day);
	reg[REG_MONTH] = encode_time_reg(rtc, date.month);
	date.year = date.year < 0 ? 0 : date.year;
	reg[REG_YEAR] = encode_time_reg(rtc, (unsigned)(date.year % 100));
	reg[REG_CENTURY] = encode_time_reg(rtc,
					   (unsigned)(date.year / 100 % 100));
}

/* Makes the time registers, whatever is in them, the guest's time. */
static void set_time(struct mc146818 *rtc)
{
	const uint8_t *reg = rtc->reg;
	const unsigned month = decode_time_reg(rtc, reg[REG_MONTH]);
	const struct date date = {
		.year = decode_time_reg(rtc, reg[REG_CENTURY]) * 100 +
			decode_time_reg(rtc, reg[REG_YEAR]),
		.month = month < 1  ? 1
		       : month > 12 ? 12
				    : month,
		.day = decode_time_reg(rtc, reg[REG_DAY]),
	};
	const unsigned minutes = decode_hour(rtc) * 60 +
				 decode_time_reg(rtc, reg[REG_MINUTES]);
	const unsigned seconds = minutes * 60 +
				 decode_time_reg(rtc, reg[REG_SECONDS]);

	rtc->offset = (days_from_date(date) - EPOCH) * DAY + seconds -
		      rtc_host_second(rtc);
}

static uint8_t read_a(const struct mc146818 *rtc)
{
	const uint8_t a = rtc->reg[REG_A];

	if (is_clock_stopped(rtc) || (a & A_RESET) == A_RESET ||
	    rtc->now() % SECOND < SECOND - UPDATE)
		return a;
	return a | A_UIP;
}

static uint8_t read_c(struct mc146818 *rtc)
{
	const int64_t second = rtc_host_second(rtc);
	uint8_t c = 0;

	if (second != rtc->told && !is_clock_stopped(rtc))
		c = rtc->reg[REG_B] & B_UIE ? C_UF | C_IRQF : C_UF;
	rtc->told = second;
	return c;
}

static void write_b(struct mc146818 *rtc, uint8_t val)
{
	const bool stood = is_clock_stopped(rtc);

	refresh_time_regs(rtc); /* it stops with the time that it is */
	if (val & B_SET)
		val &= (uint8_t)~B_UIE;
	rtc->reg[REG_B] = val;
	if (stood && !is_clock_stopped(rtc))
		set_time(rtc);
}

static bool is_time(unsigned index)
{
	switch (index) {
	case REG_SECONDS:
	case REG_MINUTES:
	case REG_HOURS:
	case REG_WEEKDAY:
	case REG_DAY:
	case REG_MONTH:
	case REG_YEAR:
	case REG_CENTURY:
		return true;
	default:
		return false;
	}
}

static void write_time(struct mc146818 *rtc, unsigned index, uint8_t val)
{
	refresh_time_regs(rtc);
	rtc->reg[index] = val;
	if (!is_clock_stopped(rtc))
		set_time(rtc);
}

static uint64_t rtc_read(struct device *dev, uint64_t offset, unsigned size)
{
	struct mc146818 *rtc = container_of(dev, struct mc146818, dev);

	(void)size;
	if (offset == 0)
		return rtc->index;
	if (offset > 1)
		return 0xff;
	if (rtc->index == REG_A)
		return read_a(rtc);
	if (rtc->index == REG_C)
		return read_c(rtc);
	if (is_time(rtc->index))
		refresh_time_regs(rtc);
	return rtc->reg[rtc->index];
}

static void rtc_write(struct device *dev, uint64_t offset, unsigned size,
		      uint64_t val)
{
	struct mc146818 *rtc = container_of(dev, struct mc146818, dev);
	const uint8_t byte = (uint8_t)val;

	(void)size;
	if (offset == 0)
		rtc->index = byte % REG_COUNT; /* PCs mask NMI with bit 7 */
	if (offset != 1)
		return;
	if (is_time(rtc->index))
		write_time(rtc, rtc->index, byte);
	else if (rtc->index == REG_A)
		rtc->reg[REG_A] = byte & (uint8_t)~A_UIP;
	else if (rtc->index == REG_B)
		write_b(rtc, byte);
	else if (rtc->index != REG_C && rtc->index != REG_D)
		rtc->reg[rtc->index] = byte;
}

static void rtc_reset(struct device *dev)
{
	struct mc146818 *rtc = container_of(dev, struct mc146818, dev);

	rtc->reg[REG_B] &= (uint8_t) ~(B_PIE | B_AIE | B_UIE | B_SQWE);
	rtc->told = rtc_host_second(rtc);
	rtc->index = 0;
}

static void rtc_destroy(struct device *dev)
{
	device_finish(dev);
	free(container_of(dev, struct mc146818, dev));
}

/* The clock goes on with the host's: the device keeps the offset. */
static const struct state_field rtc_fields[] = {
	STATE_FIELD(1, struct mc146818, offset, UINT64_MAX),
	STATE_FIELD(2, struct mc146818, told, UINT64_MAX),
	STATE_FIELD(3, struct mc146818, index, REG_COUNT - 1),
	STATE_BYTES(4, struct mc146818, reg),
};

/* Offsets beyond this no guest can set: the year has four digits. */
#define OFFSET_MAX (INT64_C(20000) * 366 * DAY)

static void rtc_save(struct device *dev, struct state *state)
{
	state_put_fields(state, container_of(dev, struct mc146818, dev),
			 rtc_fields, STATE_COUNT(rtc_fields));
}

static int rtc_load(struct device *dev, struct state_records *from,
		    struct err *err)
{
	struct mc146818 *rtc = container_of(dev, struct mc146818, dev);
	int r = state_get_fields(from, rtc, rtc_fields, STATE_COUNT(rtc_fields),
				 err);

	/* Such an offset is not kept, after a failure either. */
	if (rtc->offset > OFFSET_MAX || rtc->offset < -OFFSET_MAX) {
		rtc->offset = 0;
		if (r == 0)
			r = err_input(err, -EBADMSG, "clock: set to no year");
	}
	if (r < 0)
		return r;
	rtc->reg[REG_A] &= (uint8_t)~A_UIP;
	rtc->reg[REG_C] = 0;
	rtc->reg[REG_D] = D_VRT;
	return 0;
}

static const struct device_ops rtc_ops = {
	.name = "rtc",
	.sizes = 1,
	DEVICE_OPS(rtc),
};

struct device *mc146818_new(int64_t (*now)(void))
{
	struct mc146818 *rtc = calloc(1, sizeof(*rtc));

	if (!rtc)
		return NULL;
	device_init(&rtc->dev, &rtc_ops);
	rtc->now = now;
	rtc->reg[REG_A] = A_INITIAL;
	rtc->reg[REG_B] = B_24H;
	rtc->reg[REG_D] = D_VRT;
	rtc_reset(&rtc->dev);
	return &rtc->dev;
}
