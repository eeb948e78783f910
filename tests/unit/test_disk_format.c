/* tests/unit/test_disk_format.c - host/disk_format.c. */
#include <string.h>

#include "host/disk_format.h"
#include "tests/unit/test.h"

/* As real ones begin, made by qemu-img 7.2 and VirtualBox 7.0. */
static const struct {
	const char *format;
	size_t offset;
	const char *bytes;
	size_t len;
} heads[] = {
	{ "qcow", 0, "QFI\xfb\0\0\0\1\0\0\0\0", 12 },
	{ "qcow2", 0, "QFI\xfb\0\0\0\2\0\0\0\0", 12 },
	{ "qcow2", 0, "QFI\xfb\0\0\0\3\0\0\0\0", 12 },
	{ "QED", 0, "QED\0\0\0\1\0\4\0\0\0", 12 },
	{ "VMDK", 0, "KDMV\1\0\0\0\3\0\0\0", 12 },
	{ "VMDK", 0, "COWD\1\0\0\0", 8 },
	{ "VMDK", 0, "# Disk DescriptorFile\nversion=1\n", 32 },
	{ "VHD", 0, "conectix\0\0\0\2\0\1\0\0", 16 },
	{ "VHDX", 0, "vhdxfileQ\0E\0M\0U\0", 16 },
	{ "VDI", 0x40, "\x7f\x10\xda\xbe\1\0\1\0", 8 },
	{ "Parallels", 0, "WithoutFreeSpace\2\0\0\0", 20 },
	{ "Parallels", 0, "WithouFreSpacExt\2\0\0\0", 20 },
};

static uint8_t head[DISK_FORMAT_BYTES], tail[DISK_FORMAT_BYTES];

static int setup(void **state)
{
	(void)state;
	memset(head, 0, sizeof(head));
	memset(tail, 0, sizeof(tail));
	return 0;
}

static void format__is_known_by_its_magic_number(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
		memset(head, 0, sizeof(head));
		memcpy(head + heads[i].offset, heads[i].bytes, heads[i].len);
		assert_string_equal(disk_format(head, tail), heads[i].format);
	}
}

static void format__fixed_vhd_has_its_magic_at_the_end(void **state)
{
	(void)state;
	memcpy(tail, "conectix", 8);
	assert_string_equal(disk_format(head, tail), "VHD");
}

static void format__what_raw_disks_begin_with_is_none(void **state)
{
	(void)state;
	assert_null(disk_format(head, tail));
	/* A boot sector, and GPT's backup header. */
	memcpy(head, "\xeb\x63\x90", 3);
	memcpy(head + 510, "\x55\xaa", 2);
	memcpy(tail, "EFI PART", 8);
	assert_null(disk_format(head, tail));
	/* Encrypted, or a magic number but for its last byte. */
	memcpy(head, "LUKS\xba\xbe\0\2", 8);
	assert_null(disk_format(head, tail));
	memcpy(head, "conectiy", 8);
	assert_null(disk_format(head, tail));
	memset(head, 0xff, sizeof(head));
	memset(tail, 0xff, sizeof(tail));
	assert_null(disk_format(head, tail));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		TEST(format__is_known_by_its_magic_number),
		TEST(format__fixed_vhd_has_its_magic_at_the_end),
		TEST(format__what_raw_disks_begin_with_is_none),
	};

	return RUN_TESTS(tests);
}
