/* tests/unit/test_mem_merged.c - mem/merged.h, of texts and of this process. */
#include "mem/merged.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/unit/test.h"

#define PAGES 64
/* A mapping as the kernel tells of it, with a few of its lines. */
#define MAPPING(range, merged)                                             \
	range " rw-p 00000000 00:00 0 \n"                                  \
	      "Size:                 16 kB\nAnonymous:             8 kB\n" \
	      "KSM:            " merged "\nVmFlags: rd wr mr mw me mg \n"

/* What a text says of @part. */
static void read_text(const char *text, struct merged *part, size_t count)
{
	_cleanup_(freep) char *copy = strdup(text);
	FILE *smaps;

	assert_non_null(copy);
	smaps = fmemopen(copy, strlen(copy), "r");
	assert_non_null(smaps);
	merged_read(smaps, part, count);
	(void)fclose(smaps);
}

/* The same of [0x10000, 0x14000); -1: it is not known. */
static int64_t read_one(const char *text)
{
	struct merged part = { .host = { 0x10000, 0x4000 } };

	read_text(text, &part, 1);
	return merged_known(&part) ? (int64_t)part.bytes : -1;
}

static void read__a_region_is_the_sum_of_its_mappings(void **state)
{
	struct merged part[] = {
		{ .host = { 0x10000, 0x4000 } },
		{ .host = { 0x14000, 0x1000 } },
		{ .host = { 0x7ffff7c00000, 0x1000 } },
	};

	(void)state;
	read_text(MAPPING("0000f000-00010000",
			  "4 kB") MAPPING("00010000-00012000", "8 kB")
			  MAPPING("00012000-00013000",
				  "0 kB") MAPPING("00013000-00014000", "4 kB")
				  MAPPING("00014000-00015000", "0 kB") MAPPING(
					  "7ffff7c00000-7ffff7c01000", "4 kB"),
		  part, 3);
	for (size_t i = 0; i < 3; i++)
		assert_true(merged_known(&part[i]));
	assert_int_equal(part[0].bytes, 12 << 10);
	assert_int_equal(part[1].bytes, 0);
	assert_int_equal(part[2].bytes, 4 << 10);
}

static void read__a_mapping_of_two_is_of_neither_if_it_is_merged(void **state)
{
	(void)state;
	assert_int_equal(read_one(MAPPING("0000f000-00014000", "0 kB")), 0);
	assert_int_equal(read_one(MAPPING("00010000-00015000", "0 kB")), 0);
	assert_int_equal(read_one(MAPPING("0000f000-00014000", "4 kB")), -1);
	assert_int_equal(read_one(MAPPING("00010000-00015000", "4 kB")), -1);
	assert_int_equal(read_one(MAPPING("00010000-00012000", "8 kB")
					  MAPPING("00012000-00015000", "4 kB")),
			 -1);
}

static void read__what_is_not_told_of_is_not_known(void **state)
{
	(void)state;
	assert_int_equal(read_one("\n"), -1);
	/* A page is missing: before, between, behind. */
	assert_int_equal(read_one(MAPPING("00011000-00014000", "4 kB")), -1);
	assert_int_equal(read_one(MAPPING("00010000-00011000", "4 kB")
					  MAPPING("00012000-00014000", "4 kB")),
			 -1);
	assert_int_equal(read_one(MAPPING("00010000-00013000", "4 kB")), -1);
	/* An older kernel. */
	assert_int_equal(read_one("00010000-00014000 rw-p 0 0:0 0\n"
				  "Size: 16 kB\nVmFlags: mg\n"),
			 -1);
}

static void read__a_line_in_another_form_tells_nothing(void **state)
{
	static const char *const lines[] = {
		"",
		"kB",
		"4",
		"4 MB",
		"4 kB more",
		"-4 kB",
		"0x4 kB",
		/* more than there is; or than a number holds, twice */
		"17 kB",
		"18014398509481984 kB",
		"18446744073709551616 kB",
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		(void)snprintf(text, sizeof(text),
			       "10000-14000 rw-p\nKSM: %s\n", lines[i]);
		assert_int_equal(read_one(text), -1);
	}
	/* It breaks off. */
	assert_int_equal(read_one("10000-14000 rw-p\nKSM: 4 kB"), -1);
	/* No mapping, and one of nothing. */
	assert_int_equal(read_one("KSM: 4 kB\n"), -1);
	assert_int_equal(read_one("14000-10000 r\nKSM: 4 kB\n"), -1);
	assert_int_equal(read_one("10000-10000 r\nKSM: 4 kB\n"), -1);
	assert_int_equal(read_one("10000-1400000000000000000 r\nKSM: 4 kB\n"),
			 -1);
	assert_int_equal(read_one("10000--14000 r\nKSM: 4 kB\n"), -1);
	assert_int_equal(read_one("10000-14000\nKSM: 4 kB\n"), -1);
	assert_int_equal(read_one("10000-14000 rw-p\nKSM: 16 kB\n"), 16 << 10);
}

static void read__a_mapping_tells_once(void **state)
{
	(void)state;
	assert_int_equal(read_one("10000-14000 rw-p\nKSM: 4 kB\nKSM: 8 kB\n"),
			 4 << 10);
}

/* The kernel writes a line's end in a name as \012. */
static void read__the_name_of_a_file_is_no_line(void **state)
{
	char text[6000] = "10000-14000 rw-p 0 00:00 0 /";
	const size_t head = strlen(text);

	(void)state;
	memset(text + head, 'x', 4096);
	(void)snprintf(text + head + 4096, sizeof(text) - head - 4096,
		       "\\012KSM: 16 kB\nKSM: 4 kB\n");
	/* Wherever a buffer of a power of two ended, a line would begin. */
	for (size_t i = head; i + 16 < head + 4096; i += 32)
		memcpy(text + i, "KSM:       16 kB", 16);
	assert_int_equal(read_one(text), 4 << 10);
}

static void look__this_kernel_tells_of_all_or_of_nothing(void **state)
{
	const size_t size = PAGES * (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct merged part = { .host = { (uintptr_t)at, size } };

	(void)state;
	assert_true(at != MAP_FAILED);
	memset(at, 1, size);
	/* It is in more than one mapping. */
	assert_int_equal(mprotect(at + size / 2, size / 4, PROT_READ), 0);
	merged_look(&part, 1);
	assert_int_equal(munmap(at, size), 0);
	if (part.told == 0)
		SKIP("this kernel does not tell");
	assert_true(merged_known(&part));
	assert_int_equal(part.bytes, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(read__a_region_is_the_sum_of_its_mappings),
		cmocka_unit_test(
			read__a_mapping_of_two_is_of_neither_if_it_is_merged),
		cmocka_unit_test(read__what_is_not_told_of_is_not_known),
		cmocka_unit_test(read__a_line_in_another_form_tells_nothing),
		cmocka_unit_test(read__a_mapping_tells_once),
		cmocka_unit_test(read__the_name_of_a_file_is_no_line),
		cmocka_unit_test(look__this_kernel_tells_of_all_or_of_nothing),
	};

	return RUN_TESTS(tests);
}
