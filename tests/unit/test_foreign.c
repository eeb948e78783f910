/* tests/unit/test_foreign.c - vmm/boot/foreign.c. */
#include <string.h>

#include "base/bytes.h"
#include "tests/unit/test.h"
#include "vmm/boot/foreign.h"

/* The first bytes of a file: code that is none of the formats. */
struct head {
	uint8_t bytes[FOREIGN_HEAD];
};

static struct head code(void)
{
	struct head h;

	for (size_t i = 0; i < sizeof(h.bytes); i++)
		h.bytes[i] = (uint8_t)(i * 7 + i / 256 + 1);
	return h;
}

#define AT(at_, bytes_)                             \
	{                                           \
		(at_), (bytes_), sizeof(bytes_) - 1 \
	}

struct piece {
	size_t at;
	const char *bytes;
	size_t len;
};

static struct head with(const struct piece *piece)
{
	struct head h = code();

	memcpy(h.bytes + piece->at, piece->bytes, piece->len);
	return h;
}

static void name__each_format_has_one(void **state)
{
	static const struct {
		struct piece piece;
		const char *name;
	} known[] = {
		{ AT(0, "070701"), "a cpio archive" },
		{ AT(0, "070702"), "a cpio archive" },
		{ AT(0, "070707"), "a cpio archive" },
		{ AT(0, "\xc7\x71"), "a cpio archive" },
		{ AT(257, "ustar"), "a tar archive" },
		{ AT(0, "PK\3\4"), "a zip archive" },
		{ AT(0, "!<arch>\n"), "an ar archive" },
		{ AT(0, "\xd0\x0d\xfe\xed"), "a device tree" },
		{ AT(0, "\x27\x05\x19\x56"), "a U-Boot image" },
		{ AT(0, "ANDROID!"), "an Android boot image" },
		{ AT(0, "#!"), "a script" },
		{ AT(0, "QFI\xfb"), "a qcow2" },
		{ AT(512, "EFI PART"), "a disk image" },
		{ AT(1080, "\x53\xef"), "an ext2" },
		{ AT(0x202, "HdrS"), "a kernel for x86" },
		{ AT(0x24, "\x18\x28\x6f\x01"), "a kernel for 32-bit Arm" },
		{ AT(0x30, "RISCV\0\0\0"), "a kernel for RISC-V" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		const struct piece *piece = &known[i].piece;
		const size_t end = piece->at + piece->len;
		struct head h = with(piece);
		const char *name = foreign_name(h.bytes, sizeof(h.bytes));

		assert_non_null(name);
		assert_memory_equal(name, known[i].name, strlen(known[i].name));
		assert_non_null(foreign_name(h.bytes, end));
		/* A file that ends within the number is not known by it. */
		assert_null(foreign_name(h.bytes, end - 1));
		h.bytes[end - 1] ^= 1;
		assert_null(foreign_name(h.bytes, sizeof(h.bytes)));
		assert_null(foreign_compression(h.bytes, sizeof(h.bytes)));
	}
}

static void name__code_has_none(void **state)
{
	struct head h = code();

	(void)state;
	for (size_t len = 0; len <= sizeof(h.bytes); len++) {
		assert_null(foreign_name(h.bytes, len));
		assert_null(foreign_compression(h.bytes, len));
	}
	memset(h.bytes, 0, sizeof(h.bytes));
	assert_null(foreign_name(h.bytes, sizeof(h.bytes)));
}

static struct head pe(uint16_t machine)
{
	struct head h = code();

	memcpy(h.bytes, "MZ", 2);
	store_le32(h.bytes + 60, 128);
	memcpy(h.bytes + 128, "PE\0\0", 4);
	store_le16(h.bytes + 132, machine);
	return h;
}

static void name__an_efi_program_is_told_by_its_machine(void **state)
{
	struct head h = pe(0x8664);

	(void)state;
	assert_string_equal(foreign_name(h.bytes, sizeof(h.bytes)),
			    "an EFI program for x86-64");
	assert_null(foreign_name(h.bytes, 133));
	h = pe(0x6264);
	assert_string_equal(foreign_name(h.bytes, sizeof(h.bytes)),
			    "an EFI program for LoongArch");
	h = pe(0xaa64);
	assert_non_null(foreign_name(h.bytes, sizeof(h.bytes)));
	memcpy(h.bytes + 56, "ARM\x64", 4); /* an Image */
	assert_null(foreign_name(h.bytes, sizeof(h.bytes)));
}

static void name__a_lying_pe_offset_reads_nothing(void **state)
{
	struct head h = pe(0x8664);

	(void)state;
	store_le32(h.bytes + 60, UINT32_MAX);
	assert_null(foreign_name(h.bytes, sizeof(h.bytes)));
	store_le32(h.bytes + 60, FOREIGN_HEAD - 5);
	assert_null(foreign_name(h.bytes, sizeof(h.bytes)));
}

static void name__text_is_no_code(void **state)
{
	static const char text[] = "<!DOCTYPE html>\r\n<html>\n"
				   "<title>404\tNot Found</title>";
	uint8_t page[sizeof(text)];

	(void)state;
	memcpy(page, text, sizeof(text));
	assert_string_equal(foreign_name(page, sizeof(page) - 1), "text");
	assert_null(foreign_name(page, sizeof(page))); /* its 0 at the end */
	assert_null(foreign_name(page, 31));
}

static void compression__each_method_has_a_name(void **state)
{
	static const struct {
		struct piece piece;
		const char *name;
	} known[] = {
		{ AT(0, "\3757zXZ\0"), "xz" },
		{ AT(0, "LZIP\1"), "lzip" },
		{ AT(0, "\x02\x21\x4c\x18"), "lz4" },
		{ AT(0, "\x04\x22\x4d\x18"), "lz4" },
		{ AT(0, "\x89LZO\0\r\n\x1a\n"), "lzo" },
		{ AT(0, "BZh11AY&SY"), "bzip2" },
		{ AT(0, "BZh91AY&SY"), "bzip2" },
		{ AT(0, "BZh5\x17\x72\x45\x38\x50\x90"), "bzip2" },
		{ AT(0, "\x5d\0\0\x80\0\xff\xff\xff\xff\xff\xff\xff\xff"),
		  "lzma" },
		{ AT(0, "\x5d\0\0\x80\0\0\0\0\1\0\0\0\0"), "lzma" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		const struct piece *piece = &known[i].piece;
		struct head h = with(piece);
		const char *name = foreign_compression(h.bytes,
						       sizeof(h.bytes));

		assert_non_null(name);
		assert_string_equal(name, known[i].name);
		assert_null(foreign_compression(h.bytes, piece->len - 1));
	}
}

static void compression__what_only_begins_like_it_has_none(void **state)
{
	static const struct piece others[] = {
		AT(0, "BZh01AY&SY"),
		AT(0, "BZh91AY&SX"),
		/* No power of two; a dictionary of 4 KiB; 2 TiB. */
		AT(0, "\x5d\0\0\x81\0\xff\xff\xff\xff\xff\xff\xff\xff"),
		AT(0, "\x5d\0\x10\0\0\xff\xff\xff\xff\xff\xff\xff\xff"),
		AT(0, "\x5d\0\0\x80\0\0\0\0\0\0\2\0\0"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		const struct head h = with(&others[i]);

		assert_null(foreign_compression(h.bytes, sizeof(h.bytes)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(name__each_format_has_one),
		cmocka_unit_test(name__code_has_none),
		cmocka_unit_test(name__an_efi_program_is_told_by_its_machine),
		cmocka_unit_test(name__a_lying_pe_offset_reads_nothing),
		cmocka_unit_test(name__text_is_no_code),
		cmocka_unit_test(compression__each_method_has_a_name),
		cmocka_unit_test(
			compression__what_only_begins_like_it_has_none),
	};

	return RUN_TESTS(tests);
}
