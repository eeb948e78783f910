/*
 * tests/kvm/mips/flash.c - flashes are read as memory, written by commands, and
 * keep what was written: over a reset, and until the next run.
 *
 * There are two; the first one is small. They are all zeroes at first. The
 * command line says "flash=ro" if they refuse to be written.
 */
#include "tests/kvm/mips/lib/guest.h"

#define SMALL KSEG0(0x1e000000)
#define LARGE KSEG0(0x1e400000)
#define LARGE_SIZE 0x400000U
#define BLOCK 0x10000U
#define READY 0x800080U
#define ERASED 0xffffffffU
#define WORD 0x600df00dU
#define WORDS 32U /* in a buffer */

static void command(uint32_t at, uint32_t code)
{
	write32(at, code | code << 16);
}

/* Reads the status, clears it, and has the array read again. */
static void ends_with(uint32_t at, uint32_t status)
{
	command(at, 0x70);
	CHECK_EQ(read32(at), status | status << 16);
	command(at, 0x50);
	CHECK_EQ(read32(at), READY);
	command(at, 0xff);
}

static void program(uint32_t at, uint32_t word)
{
	command(at, 0x40);
	write32(at, word);
}

static void erase(uint32_t at)
{
	command(at, 0x20);
	command(at, 0xd0);
}

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

static void query(uint32_t at, uint32_t size)
{
	command(at + 0x55 * 4, 0x98);
	CHECK_EQ(read32(at + 0x10 * 4), 'Q' * 0x10001);
	CHECK_EQ(do_lbu(at + 0x12 * 4 + 2), 'Y');
	CHECK_EQ(2U << do_lhu(at + 0x27 * 4), size);
	command(at, 0xff);
}

static void write_new(void)
{
	const uint32_t end = LARGE + LARGE_SIZE;
	const uint32_t last = end - WORDS * 4;

	query(SMALL, BLOCK);
	query(LARGE, LARGE_SIZE);
	erase(end - 4);
	ends_with(LARGE, 0x80);
	CHECK_EQ(read32(end - 4), ERASED);
	CHECK_EQ(read32(end - BLOCK), ERASED);
	CHECK_EQ(read32(end - BLOCK - 4), 0);

	command(last, 0xe8);
	CHECK_EQ(read32(last), READY);
	command(last, WORDS - 1);
	for (uint32_t i = 0; i < WORDS; i++)
		write32(last + i * 4, WORD + i);
	command(LARGE, 0xd0);
	ends_with(LARGE, 0x80);

	erase(SMALL);
	program(SMALL + BLOCK - 4, WORD);
	ends_with(SMALL, 0x80);
}

static void check_old(void)
{
	for (uint32_t i = 0; i < WORDS; i++)
		CHECK_EQ(read32(LARGE + LARGE_SIZE - (WORDS - i) * 4),
			 WORD + i);
	CHECK_EQ(read32(LARGE + LARGE_SIZE - (WORDS + 1) * 4), ERASED);
	CHECK_EQ(read32(SMALL), ERASED);
	CHECK_EQ(read32(SMALL + BLOCK - 4), WORD);
}

/* Leaves a command half done, a block locked, and a status to read. */
static void reset_in_the_middle(void)
{
	command(LARGE, 0x60);
	command(LARGE, 0x01);
	command(LARGE, 0x20);
	command(SMALL, 0x70);
	reset();
}

int main(void)
{
	if (read32(SMALL) == 0) {
		write_new();
		check_old();
		reset_in_the_middle();
	}
	/* After the reset, too: the array is there, and nothing is locked. */
	check_old();
	program(LARGE, 0);
	if (told("flash=ro")) {
		ends_with(LARGE, 0x92);
		erase(LARGE + LARGE_SIZE - 4);
		ends_with(LARGE, 0xa2);
		check_old();
	} else {
		ends_with(LARGE, 0x80);
	}
	return 0;
}
