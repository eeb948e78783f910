/*
 * tests/unit/flash_chip.h - a flash on a file without a name, and the switch it
 * works.
 *
 * What the flash remembers is seen by a mapping, as a guest would see it.
 */
#ifndef TESTS_UNIT_FLASH_CHIP_H
#define TESTS_UNIT_FLASH_CHIP_H

#include "devices/bus.h"
#include "devices/cfi_flash.h"

#define CHIP_BLOCKS 4
#define CHIP_SIZE (CHIP_BLOCKS * FLASH_BLOCK)

struct flash_chip {
	struct flash_image image;
	const uint8_t *bytes; /* owned mapping of CHIP_SIZE */
	struct device *dev; /* owned */
	struct bus bus; /* at 0 */
	bool direct; /* what the switch was last set to */
	unsigned switched; /* how often it was */
	unsigned writes; /* how often the image was said to be written */
	struct range wrote; /* the last time, and where */
};

/* Makes a chip whose bytes are all 0. */
void chip_init(struct flash_chip *chip);
void chip_finish(struct flash_chip *chip);

/* Fills it with @byte, behind the device's back. */
void chip_fill(struct flash_chip *chip, uint8_t byte);

/* Accesses as the bus lets them through. */
uint64_t chip_read(struct flash_chip *chip, uint64_t at, unsigned size);
void chip_write(struct flash_chip *chip, uint64_t at, unsigned size,
		uint64_t val);

/* A command code, written to both chips at once. */
void chip_command(struct flash_chip *chip, uint64_t at, uint8_t code);

#endif
