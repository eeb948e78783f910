/* tests/unit/flash_chip.c - a flash on a file without a name, and the switch it
 * works. */
#include "tests/unit/flash_chip.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void set(void *ctx, bool direct)
{
	struct flash_chip *chip = ctx;

	/* Only changes are told. */
	if (chip->direct == direct)
		abort();
	chip->direct = direct;
	chip->switched++;
}

static void wrote(void *ctx, struct range at)
{
	struct flash_chip *chip = ctx;

	chip->writes++;
	chip->wrote = at;
}

void chip_init(struct flash_chip *chip)
{
	struct err err = { 0 };

	*chip = (struct flash_chip){ .direct = true };
	chip->image = (struct flash_image){
		.path = "memfd",
		.fd = memfd_create("flash", MFD_CLOEXEC),
		.size = CHIP_SIZE,
	};
	if (chip->image.fd < 0 || ftruncate(chip->image.fd, CHIP_SIZE) < 0)
		abort();
	chip->bytes = mmap(NULL, CHIP_SIZE, PROT_READ, MAP_SHARED,
			   chip->image.fd, 0);
	if (chip->bytes == MAP_FAILED)
		abort();
	chip->dev = cfi_flash_new(&chip->image,
				  (struct rom_view){ set, wrote, chip });
	if (!chip->dev || bus_attach(&chip->bus,
				     (struct io_slot){ .at = { 0, CHIP_SIZE },
						       .dev = chip->dev },
				     &err) < 0)
		abort();
}

void chip_finish(struct flash_chip *chip)
{
	chip->dev->ops->destroy(chip->dev);
	(void)munmap((void *)(uintptr_t)chip->bytes, CHIP_SIZE);
	flash_image_finish(&chip->image);
}

void chip_fill(struct flash_chip *chip, uint8_t byte)
{
	uint8_t buf[4096];

	memset(buf, byte, sizeof(buf));
	for (off_t at = 0; at < CHIP_SIZE; at += (off_t)sizeof(buf))
		if (pwrite(chip->image.fd, buf, sizeof(buf), at) != sizeof(buf))
			abort();
}

uint64_t chip_read(struct flash_chip *chip, uint64_t at, unsigned size)
{
	struct io_access io = { .addr = at, .size = size };

	(void)bus_access(&chip->bus, &io);
	return io.val;
}

void chip_write(struct flash_chip *chip, uint64_t at, unsigned size,
		uint64_t val)
{
	struct io_access io = {
		.addr = at, .size = size, .write = true, .val = val
	};

	(void)bus_access(&chip->bus, &io);
}

void chip_command(struct flash_chip *chip, uint64_t at, uint8_t code)
{
	chip_write(chip, at, 4, code * 0x10001u);
}
