/* vmm/boot/foreign.c - names files that are plainly no kernel for this VMM. */
#include "vmm/boot/foreign.h"

#include <stdbool.h>
#include <string.h>

#include "base/align.h"
#include "base/bytes.h"

#define TEXT_MIN 32 /* bytes; a shorter program could be text by chance */

/* Bytes at a fixed place that tell a format. */
struct magic {
	size_t at, len;
	const char *bytes;
	const char *name;
};

#define MAGIC(at, bytes, name)                       \
	{                                            \
		(at), sizeof(bytes) - 1, bytes, name \
	}

static const struct magic magics[] = {
	MAGIC(0, "070701", "a cpio archive (an initial RAM disk?)"),
	MAGIC(0, "070702", "a cpio archive (an initial RAM disk?)"),
	MAGIC(0, "070707", "a cpio archive (an initial RAM disk?)"),
	MAGIC(0, "\xc7\x71", "a cpio archive (an initial RAM disk?)"),
	MAGIC(0, "\x71\xc7", "a cpio archive (an initial RAM disk?)"),
	MAGIC(257, "ustar", "a tar archive"),
	MAGIC(0, "PK\3\4", "a zip archive"),
	MAGIC(0, "7z\xbc\xaf\x27\x1c", "a 7z archive"),
	MAGIC(0, "!<arch>\n", "an ar archive or a Debian package"),
	MAGIC(0, "\xed\xab\xee\xdb", "an RPM package"),
	MAGIC(0, "\xd0\x0d\xfe\xed",
	      "a device tree or a U-Boot FIT image, not a kernel alone"),
	MAGIC(0, "\x27\x05\x19\x56",
	      "a U-Boot image (uImage); the kernel in it must be taken out"),
	MAGIC(0, "ANDROID!",
	      "an Android boot image; the kernel in it must be taken out"),
	MAGIC(0, "VNDRBOOT", "an Android vendor boot image"),
	MAGIC(0, "\x3a\xff\x26\xed", "an Android sparse image"),
	MAGIC(0, "#!", "a script"),
	MAGIC(0, "QFI\xfb", "a qcow2 disk image"),
	MAGIC(0, "KDMV", "a VMDK disk image"),
	MAGIC(0, "vhdxfile", "a VHDX disk image"),
	MAGIC(0, "hsqs", "a squashfs file system"),
	MAGIC(512, "EFI PART", "a disk image"),
	MAGIC(1080, "\x53\xef", "an ext2, ext3 or ext4 file system"),
	MAGIC(0x202, "HdrS", "a kernel for x86 (bzImage)"),
	MAGIC(0x24, "\x18\x28\x6f\x01", "a kernel for 32-bit Arm (zImage)"),
	MAGIC(0x24, "\x01\x6f\x28\x18", "a kernel for 32-bit Arm (zImage)"),
	MAGIC(0x30, "RISCV\0\0\0", "a kernel for RISC-V (Image)"),
	MAGIC(0x38, "RSC\x05", "a kernel for RISC-V (Image)"),
};

static const struct magic compressions[] = {
	MAGIC(0, "\3757zXZ\0", "xz"),
	MAGIC(0, "LZIP\1", "lzip"),
	MAGIC(0, "\x02\x21\x4c\x18", "lz4"), /* legacy, as Linux has it */
	MAGIC(0, "\x04\x22\x4d\x18", "lz4"),
	MAGIC(0, "\x89LZO\0\r\n\x1a\n", "lzo"),
	MAGIC(0, "\x1f\x9d", "compress"),
};

static bool has_magic(const uint8_t *head, size_t len,
		      const struct magic *magic)
{
	/* The first byte spares most of them the call. */
	return len >= magic->at + magic->len &&
	       head[magic->at] == (uint8_t)magic->bytes[0] &&
	       memcmp(head + magic->at, magic->bytes, magic->len) == 0;
}

static const char *find_foreign_magic(const uint8_t *head, size_t len,
				      const struct magic *table, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (has_magic(head, len, &table[i]))
			return table[i].name;
	return NULL;
}

/* "BZh", the level, and the number that begins a block or ends the stream. */
static bool is_bzip2(const uint8_t *head, size_t len)
{
	return len >= 10 && memcmp(head, "BZh", 3) == 0 && head[3] >= '1' &&
	       head[3] <= '9' &&
	       (memcmp(head + 4, "1AY&SY", 6) == 0 ||
		memcmp(head + 4, "\x17\x72\x45\x38\x50\x90", 6) == 0);
}

/*
 * The format has no magic number: properties of 0x5d, which all encoders
 * write, a dictionary of a power of two from 64 KiB on, and a size that is
 * unknown or below 1 TiB. Source: LZMA SDK, lzma-specification.txt.
 */
static bool is_lzma(const uint8_t *head, size_t len)
{
	uint32_t dictionary;
	uint64_t size;

	if (len < 13 || head[0] != 0x5d)
		return false;
	dictionary = load_le32(head + 1);
	size = load_le64(head + 5);
	return dictionary >= 1u << 16 && is_pow2(dictionary) &&
	       (size == UINT64_MAX || size < 1ULL << 40);
}

const char *foreign_compression(const uint8_t *head, size_t len)
{
	if (is_bzip2(head, len))
		return "bzip2";
	if (is_lzma(head, len))
		return "lzma";
	return find_foreign_magic(head, len, compressions,
				  sizeof(compressions) / sizeof(*compressions));
}

/*
 * Names an EFI program, which may be another architecture's kernel with an EFI
 * stub. An arm64 Image with such a stub is a kernel, and is told by the magic
 * number of its own header.
 */
static const char *pe_name(const uint8_t *head, size_t len)
{
	enum { ARM64_MAGIC = 56, PE_OFFSET = 60, DOS_HEADER = 64 };
	uint64_t at;

	if (len < DOS_HEADER || memcmp(head, "MZ", 2) != 0 ||
	    memcmp(head + ARM64_MAGIC, "ARM\x64", 4) == 0)
		return NULL;
	at = load_le32(head + PE_OFFSET);
	if (at > len - 6 || memcmp(head + at, "PE\0\0", 4) != 0)
		return NULL;
	switch (load_le16(head + at + 4)) {
	case 0x014c:
		return "an EFI program for 32-bit x86";
	case 0x8664:
		return "an EFI program for x86-64";
	case 0x01c0:
	case 0x01c2:
	case 0x01c4:
		return "an EFI program for 32-bit Arm";
	case 0x5032:
	case 0x5064:
		return "an EFI program for RISC-V";
	case 0x6232:
	case 0x6264:
		return "an EFI program for LoongArch";
	default:
		return "an EFI program that is no arm64 kernel; firmware "
		       "starts these";
	}
}

static bool is_text(const uint8_t *head, size_t len)
{
	if (len < TEXT_MIN)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((head[i] < ' ' || head[i] >= 0x7f) && head[i] != '\t' &&
		    head[i] != '\n' && head[i] != '\r')
			return false;
	return true;
}

const char *foreign_name(const uint8_t *head, size_t len)
{
	const char *name = find_foreign_magic(head, len, magics,
					      sizeof(magics) / sizeof(*magics));

	if (!name)
		name = pe_name(head, len);
	if (!name && is_text(head, len))
		name = "text";
	return name;
}
