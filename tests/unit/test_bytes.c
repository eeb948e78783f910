/* tests/unit/test_bytes.c - base/bytes.h. */
#include <string.h>

#include "base/bytes.h"
#include "tests/unit/test.h"

static void load__byte_order_is_the_named_one(void **state)
{
	const uint8_t b[] = { 0xff, 1, 2, 3, 4, 5, 6, 7, 8 };

	(void)state;
	/* At odd addresses: nothing here is aligned. */
	assert_int_equal(load_le16(b + 1), 0x0201);
	assert_int_equal(load_be16(b + 1), 0x0102);
	assert_int_equal(load_le32(b + 1), 0x04030201);
	assert_int_equal(load_be32(b + 1), 0x01020304);
	assert_true(load_le64(b + 1) == 0x0807060504030201);
	assert_true(load_be64(b + 1) == 0x0102030405060708);
}

static void load__top_bit_is_no_sign(void **state)
{
	const uint8_t b[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe };

	(void)state;
	assert_true(load_le16(b) == 0xffff);
	assert_true(load_le32(b) == 0xffffffff);
	assert_true(load_be64(b) == 0xfffffffffffffffe);
	assert_true(load_le64(b) == 0xfeffffffffffffff);
}

static void store__is_what_load_reads_and_no_byte_more(void **state)
{
	uint8_t b[10];

	(void)state;
	memset(b, 0xaa, sizeof(b));
	store_be16(b + 1, 0x1234);
	assert_memory_equal(b, "\xaa\x12\x34\xaa", 4);
	store_le16(b + 1, 0x1234);
	assert_memory_equal(b, "\xaa\x34\x12\xaa", 4);
	store_be32(b + 1, 0x12345678);
	assert_memory_equal(b, "\xaa\x12\x34\x56\x78\xaa", 6);
	store_le32(b + 1, 0x12345678);
	assert_memory_equal(b, "\xaa\x78\x56\x34\x12\xaa", 6);
	store_be64(b + 1, 0x0102030405060708);
	assert_memory_equal(b, "\xaa\1\2\3\4\5\6\7\10\xaa", 10);
	store_le64(b + 1, 0x0102030405060708);
	assert_memory_equal(b, "\xaa\10\7\6\5\4\3\2\1\xaa", 10);
}

static void host__sizes_agree_with_the_types(void **state)
{
	const uint16_t h = 0x1234;
	const uint32_t w = 0x12345678;
	const uint64_t d = 0x123456789abcdef0;
	uint64_t out = 0;
	uint16_t h2;

	(void)state;
	assert_true(load_host(&h, 2) == h);
	assert_true(load_host(&w, 4) == w);
	assert_true(load_host(&d, 8) == d);
	assert_true(load_host("\x80", 1) == 0x80);
	store_host(&out, 8, d);
	assert_true(out == d);
	store_host(&h2, 2, 0xffff1234);
	assert_int_equal(h2, 0x1234);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(load__byte_order_is_the_named_one),
		cmocka_unit_test(load__top_bit_is_no_sign),
		cmocka_unit_test(store__is_what_load_reads_and_no_byte_more),
		cmocka_unit_test(host__sizes_agree_with_the_types),
	};

	return RUN_TESTS(tests);
}
