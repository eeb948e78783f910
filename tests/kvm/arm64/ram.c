/*
 * tests/kvm/arm64/ram.c - memory to its last byte, nothing beyond it.
 *
 * The regions are those the device tree tells of; the test list says what they
 * must be.
 */
#include "tests/kvm/arm64/lib/dt.h"
#include "tests/kvm/arm64/lib/guest.h"

#define RAM_BEGIN 0x80000000UL

/* True if [at, at + size) is free for the test to write to. */
static bool is_own(uint64_t at, uint64_t size)
{
	extern const char _end[];
	const uint64_t dtb = boot.x[0];
	const uint64_t dtb_size = __builtin_bswap32(*(uint32_t *)(dtb + 4));

	return (at + size <= boot.image || at >= (uint64_t)_end) &&
	       (at + size <= dtb || at >= dtb + dtb_size);
}

static void holds(uint64_t at, unsigned size)
{
	const uint64_t mask = UINT64_MAX >> (64 - size * 8);
	uint64_t before;

	if (!is_own(at, size))
		return;
	catch_fault();
	before = read_sized(at, size);
	write_sized(at, size, at ^ 0xa5a5a5a55a5a5a5a);
	CHECK_EQ(read_sized(at, size), (at ^ 0xa5a5a5a55a5a5a5a) & mask);
	write_sized(at, size, before);
	CHECK_EQ(read_sized(at, size), before);
	CHECK_EQ(caught_fault(), 0);
}

static bool in_ram(uint64_t at)
{
	struct dt_node node = { 0 };

	while (dt_find(&node, "device_type", "memory"))
		for (unsigned i = 0; i < dt_regs(&node); i++)
			if (at - dt_address(&node, i) < dt_size(&node, i))
				return true;
	return false;
}

/* The first address that a machine with this memory need not have. */
static uint64_t address_end(void)
{
	struct dt_node node = { 0 };
	uint64_t end = 1ULL << 32;

	while (dt_find(&node, "device_type", "memory"))
		for (unsigned i = 0; i < dt_regs(&node); i++)
			while (end < dt_address(&node, i) + dt_size(&node, i))
				end *= 2;
	return end;
}

static void is_nothing(uint64_t at)
{
	const bool may_fault = at >= address_end();

	if (in_ram(at) || at < RAM_BEGIN)
		return;
	for (unsigned size = 1; size <= 8; size *= 2) {
		const uint64_t ones = UINT64_MAX >> (64 - size * 8);
		uint64_t got;

		catch_fault();
		write_sized(at, size, 0);
		got = read_sized(at, size);
		if (caught_fault() != 0)
			CHECK(may_fault);
		else
			CHECK_EQ(got, ones);
	}
}

/* An access with a foot on each side: whatever comes, the guest goes on. */
static void is_harmless(uint64_t at, unsigned size)
{
	catch_fault();
	(void)read_sized(at, size);
	write_sized(at, size, UINT64_MAX);
	(void)caught_fault();
}

static void check_region(uint64_t begin, uint64_t size)
{
	const uint64_t end = begin + size;

	for (unsigned n = 1; n <= 8; n *= 2) {
		holds(begin, n);
		holds(begin + size / 2, n);
		holds(end - n, n);
	}
	is_nothing(end);
	is_nothing(end + 0x1000);
	is_nothing(begin - 8);
	if (!in_ram(end)) {
		is_harmless(end - 1, 2);
		is_harmless(end - 2, 4);
		is_harmless(end - 4, 8);
	}
}

/* Each region's own value is still there after all were written. */
static void regions_are_apart(void)
{
	for (int pass = 0; pass < 2; pass++) {
		struct dt_node node = { 0 };

		while (dt_find(&node, "device_type", "memory"))
			for (unsigned i = 0; i < dt_regs(&node); i++) {
				const uint64_t at = dt_address(&node, i);
				const uint64_t own = at ^ 0x0f1e2d3c4b5a6978;

				if (pass == 0)
					write64(at, own);
				else
					CHECK_EQ(read64(at), own);
			}
	}
}

int main(void)
{
	struct dt_node node = { 0 };
	unsigned regions = 0;

	while (dt_find(&node, "device_type", "memory"))
		for (unsigned i = 0; i < dt_regs(&node); i++, regions++) {
			put_hex(dt_address(&node, i));
			put(" ");
			put_hex(dt_size(&node, i));
			put("\n");
			check_region(dt_address(&node, i), dt_size(&node, i));
		}
	CHECK(regions > 0);
	regions_are_apart();
	return 0;
}
