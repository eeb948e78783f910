/* tests/unit/test_bus.c - devices/bus.c. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "devices/bus.h"
#include "tests/unit/test.h"

/* Remembers what the bus did to it; its owner outlives the bus. */
struct probe {
	struct device dev;
	uint64_t offset, val;
	unsigned size;
	int reads, writes;
};

static void note(struct probe *p, uint64_t offset, unsigned size)
{
	/* The bus holds the lock: it cannot be had again. */
	assert_int_equal(pthread_mutex_trylock(p->dev.lock), EBUSY);
	p->offset = offset;
	p->size = size;
}

static uint64_t probe_read(struct device *dev, uint64_t offset, unsigned size)
{
	struct probe *p = container_of(dev, struct probe, dev);

	note(p, offset, size);
	p->reads++;
	return 0x42;
}

static void probe_write(struct device *dev, uint64_t offset, unsigned size,
			uint64_t val)
{
	struct probe *p = container_of(dev, struct probe, dev);

	note(p, offset, size);
	p->writes++;
	p->val = val;
}

#define PROBE_OPS(as, widths)                 \
	static const struct device_ops as = { \
		.name = #as,                  \
		.sizes = (widths),            \
		.read = probe_read,           \
		.write = probe_write,         \
	}

PROBE_OPS(narrow, 1);
PROBE_OPS(wide, 1 | 2 | 4 | 8);
PROBE_OPS(words, 4);

static struct probe probe(const struct device_ops *ops)
{
	return (struct probe){
		.dev = { .ops = ops },
	};
}

static struct io_slot at(struct probe *p, gpa_t start, uint64_t size)
{
	device_init(&p->dev, p->dev.ops);
	return (struct io_slot){ .at = { start, size }, .dev = &p->dev };
}

static struct io_access load(gpa_t addr, unsigned size)
{
	return (struct io_access){ .addr = addr, .size = size, .val = 7 };
}

static struct io_access store(gpa_t addr, unsigned size, uint64_t val)
{
	return (struct io_access){
		.addr = addr, .size = size, .write = true, .val = val
	};
}

static void access__reaches_the_device_at_its_offset(void **state)
{
	struct probe a = probe(&narrow), b = probe(&wide);
	struct bus bus = { 0 };
	struct io_access io;

	(void)state;
	assert_int_equal(bus_attach(&bus, at(&a, 0x1000, 8), NULL), 0);
	assert_int_equal(bus_attach(&bus, at(&b, 0x1008, 8), NULL), 0);

	io = load(0x1007, 1);
	assert_int_equal(bus_access(&bus, &io), 0);
	assert_int_equal(io.val, 0x42);
	assert_int_equal(a.offset, 7);
	assert_int_equal(a.size, 1);

	io = store(0x1008, 8, 0x1122334455667788);
	assert_int_equal(bus_access(&bus, &io), 0);
	assert_int_equal(b.offset, 0);
	assert_int_equal(b.size, 8);
	assert_int_equal(b.val, 0x1122334455667788);
	assert_int_equal(b.reads + a.writes, 0);
}

static void access__outside_reads_ones_and_drops_writes(void **state)
{
	struct probe a = probe(&wide);
	struct bus bus = { 0 };
	struct io_access io = load(0x0fff, 1);

	(void)state;
	assert_int_equal(bus_access(&bus, &io), -ENODEV); /* an empty bus */
	assert_int_equal(bus_attach(&bus, at(&a, 0x1000, 8), NULL), 0);

	io = load(0x0fff, 1);
	assert_int_equal(bus_access(&bus, &io), -ENODEV);
	assert_true(io.val == UINT64_MAX);
	io = load(0x1008, 4);
	assert_int_equal(bus_access(&bus, &io), -ENODEV);
	assert_true(io.val == UINT64_MAX);
	io = store(0x1008, 1, 1);
	assert_int_equal(bus_access(&bus, &io), -ENODEV);
	assert_int_equal(a.reads + a.writes, 0);
}

static void access__across_either_end_is_nobodys(void **state)
{
	struct probe a = probe(&wide), b = probe(&wide);
	struct bus bus = { 0 };
	struct io_access io;

	(void)state;
	assert_int_equal(bus_attach(&bus, at(&a, 0x1002, 6), NULL), 0);
	assert_int_equal(bus_attach(&bus, at(&b, 0x1008, 8), NULL), 0);

	io = load(0x1000, 4);
	assert_int_equal(bus_access(&bus, &io), -ENODEV);
	io = load(0x1006, 4); /* half in a, half in b */
	assert_int_equal(bus_access(&bus, &io), -ENODEV);
	io = load(0x100c, 8);
	assert_int_equal(bus_access(&bus, &io), -ENODEV);
	assert_int_equal(a.reads + b.reads, 0);
}

static void access__at_the_end_of_the_address_space_does_not_wrap(void **state)
{
	struct probe low = probe(&wide), high = probe(&wide);
	struct bus bus = { 0 };
	struct io_access io;

	(void)state;
	assert_int_equal(bus_attach(&bus, at(&low, 0, 8), NULL), 0);
	assert_int_equal(bus_attach(&bus, at(&high, UINT64_MAX - 7, 8), NULL),
			 0);
	io = load(UINT64_MAX - 7, 8);
	assert_int_equal(bus_access(&bus, &io), 0);
	io = load(UINT64_MAX - 3, 8);
	assert_int_equal(bus_access(&bus, &io), -ENODEV);
	io = load(UINT64_MAX, 1);
	assert_int_equal(bus_access(&bus, &io), 0);
	assert_int_equal(high.offset, 7);
	assert_int_equal(low.reads, 0);
}

static void access__sizes_not_taken_are_refused(void **state)
{
	static const unsigned odd[] = { 3, 5, 6, 7 };
	struct probe a = probe(&narrow), b = probe(&wide);
	struct bus bus = { 0 };
	struct io_access io;

	(void)state;
	assert_int_equal(bus_attach(&bus, at(&a, 0x1000, 8), NULL), 0);
	assert_int_equal(bus_attach(&bus, at(&b, 0x2000, 16), NULL), 0);

	for (unsigned size = 2; size <= 8; size *= 2) {
		io = load(0x1000, size);
		assert_int_equal(bus_access(&bus, &io), -EINVAL);
		assert_true(io.val == UINT64_MAX);
	}
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		io = store(0x2000, odd[i], 0);
		assert_int_equal(bus_access(&bus, &io), -EINVAL);
	}
	io = load(0x2000, 16); /* a power of two no device can name */
	assert_int_equal(bus_access(&bus, &io), -EINVAL);
	io = load(0x2000, 0);
	assert_int_equal(bus_access(&bus, &io), -ENODEV);
	assert_int_equal(a.reads + b.reads + b.writes, 0);
}

static void access__unaligned_is_refused(void **state)
{
	struct probe a = probe(&words);
	struct bus bus = { 0 };
	struct io_access io;

	(void)state;
	/* Alignment counts from the window's start, as the device sees it. */
	assert_int_equal(bus_attach(&bus, at(&a, 0x1002, 12), NULL), 0);
	for (gpa_t off = 0; off <= 8; off++) {
		io = load(0x1002 + off, 4);
		assert_int_equal(bus_access(&bus, &io),
				 off % 4 == 0 ? 0 : -EINVAL);
	}
	assert_int_equal(a.reads, 3);
}

static void attach__bad_windows_are_refused(void **state)
{
	struct probe a = probe(&wide), b = probe(&wide);
	struct bus bus = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(bus_attach(&bus, at(&a, 0x1000, 0), &err), -EINVAL);
	assert_string_equal(err.msg, "wide at 0x1000: bad window of 0 bytes");
	assert_int_equal(bus_attach(&bus, at(&b, UINT64_MAX, 2), &err),
			 -EINVAL);
	assert_int_equal(bus.count, 0);
}

static void attach__an_overlap_names_both(void **state)
{
	struct probe a = probe(&wide), b = probe(&narrow), c = probe(&narrow);
	struct bus bus = { 0 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(bus_attach(&bus, at(&a, 0x1000, 0x100), NULL), 0);
	assert_int_equal(bus_attach(&bus, at(&b, 0x10ff, 8), &err), -EEXIST);
	assert_string_equal(err.msg,
			    "narrow at 0x10ff overlaps wide at 0x1000");
	assert_int_equal(bus_attach(&bus, at(&c, 0x1100, 8), &err), 0);
}

static void attach__a_full_bus_says_so(void **state)
{
	struct probe p[BUS_MAX_SLOTS + 1];
	struct bus bus = { 0 };
	struct err err = { 0 };
	struct io_access io;

	(void)state;
	for (size_t i = 0; i <= BUS_MAX_SLOTS; i++) {
		p[i] = probe(&wide);
		assert_int_equal(bus_attach(&bus, at(&p[i], i * 16, 16), &err),
				 i < BUS_MAX_SLOTS ? 0 : -ENOSPC);
	}
	assert_non_null(strstr(err.msg, "wide at 0x400: bus full"));

	io = load((BUS_MAX_SLOTS - 1) * 16 + 8, 8);
	assert_int_equal(bus_access(&bus, &io), 0);
	assert_int_equal(p[BUS_MAX_SLOTS - 1].offset, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(access__reaches_the_device_at_its_offset),
		cmocka_unit_test(access__outside_reads_ones_and_drops_writes),
		cmocka_unit_test(access__across_either_end_is_nobodys),
		cmocka_unit_test(
			access__at_the_end_of_the_address_space_does_not_wrap),
		cmocka_unit_test(access__sizes_not_taken_are_refused),
		cmocka_unit_test(access__unaligned_is_refused),
		cmocka_unit_test(attach__bad_windows_are_refused),
		cmocka_unit_test(attach__an_overlap_names_both),
		cmocka_unit_test(attach__a_full_bus_says_so),
	};

	return RUN_TESTS(tests);
}
