/* host/disk_format.c - recognises disk images that are not raw. */
#include "host/disk_format.h"

#include <string.h>

struct magic {
	const char *format;
	size_t offset;
	const char *bytes;
	size_t len;
};

#define MAGIC(format, offset, text)                    \
	{                                              \
		format, offset, text, sizeof(text) - 1 \
	}

static const struct magic head_magics[] = {
	MAGIC("qcow", 0, "QFI\xfb\0\0\0\1"),
	MAGIC("qcow2", 0, "QFI\xfb"),
	MAGIC("QED", 0, "QED\0"),
	MAGIC("VMDK", 0, "KDMV"),
	MAGIC("VMDK", 0, "COWD"),
	MAGIC("VMDK", 0, "# Disk DescriptorFile"),
	MAGIC("VHD", 0, "conectix"),
	MAGIC("VHDX", 0, "vhdxfile"),
	MAGIC("VDI", 0x40, "\x7f\x10\xda\xbe"),
	MAGIC("Parallels", 0, "WithoutFreeSpace"),
	MAGIC("Parallels", 0, "WithouFreSpacExt"),
};

/* A VHD of a fixed size has its metadata behind the data. */
static const struct magic tail_magics[] = {
	MAGIC("VHD", 0, "conectix"),
};

static const char *find_disk_magic(const struct magic *magics, size_t count,
				   const uint8_t bytes[DISK_FORMAT_BYTES])
{
	for (size_t i = 0; i < count; i++)
		if (memcmp(bytes + magics[i].offset, magics[i].bytes,
			   magics[i].len) == 0)
			return magics[i].format;
	return NULL;
}

const char *disk_format(const uint8_t head[DISK_FORMAT_BYTES],
			const uint8_t tail[DISK_FORMAT_BYTES])
{
	const char *format = find_disk_magic(
		head_magics, sizeof(head_magics) / sizeof(*head_magics), head);

	if (format)
		return format;
	return find_disk_magic(
		tail_magics, sizeof(tail_magics) / sizeof(*tail_magics), tail);
}
