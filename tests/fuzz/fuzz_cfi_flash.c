/*
 * tests/fuzz/fuzz_cfi_flash.c - no series of accesses makes a flash write
 * outside its file, set a bit without an erase, change what is read-only, or
 * show another array than the file.
 *
 * The input is a list of accesses, five bytes each: kind, address, value. The
 * address is one of those where something ends or begins, more or less.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"
#include "tests/unit/flash_chip.h"

static const uint8_t codes[16] = { 0xff, 0x70, 0x50, 0x90, 0x98, 0x40,
				   0x10, 0xe8, 0x20, 0x60, 0xd0, 0xd0,
				   0x01, 0x03, 0xb0, 0x1f };

/* What the file held before; a mapping is not for comparing with itself. */
static uint8_t before[CHIP_SIZE];

static uint64_t place(uint8_t where, unsigned size)
{
	const uint64_t at = (uint64_t)(where >> 5) * (FLASH_BLOCK / 2);
	const uint64_t near = CHIP_SIZE - 128 + (where & 31u) * 8;

	return (at + near) % CHIP_SIZE & ~(uint64_t)(size - 1);
}

static void check(struct flash_chip *chip, bool erased)
{
	struct stat st;
	uint8_t set = 0, changed = 0;

	if (fstat(chip->image.fd, &st) < 0 || st.st_size != CHIP_SIZE)
		abort();
	for (size_t i = 0; i < CHIP_SIZE; i++) {
		set |= (uint8_t)(chip->bytes[i] & ~before[i]);
		changed |= chip->bytes[i] ^ before[i];
	}
	if ((set && !erased) || (changed && chip->image.ro))
		abort();
	memcpy(before, chip->bytes, CHIP_SIZE);
	for (uint64_t at = 0; chip->direct && at < CHIP_SIZE; at += FLASH_BLOCK)
		if ((uint8_t)chip_read(chip, at, 1) != before[at])
			abort();
}

/* Returns true if it may be the first half of an erase. */
static bool access_chip(struct flash_chip *chip, const uint8_t *data)
{
	const unsigned bytes = 1u << (data[0] & 3);
	const uint64_t at = place(data[1], bytes);
	const uint64_t val = (uint64_t)data[3] << 16 | data[2];
	const uint8_t code = codes[data[4] & 15];

	if (data[0] & 4) {
		(void)chip_read(chip, at, bytes);
		return false;
	}
	if (data[0] & 8) {
		chip_write(chip, at, bytes, val << 32 | val);
		return data[2] == 0x20;
	}
	chip_command(chip, at & ~UINT64_C(3), code);
	return code == 0x20;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct flash_chip chip; /* kept: to make it costs too much */
	bool erased = false;

	if (!chip.dev)
		chip_init(&chip);
	chip.image.ro = size % 8 == 7;
	chip.dev->ops->reset(chip.dev);
	for (; size >= 5; data += 5, size -= 5) {
		erased |= access_chip(&chip, data);
		if (data[0] >= 0xf8)
			chip.dev->ops->reset(chip.dev);
	}
	check(&chip, erased);
	return 0;
}
