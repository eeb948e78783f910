/*
 * tests/kvm/mips/flash.c - flashes are read as memory, written by commands, and
 * keep what was written: over a reset, and until the next run.
 *
 * There are two; the first one is small. They are all zeroes at first. The
 * command line says "flash=ro" if they refuse to be written.
 */
#include "tests/kvm/lib/flash.h"
#include "tests/kvm/mips/lib/guest.h"

#define SMALL KSEG0(0x1e000000)
#define LARGE KSEG0(0x1e400000)
#define LARGE_SIZE 0x400000U
#define ERASED 0xffffffffU
#define WORD 0x600df00dU
#define WORDS 32U /* in a buffer */

/* Whether the command line, which stands in the device tree, has @word. */
static bool told(const char *word)
{
	const char *tree = (const char *)boot.a[1];
	const uint32_t size = __builtin_bswap32(read32(boot.a[1] + 4));

	for (uint32_t at = 0; at < size; at++) {
		uint32_t len = 0;

		while (word[len] && at + len < size &&
		       tree[at + len] == word[len])
			len++;
		if (!word[len])
			return true;
	}
	return false;
}

static void write_new(void)
{
	const uint32_t end = LARGE + LARGE_SIZE;
	const uint32_t last = end - WORDS * 4;

	flash_query(SMALL, FLASH_BLOCK);
	flash_query(LARGE, LARGE_SIZE);
	flash_erase(end - 4);
	flash_ends_with(LARGE, 0x80);
	CHECK_EQ(read32(end - 4), ERASED);
	CHECK_EQ(read32(end - FLASH_BLOCK), ERASED);
	CHECK_EQ(read32(end - FLASH_BLOCK - 4), 0);

	flash_command(last, FLASH_BUFFER);
	CHECK_EQ(read32(last), FLASH_READY);
	flash_command(last, WORDS - 1);
	for (uint32_t i = 0; i < WORDS; i++)
		write32(last + i * 4, WORD + i);
	flash_command(LARGE, FLASH_CONFIRM);
	flash_ends_with(LARGE, 0x80);

	flash_erase(SMALL);
	flash_program(SMALL + FLASH_BLOCK - 4, WORD);
	flash_ends_with(SMALL, 0x80);
}

static void check_old(void)
{
	for (uint32_t i = 0; i < WORDS; i++)
		CHECK_EQ(read32(LARGE + LARGE_SIZE - (WORDS - i) * 4),
			 WORD + i);
	CHECK_EQ(read32(LARGE + LARGE_SIZE - (WORDS + 1) * 4), ERASED);
	CHECK_EQ(read32(SMALL), ERASED);
	CHECK_EQ(read32(SMALL + FLASH_BLOCK - 4), WORD);
}

int main(void)
{
	if (read32(SMALL) == 0) {
		write_new();
		check_old();
		flash_leave_in_the_middle(LARGE, SMALL);
		reset();
	}
	/* After the reset, too: the array is there, and nothing is locked. */
	check_old();
	flash_program(LARGE, 0);
	if (told("flash=ro")) {
		flash_ends_with(LARGE, 0x92);
		flash_erase(LARGE + LARGE_SIZE - 4);
		flash_ends_with(LARGE, 0xa2);
		check_old();
	} else {
		flash_ends_with(LARGE, 0x80);
	}
	return 0;
}
