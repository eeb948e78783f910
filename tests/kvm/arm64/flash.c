/*
 * tests/kvm/arm64/flash.c - flashes are read as memory, written by commands,
 * and keep what was written: over a reset, and until the next run.
 *
 * The command line says what is expected: "new" flashes are all zeroes, and are
 * left as "old" ones, which may be "ro". There are two; the first one is small.
 */
#include "tests/kvm/arm64/lib/dt.h"
#include "tests/kvm/arm64/lib/guest.h"
#include "tests/kvm/lib/flash.h"

#define ERASED UINT64_MAX
#define WORD 0x600df00dUL
#define PAIR 0x1122334455667788UL
#define FLIPS 300

static uint64_t small, large, large_size;
static unsigned watching, done; /* atomic */

/*
 * A pair of registers: KVM cannot tell a VMM what such an access wants, so it
 * works only where there is memory.
 */
static uint64_t read_pair(uint64_t at)
{
	uint64_t low, high;

	__asm__ volatile("ldp %0, %1, [%2]"
			 : "=r"(low), "=r"(high)
			 : "r"(at)
			 : "memory");
	CHECK_EQ(read64(at), low);
	CHECK_EQ(read64(at + 8), high);
	return low;
}

static const char *arguments(void)
{
	struct dt_node node = { 0 };
	uint32_t len;

	while (dt_next(&node)) {
		const char *args = dt_prop(&node, "bootargs", &len);

		if (args)
			return args;
	}
	return "";
}

static void find(void)
{
	struct dt_node node = { 0 };

	CHECK(dt_find(&node, "compatible", "cfi-flash"));
	CHECK_EQ(dt_number(&node, "bank-width"), 4);
	small = dt_address(&node, 0);
	CHECK_EQ(small, 0x02000000);
	CHECK_EQ(dt_size(&node, 0), FLASH_BLOCK);
	CHECK(dt_find(&node, "compatible", "cfi-flash"));
	large = dt_address(&node, 0);
	large_size = dt_size(&node, 0);
	CHECK_EQ(large % large_size, 0);
	CHECK(!dt_find(&node, "compatible", "cfi-flash"));
}

static void write_new(void)
{
	const uint64_t last = large + large_size - 128;

	CHECK_EQ(read_pair(large), 0);
	flash_erase(large + large_size - 4);
	flash_ends_with(large, 0x80);
	CHECK_EQ(read_pair(large + large_size - 16), ERASED);
	CHECK_EQ(read_pair(large + large_size - FLASH_BLOCK), ERASED);
	CHECK_EQ(read_pair(large + large_size - FLASH_BLOCK - 16), 0);

	flash_command(last, FLASH_BUFFER);
	CHECK_EQ(read32(last), FLASH_READY);
	flash_command(last, 31);
	for (uint64_t i = 0; i < 16; i++) {
		write32(last + i * 8, (uint32_t)PAIR);
		write32(last + i * 8 + 4, PAIR >> 32);
	}
	flash_command(large, FLASH_CONFIRM);
	flash_ends_with(large, 0x80);
	CHECK_EQ(read_pair(last), PAIR);
	CHECK_EQ(read_pair(last + 112), PAIR);

	flash_erase(small);
	flash_program(small + FLASH_BLOCK - 4, WORD);
	flash_ends_with(small, 0x80);
	flash_command(small, FLASH_BUFFER);
	flash_command(small, 32);
	flash_ends_with(small, 0xb0);
}

static void check_old(void)
{
	CHECK_EQ(read_pair(large + large_size - 128), PAIR);
	CHECK_EQ(read_pair(large + large_size - 144), ERASED);
	CHECK_EQ(read_pair(small), ERASED);
	CHECK_EQ(read32(small + FLASH_BLOCK - 4), WORD);
}

static void is_read_only(void)
{
	flash_program(large, 0);
	flash_ends_with(large, 0x92);
	flash_erase(large + large_size - 4);
	flash_ends_with(large, 0xa2);
	check_old();
}

/* Meets the small flash in both of its modes, the large one as an array. */
static void watch(struct cpu *cpu)
{
	(void)cpu;
	__atomic_add_fetch(&watching, 1, __ATOMIC_RELEASE);
	while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
		const uint64_t got = read32(small + FLASH_BLOCK - 4);

		CHECK(got == WORD || got == FLASH_READY);
		CHECK_EQ(read_pair(large + large_size - 128), PAIR);
	}
	__atomic_sub_fetch(&watching, 1, __ATOMIC_RELEASE);
}

static void flip(void)
{
	for (unsigned i = 1; i < cpu_count(); i++)
		CHECK_EQ(cpu_start(i, watch), PSCI_SUCCESS);
	while (__atomic_load_n(&watching, __ATOMIC_ACQUIRE) + 1 < cpu_count())
		;
	for (unsigned i = 0; i < FLIPS; i++) {
		flash_command(small, FLASH_STATUS);
		CHECK_EQ(read32(small + FLASH_BLOCK - 4), FLASH_READY);
		flash_command(small, FLASH_ARRAY);
		CHECK_EQ(read32(small + FLASH_BLOCK - 4), WORD);
	}
	__atomic_store_n(&done, 1, __ATOMIC_RELEASE);
	while (__atomic_load_n(&watching, __ATOMIC_ACQUIRE) != 0)
		;
}

int main(void)
{
	const char *args = arguments();

	find();
	if (text_equal(args, "new") && read_pair(small) == 0) {
		flash_query(small, FLASH_BLOCK);
		flash_query(large, large_size);
		write_new();
		check_old();
		flip();
		flash_leave_in_the_middle(large, small);
		smccc(PSCI_SYSTEM_RESET, 0, 0, 0);
		fail("SYSTEM_RESET", 0, "returned", 1, 0);
	}
	/* After the reset, too: the array is there, and nothing is locked. */
	check_old();
	if (text_equal(args, "ro")) {
		is_read_only();
	} else {
		flash_program(large, 0);
		flash_ends_with(large, 0x80);
	}
	return 0;
}
