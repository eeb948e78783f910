/* tests/unit/test_mc146818.c - devices/mc146818.c. */
#include <stdbool.h>
#include <time.h>

#include "devices/mc146818.h"
#include "tests/unit/test.h"

#define SECOND 1000000000LL

enum { SEC = 0, MIN = 2, HOUR = 4, WDAY = 6, MDAY, MON, YEAR, A, B, C, D };
enum { CENTURY = 0x32 };

static int64_t host; /* the host's clock */

static int64_t host_now(void)
{
	return host;
}

static int64_t utc(int year, int mon, int day, int hour, int min, int sec)
{
	struct tm tm = { .tm_year = year - 1900,
			 .tm_mon = mon - 1,
			 .tm_mday = day,
			 .tm_hour = hour,
			 .tm_min = min,
			 .tm_sec = sec };

	return timegm(&tm) * SECOND;
}

static unsigned get(struct device *dev, unsigned reg)
{
	dev->ops->write(dev, 0, 1, reg);
	return (unsigned)dev->ops->read(dev, 1, 1);
}

static void put(struct device *dev, unsigned reg, unsigned val)
{
	dev->ops->write(dev, 0, 1, reg);
	dev->ops->write(dev, 1, 1, val);
}

static struct device *clock_at(int64_t when)
{
	struct device *dev;

	host = when;
	dev = mc146818_new(host_now);
	assert_non_null(dev);
	return dev;
}

static void assert_bytes(struct device *dev, const unsigned want[7])
{
	static const unsigned reg[] = {
		CENTURY, YEAR, MON, MDAY, HOUR, MIN, SEC
	};

	for (int i = 0; i < 7; i++)
		assert_int_equal(get(dev, reg[i]), want[i]);
}

/* Century, year, month, day, hour, minute, second: as the registers say it. */
#define assert_time(dev, ...) \
	assert_bytes(dev, (const unsigned[7]){ __VA_ARGS__ })

static void read__gives_the_hosts_time_in_bcd(void **state)
{
	struct device *dev = clock_at(utc(2026, 11, 29, 23, 58, 49));

	(void)state;
	assert_int_equal(get(dev, B), 0x02); /* BCD, 24 hours, running */
	assert_time(dev, 0x20, 0x26, 0x11, 0x29, 0x23, 0x58, 0x49);
	assert_int_equal(get(dev, WDAY), 1); /* a Sunday */
	host += 71 * SECOND;
	assert_time(dev, 0x20, 0x26, 0x11, 0x30, 0x00, 0x00, 0x00);
	assert_int_equal(get(dev, WDAY), 2);
	dev->ops->destroy(dev);
}

static void read__every_day_of_three_centuries_is_right(void **state)
{
	struct device *dev = clock_at(0);

	(void)state;
	put(dev, B, 0x06); /* binary */
	for (int day = 0; day < 106000; day += 1 + day % 3) {
		const time_t t = (time_t)day * 86400;
		struct tm tm;

		host = t * SECOND;
		assert_non_null(gmtime_r(&t, &tm));
		assert_int_equal(get(dev, MDAY), tm.tm_mday);
		assert_int_equal(get(dev, MON), tm.tm_mon + 1);
		assert_int_equal(get(dev, YEAR), tm.tm_year % 100);
		assert_int_equal(get(dev, CENTURY), 19 + tm.tm_year / 100);
		assert_int_equal(get(dev, WDAY), tm.tm_wday + 1);
	}
	dev->ops->destroy(dev);
}

static void read__binary_and_twelve_hours(void **state)
{
	static const struct {
		int hour;
		unsigned bcd, bin;
	} hours[] = {
		{ 0, 0x12, 12 },    { 1, 0x01, 1 },	{ 11, 0x11, 11 },
		{ 12, 0x92, 0x8c }, { 13, 0x81, 0x81 }, { 23, 0x91, 0x8b }
	};
	struct device *dev = clock_at(0);

	(void)state;
	for (size_t i = 0; i < sizeof(hours) / sizeof(hours[0]); i++) {
		host = utc(2024, 2, 29, hours[i].hour, 59, 30);
		put(dev, B, 0x00);
		assert_time(dev, 0x20, 0x24, 0x02, 0x29, hours[i].bcd, 0x59,
			    0x30);
		put(dev, B, 0x04);
		assert_time(dev, 20, 24, 2, 29, hours[i].bin, 59, 30);
	}
	dev->ops->destroy(dev);
}

/* As Linux does it: stop, hold the divider, write, release. */
static void set_as_linux(struct device *dev, const unsigned val[7])
{
	static const unsigned reg[] = {
		YEAR, MON, MDAY, HOUR, MIN, SEC, CENTURY
	};
	const unsigned b = get(dev, B), a = get(dev, A) & 0x7f;

	put(dev, B, b | 0x80);
	put(dev, A, a | 0x70);
	for (int i = 0; i < 7; i++)
		put(dev, reg[i], val[i]);
	put(dev, B, b);
	put(dev, A, a);
}

static void set__the_clock_goes_on_from_what_is_set(void **state)
{
	static const unsigned modes[] = { 0x00, 0x02, 0x04, 0x06 };
	static const unsigned val[][7] = {
		{ 0x99, 0x12, 0x31, 0x91, 0x59, 0x58, 0x19 },
		{ 0x99, 0x12, 0x31, 0x23, 0x59, 0x58, 0x19 },
		{ 99, 12, 31, 0x8b, 59, 58, 19 },
		{ 99, 12, 31, 23, 59, 58, 19 },
	};
	struct device *dev = clock_at(utc(2026, 1, 1, 0, 0, 0));

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		put(dev, B, modes[i]);
		set_as_linux(dev, val[i]);
		put(dev, B, 0x02);
		assert_time(dev, 0x19, 0x99, 0x12, 0x31, 0x23, 0x59, 0x58);
		host += 2 * SECOND;
		assert_time(dev, 0x20, 0x00, 0x01, 0x01, 0x00, 0x00, 0x00);
	}
	dev->ops->destroy(dev);
}

static void set__the_clock_stands_meanwhile(void **state)
{
	struct device *dev = clock_at(utc(2026, 6, 15, 12, 30, 10));

	(void)state;
	put(dev, B, 0x82);
	host += 100 * SECOND;
	assert_time(dev, 0x20, 0x26, 0x06, 0x15, 0x12, 0x30, 0x10);
	put(dev, MIN, 0x45);
	assert_int_equal(get(dev, MIN), 0x45);
	host += 100 * SECOND;
	put(dev, B, 0x02);
	assert_time(dev, 0x20, 0x26, 0x06, 0x15, 0x12, 0x45, 0x10);
	dev->ops->destroy(dev);
}

static void set__without_stopping_each_byte_counts(void **state)
{
	struct device *dev = clock_at(utc(2026, 6, 15, 12, 30, 10));

	(void)state;
	put(dev, HOUR, 0x07);
	put(dev, WDAY, 0x07); /* it is a Monday, and stays one */
	host += 5 * SECOND;
	assert_time(dev, 0x20, 0x26, 0x06, 0x15, 0x07, 0x30, 0x15);
	assert_int_equal(get(dev, WDAY), 2);
	dev->ops->destroy(dev);
}

static void set__nonsense_is_some_time(void **state)
{
	struct device *dev = clock_at(utc(2026, 6, 15, 12, 30, 10));

	(void)state;
	for (unsigned mode = 0; mode < 8; mode += 2) {
		for (unsigned junk = 0; junk < 256; junk++) {
			const unsigned val[] = { junk, junk, junk, junk,
						 junk, junk, junk };

			put(dev, B, mode);
			set_as_linux(dev, val);
			put(dev, B, 0x06);
			assert_in_range(get(dev, MON), 1, 12);
			assert_in_range(get(dev, MDAY), 1, 31);
			assert_in_range(get(dev, HOUR), 0, 23);
			assert_in_range(get(dev, MIN), 0, 59);
			assert_in_range(get(dev, SEC), 0, 59);
			assert_in_range(get(dev, WDAY), 1, 7);
			assert_in_range(get(dev, YEAR), 0, 99);
		}
	}
	host = -host; /* and the host's clock jumps back */
	assert_in_range(get(dev, MON), 1, 12);
	dev->ops->destroy(dev);
}

static void uip__is_set_shortly_before_each_second(void **state)
{
	struct device *dev = clock_at(utc(2026, 1, 1, 0, 0, 0));

	(void)state;
	assert_int_equal(get(dev, A), 0x26);
	host += SECOND - 2228001;
	assert_int_equal(get(dev, A), 0x26);
	host += 1;
	assert_int_equal(get(dev, A), 0xa6);
	host += 2227999;
	assert_int_equal(get(dev, A), 0xa6);
	assert_int_equal(get(dev, SEC), 0);
	host += 1;
	assert_int_equal(get(dev, A), 0x26);
	assert_int_equal(get(dev, SEC), 1);

	host -= 1;
	put(dev, B, 0x82); /* stopped: there is no update to come */
	assert_int_equal(get(dev, A), 0x26);
	put(dev, B, 0x02);
	put(dev, A, 0xf6);
	assert_int_equal(get(dev, A), 0x76);
	dev->ops->destroy(dev);
}

static void flags__a_new_second_shows_once(void **state)
{
	struct device *dev = clock_at(utc(2026, 1, 1, 0, 0, 0));

	(void)state;
	assert_int_equal(get(dev, C), 0);
	host += SECOND;
	assert_int_equal(get(dev, C), 0x10);
	assert_int_equal(get(dev, C), 0);
	put(dev, B, 0x72);
	host += SECOND;
	assert_int_equal(get(dev, C), 0x90);
	put(dev, C, 0xff);
	assert_int_equal(get(dev, C), 0);
	put(dev, B, 0xf2); /* setting the time ends update interrupts */
	assert_int_equal(get(dev, B), 0xe2);
	host += SECOND;
	assert_int_equal(get(dev, C), 0);
	dev->ops->destroy(dev);
}

static bool is_storage(unsigned reg)
{
	return reg == 1 || reg == 3 || reg == 5 ||
	       (reg >= 0x0e && reg != CENTURY);
}

static void memory__keeps_what_is_written(void **state)
{
	struct device *dev = clock_at(utc(2026, 1, 1, 0, 0, 0));

	(void)state;
	assert_int_equal(get(dev, D), 0x80);
	put(dev, D, 0);
	assert_int_equal(get(dev, D), 0x80);
	for (unsigned reg = 0; reg < 128; reg++)
		if (is_storage(reg))
			put(dev, reg, ~reg);
	dev->ops->reset(dev);
	for (unsigned reg = 0; reg < 128; reg++) {
		if (!is_storage(reg))
			continue;
		assert_int_equal(get(dev, reg), ~reg & 0xff);
		assert_int_equal(get(dev, reg | 0x80), ~reg & 0xff);
	}
	dev->ops->destroy(dev);
}

static void access__only_two_addresses_answer(void **state)
{
	struct device *dev = clock_at(utc(2026, 1, 1, 0, 0, 0));

	(void)state;
	dev->ops->write(dev, 0, 1, 0x8e);
	assert_int_equal(dev->ops->read(dev, 0, 1), 0x0e);
	dev->ops->write(dev, 2, 1, 0x55);
	assert_int_equal(dev->ops->read(dev, 2, 1), 0xff);
	assert_int_equal(dev->ops->read(dev, 1, 1), 0);
	dev->ops->destroy(dev);
}

static void reset__keeps_the_time(void **state)
{
	static const unsigned val[] = {
		0x30, 0x05, 0x04, 0x03, 0x02, 0x01, 0x20
	};
	struct device *dev = clock_at(utc(2026, 1, 1, 0, 0, 0));

	(void)state;
	set_as_linux(dev, val);
	put(dev, B, 0x7a);
	dev->ops->reset(dev);
	assert_int_equal(get(dev, B), 0x02);
	host += 9 * SECOND;
	assert_time(dev, 0x20, 0x30, 0x05, 0x04, 0x03, 0x02, 0x10);
	dev->ops->destroy(dev);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read__gives_the_hosts_time_in_bcd),
		cmocka_unit_test(read__every_day_of_three_centuries_is_right),
		cmocka_unit_test(read__binary_and_twelve_hours),
		cmocka_unit_test(set__the_clock_goes_on_from_what_is_set),
		cmocka_unit_test(set__the_clock_stands_meanwhile),
		cmocka_unit_test(set__without_stopping_each_byte_counts),
		cmocka_unit_test(set__nonsense_is_some_time),
		cmocka_unit_test(uip__is_set_shortly_before_each_second),
		cmocka_unit_test(flags__a_new_second_shows_once),
		cmocka_unit_test(memory__keeps_what_is_written),
		cmocka_unit_test(access__only_two_addresses_answer),
		cmocka_unit_test(reset__keeps_the_time),
	};

	return RUN_TESTS(tests);
}
