/* tests/unit/test_size.c - base/size.c. */
#include <errno.h>

#include "base/size.h"
#include "tests/unit/test.h"

#define K 1024ull

static void size__letters_are_steps_of_1024(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{ "0", 0 },
		{ "1", 1 },
		{ "7B", 7 },
		{ "3k", 3 * K },
		{ "3K", 3 * K },
		{ "256M", 256 * K * K },
		{ "2G", 2 * K * K * K },
		{ "1T", K * K * K * K },
		{ "1p", K * K * K * K * K },
		{ "0x10M", 16 * K * K },
		{ "0xfFm", 255 * K * K },
		{ "010", 10 },
		{ "18446744073709551615", UINT64_MAX },
		{ "0xffffffffffffffff", UINT64_MAX },
		{ "16383P", 16383 * K * K * K * K * K },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint64_t out = 99;

		assert_int_equal(size_parse(good[i].text, 1, &out), 0);
		assert_true(out == good[i].bytes);
	}
}

static void size__bare_number_counts_the_unit(void **state)
{
	uint64_t out = 0;

	(void)state;
	assert_int_equal(size_parse("256", K * K, &out), 0);
	assert_true(out == 256 * K * K);
	assert_int_equal(size_parse("256K", K * K, &out), 0);
	assert_true(out == 256 * K);
	assert_int_equal(size_parse("256B", K * K, &out), 0);
	assert_true(out == 256);
}

static void size__junk_is_refused_and_writes_nothing(void **state)
{
	static const char *const bad[] = {
		"",	" 1",	 "1 ",	 "-1",	  "+1",	     "0x",	"x10",
		"M",	"1MiBs", "1KBB", "1.G",	  "1,",	     "0xg",	"1@",
		"@1",	"1E",	 "1z",	 "1\n",	  "\xff",    "1\xcd",	"0x-1",
		"1e3M", "G1",	 "1G1",	 "0b101", "1G@0x10", "1k\x20k",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t out = 99;

		assert_int_equal(size_parse(bad[i], 1, &out), -EINVAL);
		assert_int_equal(out, 99);
	}
}

static void size__units_have_other_names(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{ "3KiB", 3 * K },	   { "3kib", 3 * K },
		{ "3KB", 3 * K },	   { "3kb", 3 * K },
		{ "256MiB", 256 * K * K }, { "256MB", 256 * K * K },
		{ "2GiB", 2 * K * K * K }, { "2GB", 2 * K * K * K },
		{ "1TiB", K * K * K * K }, { "1PB", K * K * K * K * K },
		{ "0x10MiB", 16 * K * K },
	};
	static const char *const bad[] = {
		"1Ki",	 "1iB",	 "1KiBx", "1KBs", "1 KiB",
		"1K iB", "1BiB", "1BB",	  "1KBB", "KiB",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint64_t out = 99;

		assert_int_equal(size_parse(good[i].text, 1, &out), 0);
		assert_true(out == good[i].bytes);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t out = 99;

		assert_int_equal(size_parse(bad[i], 1, &out), -EINVAL);
		assert_int_equal(out, 99);
	}
}

static void size__fraction_is_taken_where_it_is_exact(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{ "1.5G", 3 * K * K * K / 2 },
		{ "0.5K", 512 },
		{ "1.0", K * K },
		{ "0.25", K * K / 4 },
		{ "1.50000000000000000000000G", 3 * K * K * K / 2 },
		{ "0.0009765625M", K },
		{ "16383.9990234375P",
		  UINT64_MAX - K * K * K * K * K + 1 + 1023 * K * K * K * K },
		{ "2.5MiB", 5 * K * K / 2 },
		{ "3.0B", 3 },
	};
	static const char *const bad[] = {
		"0.1G",	  "1.5B",  "1.G",   ".5G",  "1.5.5G",
		"0x1.8G", "1.-5G", "1.5e3", "1,5G", "0.333333333333333333333G",
		"1.",	  ".",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint64_t out = 99;

		assert_int_equal(size_parse(good[i].text, K * K, &out), 0);
		assert_true(out == good[i].bytes);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t out = 99;

		assert_int_equal(size_parse(bad[i], K * K, &out), -EINVAL);
		assert_int_equal(out, 99);
	}
}

static void size__overflow_is_told_from_junk(void **state)
{
	static const char *const big[] = {
		"18446744073709551616", "0x10000000000000000", "16384P",
		"99999999999999999999", "18014398509481984K",  "16384.5P",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(big) / sizeof(big[0]); i++) {
		uint64_t out = 99;

		assert_int_equal(size_parse(big[i], 1, &out), -ERANGE);
		assert_int_equal(out, 99);
	}
}

static void number__takes_no_letter(void **state)
{
	uint64_t out = 99;

	(void)state;
	assert_int_equal(number_parse("64", &out), 0);
	assert_int_equal(out, 64);
	assert_int_equal(number_parse("0x40", &out), 0);
	assert_int_equal(out, 64);
	assert_int_equal(number_parse("4K", &out), -EINVAL);
	assert_int_equal(number_parse("", &out), -EINVAL);
	assert_int_equal(out, 64);
}

static void size_at__only_a_hex_address_is_in_bytes(void **state)
{
	struct range at = { 0 };
	bool placed = false;

	(void)state;
	assert_int_equal(size_at_parse("1@0x80000000", K * K, &at, &placed), 0);
	assert_true(at.size == K * K && at.start == 0x80000000 && placed);
	assert_int_equal(size_at_parse("1@2048", K * K, &at, &placed), 0);
	assert_true(at.size == K * K && at.start == 2048 * K * K && placed);
	assert_int_equal(size_at_parse("1@4096B", K * K, &at, &placed), 0);
	assert_true(at.start == 4096);
	assert_int_equal(size_at_parse("1@0x2M", K * K, &at, &placed), 0);
	assert_true(at.start == 2 * K * K);
	assert_int_equal(size_at_parse("1@2.5G", 1, &at, &placed), 0);
	assert_true(at.start == 5 * K * K * K / 2);
	assert_int_equal(size_at_parse("1G@2G", 1, &at, &placed), 0);
	assert_true(at.size == K * K * K && at.start == 2 * K * K * K);
	assert_int_equal(size_at_parse("512", K * K, &at, &placed), 0);
	assert_true(at.size == 512 * K * K && at.start == 0 && !placed);
}

static void size_at__empty_or_wrapping_range_is_refused(void **state)
{
	struct range at = { 1, 1 };
	bool placed = false;

	(void)state;
	assert_int_equal(size_at_parse("0", 1, &at, &placed), -ERANGE);
	assert_int_equal(size_at_parse("0@4K", 1, &at, &placed), -ERANGE);
	assert_int_equal(size_at_parse("2@0xffffffffffffffff", 1, &at, &placed),
			 -ERANGE);
	assert_int_equal(size_at_parse("1G@", 1, &at, &placed), -EINVAL);
	assert_int_equal(size_at_parse("@1G", 1, &at, &placed), -EINVAL);
	assert_int_equal(size_at_parse("1G@1G@1G", 1, &at, &placed), -EINVAL);
	assert_int_equal(size_at_parse("1Gx", 1, &at, &placed), -EINVAL);
	assert_true(at.start == 1 && at.size == 1 && !placed);
	assert_int_equal(size_at_parse("1@0xffffffffffffffff", 1, &at, &placed),
			 0);
}

static void duration__bare_number_is_seconds(void **state)
{
	uint64_t ns = 99;

	(void)state;
	assert_int_equal(duration_parse("10", &ns), 0);
	assert_true(ns == 10000000000);
	assert_int_equal(duration_parse("10s", &ns), 0);
	assert_true(ns == 10000000000);
	assert_int_equal(duration_parse("500ms", &ns), 0);
	assert_true(ns == 500000000);
	assert_int_equal(duration_parse("2m", &ns), 0);
	assert_true(ns == 120000000000);
	assert_int_equal(duration_parse("1h", &ns), 0);
	assert_true(ns == 3600000000000);
	assert_int_equal(duration_parse("3us", &ns), 0);
	assert_true(ns == 3000);
	assert_int_equal(duration_parse("7ns", &ns), 0);
	assert_true(ns == 7);
}

static void duration__junk_and_overflow_are_refused(void **state)
{
	uint64_t ns = 99;

	(void)state;
	assert_int_equal(duration_parse("", &ns), -EINVAL);
	assert_int_equal(duration_parse("s", &ns), -EINVAL);
	assert_int_equal(duration_parse("1S", &ns), -EINVAL);
	assert_int_equal(duration_parse("1 s", &ns), -EINVAL);
	assert_int_equal(duration_parse("1d", &ns), -EINVAL);
	assert_int_equal(duration_parse("-1s", &ns), -EINVAL);
	assert_int_equal(duration_parse("18446744074s", &ns), -ERANGE);
	assert_int_equal(ns, 99);
}

static void format__is_what_parse_reads(void **state)
{
	static const struct {
		uint64_t size;
		const char *text;
	} good[] = {
		{ 0, "0" },
		{ 1023, "1023" },
		{ 1024, "1K" },
		{ 1025, "1025" },
		{ 64 << 10, "64K" },
		{ 2 << 20, "2M" },
		{ 3ull << 29, "1536M" },
		{ 1ull << 40, "1T" },
		{ 1ull << 60, "1024P" },
		{ UINT64_MAX, "18446744073709551615" },
	};
	char buf[SIZE_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint64_t back = 1;

		assert_string_equal(size_format(buf, good[i].size),
				    good[i].text);
		assert_int_equal(size_parse(buf, 1, &back), 0);
		assert_int_equal(back, good[i].size);
	}
}

static void scan__reads_the_number_a_text_begins_with(void **state)
{
	uint64_t n = 7;

	(void)state;
	assert_string_equal(number_scan(" \t0123 kB", &n), " kB");
	assert_int_equal(n, 123);
	assert_string_equal(number_scan("18446744073709551615\n", &n), "\n");
	assert_true(n == UINT64_MAX);
	assert_string_equal(number_scan("0x10", &n), "x10");
	assert_int_equal(n, 0);
}

static void scan__no_number_is_refused_and_writes_nothing(void **state)
{
	uint64_t n = 7;

	(void)state;
	assert_null(number_scan("", &n));
	assert_null(number_scan("  ", &n));
	assert_null(number_scan("-1", &n));
	assert_null(number_scan("\n1", &n));
	assert_null(number_scan("18446744073709551616", &n));
	assert_null(number_scan("99999999999999999999999", &n));
	assert_int_equal(n, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(size__letters_are_steps_of_1024),
		cmocka_unit_test(size__bare_number_counts_the_unit),
		cmocka_unit_test(size__junk_is_refused_and_writes_nothing),
		cmocka_unit_test(size__units_have_other_names),
		cmocka_unit_test(size__fraction_is_taken_where_it_is_exact),
		cmocka_unit_test(size__overflow_is_told_from_junk),
		cmocka_unit_test(number__takes_no_letter),
		cmocka_unit_test(scan__reads_the_number_a_text_begins_with),
		cmocka_unit_test(scan__no_number_is_refused_and_writes_nothing),
		cmocka_unit_test(size_at__only_a_hex_address_is_in_bytes),
		cmocka_unit_test(size_at__empty_or_wrapping_range_is_refused),
		cmocka_unit_test(format__is_what_parse_reads),
		cmocka_unit_test(duration__bare_number_is_seconds),
		cmocka_unit_test(duration__junk_and_overflow_are_refused),
	};

	return RUN_TESTS(tests);
}
