/*
 * tests/kvm/arm64/rom.c - --rom is read and executed as memory is, not written.
 *
 * The file is rom_image.S; the test list says where it lies: at ROM, and once
 * more below 2 GiB, where devices are.
 */
#include "tests/kvm/arm64/lib/dt.h"
#include "tests/kvm/arm64/lib/guest.h"
#include "tests/kvm/arm64/rom_image.h"

#define ROM 0x90000000UL
#define LOW_ROM 0x10000000UL

typedef uint64_t function(void);

static uint64_t word(unsigned index)
{
	return ROM_PATTERN + index;
}

static void is_whole(uint64_t rom)
{
	CHECK_EQ(read64(rom + ROM_MAGIC_AT), ROM_MAGIC);
	for (unsigned i = 0; i < ROM_WORDS; i++)
		CHECK_EQ(read32(rom + ROM_WORDS_AT + 4 * i), word(i));
	/* Behind the file, to the end of the smallest page. */
	for (uint64_t at = ROM_SIZE; at % 4096 != 0; at++)
		CHECK_EQ(read8(rom + at), 0);
}

static void writes_are_ignored(uint64_t rom)
{
	static const uint64_t offsets[] = { 0, ROM_MAGIC_AT, ROM_WORDS_AT,
					    ROM_SIZE + 8 - ROM_SIZE % 8 };

	for (unsigned i = 0; i < sizeof(offsets) / sizeof(*offsets); i++)
		for (unsigned size = 1; size <= 8; size *= 2)
			write_sized(rom + offsets[i], size, 0x5555555555555555);
	is_whole(rom);
	CHECK_EQ(read8(rom + offsets[3]), 0);
}

static uint64_t run_code(uint64_t rom)
{
	function *code;

	memcpy(&code, &rom, sizeof(code));
	return code();
}

/* A store that the processor does not describe is a bus error, as elsewhere. */
static void pairs_are_refused(uint64_t rom)
{
	uint64_t esr;

	catch_fault();
	__asm__ volatile("stp xzr, xzr, [%0]" ::"r"(rom) : "memory");
	esr = caught_fault();
	CHECK_EQ(ESR_CLASS(esr), CLASS_DATA_ABORT);
	CHECK_EQ(ESR_STATUS(esr), STATUS_EXTERNAL);
	is_whole(rom);
}

/* The guest is not told of it: it is no memory of its own. */
static void is_not_described(void)
{
	struct dt_node node = { 0 };

	while (dt_find(&node, "device_type", "memory"))
		for (unsigned i = 0; i < dt_regs(&node); i++)
			CHECK(dt_address(&node, i) > ROM ||
			      dt_address(&node, i) + dt_size(&node, i) <= ROM);
}

int main(void)
{
	is_not_described();
	is_whole(ROM);
	is_whole(LOW_ROM);
	CHECK_EQ(run_code(ROM), ROM_ANSWER);
	writes_are_ignored(ROM);
	writes_are_ignored(LOW_ROM);
	pairs_are_refused(ROM);
	CHECK_EQ(run_code(ROM), ROM_ANSWER);
	mmu_alias();
	CHECK_EQ(run_code(MMU_ALIAS + LOW_ROM), ROM_ANSWER);
	return 0;
}
