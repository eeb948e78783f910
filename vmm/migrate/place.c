/* vmm/migrate/place.c - where the control socket of a source is. */
#include "vmm/migrate/place.h"

#include <string.h>

#include "base/bytes.h"
#include "base/file.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

enum { /* bytes in a stream */
       PLACE_DEV = 0, /* 8 */
       PLACE_INO = 8, /* 8 */
       PLACE_BOOT = 16, /* 36; then 4 zeroes */
};

/* Left zeroed where the kernel does not tell. */
static void read_boot(char boot[PLACE_BOOT_SIZE])
{
	char text[PLACE_BOOT_SIZE + 1] = "";

	if (file_read_text(BOOT_ID, text, sizeof(text)) == 0)
		memcpy(boot, text, PLACE_BOOT_SIZE);
}

void migrate_place_here(struct migrate_place *ret, uint64_t dev, uint64_t ino)
{
	*ret = (struct migrate_place){ .dev = dev, .ino = ino };
	read_boot(ret->boot);
}

bool migrate_place_is_here(const struct migrate_place *place)
{
	char boot[PLACE_BOOT_SIZE] = { 0 };

	read_boot(boot);
	return boot[0] != '\0' &&
	       memcmp(boot, place->boot, PLACE_BOOT_SIZE) == 0;
}

void migrate_place_encode(const struct migrate_place *place,
			  uint8_t buf[PLACE_SIZE])
{
	memset(buf, 0, PLACE_SIZE);
	store_le64(buf + PLACE_DEV, place->dev);
	store_le64(buf + PLACE_INO, place->ino);
	memcpy(buf + PLACE_BOOT, place->boot, PLACE_BOOT_SIZE);
}

void migrate_place_decode(struct migrate_place *ret,
			  const uint8_t buf[PLACE_SIZE])
{
	ret->dev = load_le64(buf + PLACE_DEV);
	ret->ino = load_le64(buf + PLACE_INO);
	memcpy(ret->boot, buf + PLACE_BOOT, PLACE_BOOT_SIZE);
}
