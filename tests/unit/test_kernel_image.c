/* tests/unit/test_kernel_image.c - vmm/boot/kernel_image.c and
 * vmm/boot/decompress.c. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ZLIB_CONST
#include <zlib.h>
#include <zstd.h>

#include "base/bytes.h"
#include "base/file.h"
#include "tests/unit/test.h"
#include "vmm/boot/kernel_image.h"

#define LIMIT (1ULL << 20)

struct blob {
	uint8_t data[4096];
	size_t len;
};

static char path[32];
static int fd = -1;
static struct err err;
static struct kernel_image image;

/* A file of these bytes; the one before is gone. */
static const char *file_of(const void *data, size_t len)
{
	if (fd >= 0)
		(void)close(fd);
	fd = memfd_create("kernel", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(file_write_at(fd, data, len, 0), 0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return path;
}

static int open_blob(const struct blob *b, uint64_t limit)
{
	err = (struct err){ 0 };
	kernel_image_finish(&image);
	return kernel_image_open(&image, file_of(b->data, b->len), limit, &err);
}

static struct blob gz(const void *data, size_t len)
{
	struct blob b = { 0 };
	z_stream z = { 0 };

	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 8, 0),
			 Z_OK);
	z.next_in = data;
	z.avail_in = (unsigned)len;
	z.next_out = b.data;
	z.avail_out = sizeof(b.data);
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	b.len = sizeof(b.data) - z.avail_out;
	(void)deflateEnd(&z);
	return b;
}

static struct blob zst(const void *data, size_t len)
{
	struct blob b = { 0 };

	b.len = ZSTD_compress(b.data, sizeof(b.data), data, len, 19);
	assert_false(ZSTD_isError(b.len));
	return b;
}

/* An EFI zboot file; the payload at 4096 in a real one, at 128 in this. */
static struct blob zboot(const struct blob *payload, const char *method)
{
	struct blob b = { .data = "MZ", .len = 128 + payload->len };

	memcpy(b.data + 4, "zimg", 4);
	store_le32(b.data + 8, 128);
	store_le32(b.data + 12, (uint32_t)payload->len);
	memcpy(b.data + 24, method, strlen(method));
	memcpy(b.data + 128, payload->data, payload->len);
	return b;
}

/* What a kernel is to these tests: 3000 bytes, no two like each other. */
static const uint8_t *kernel(void)
{
	static uint8_t k[3000];

	for (size_t i = 0; i < sizeof(k); i++)
		k[i] = (uint8_t)(i * 7 + i / 256);
	return k;
}

static void holds_the_kernel(void)
{
	uint8_t got[3000];

	assert_int_equal(image.size, 3000);
	assert_int_equal(kernel_image_copy(&image, 0, got, 3000, &err), 0);
	assert_memory_equal(got, kernel(), 3000);
}

static void open__missing_kernel_says_what_scripts_look_for(void **state)
{
	(void)state;
	err = (struct err){ 0 };
	assert_int_equal(
		kernel_image_open(&image, "/nonexistent/Image", LIMIT, &err),
		-ENOENT);
	assert_string_equal(err.msg, "Unable to open kernel /nonexistent/Image:"
				     " No such file or directory");
	assert_true(err.input);
}

static void open__what_is_no_file_is_refused(void **state)
{
	(void)state;
	assert_int_equal(kernel_image_open(&image, "/", LIMIT, &err), -EISDIR);
	assert_int_equal(kernel_image_open(&image, "/dev/null", LIMIT, &err),
			 -EINVAL);
	assert_int_equal(open_blob(&(struct blob){ 0 }, LIMIT), -ENODATA);
	assert_true(err.input);
}

static void open__plain_file_is_not_read(void **state)
{
	struct blob b = { .len = 3000 };

	(void)state;
	memcpy(b.data, kernel(), 3000);
	assert_int_equal(open_blob(&b, LIMIT), 0);
	assert_int_equal(image.format, KERNEL_FLAT);
	assert_null(image.data);
	holds_the_kernel();
}

static void open__one_byte_is_a_flat_image(void **state)
{
	(void)state;
	assert_int_equal(open_blob(&(struct blob){ .len = 1 }, LIMIT), 0);
	assert_int_equal(image.format, KERNEL_FLAT);
	assert_int_equal(image.size, 1);
}

static void open__elf_is_told_from_flat(void **state)
{
	const struct blob b = { .data = "\177ELF", .len = 4 };

	(void)state;
	assert_int_equal(open_blob(&b, LIMIT), 0);
	assert_int_equal(image.format, KERNEL_ELF);
}

static void open__every_wrapping_comes_off(void **state)
{
	const struct blob g = gz(kernel(), 3000), z = zst(kernel(), 3000);
	const struct blob all[] = {
		g,
		z,
		zboot(&g, "gzip"),
		zboot(&z, "zstd"),
		zboot(&z, "zstd22"),
		gz(g.data, g.len),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
		assert_int_equal(open_blob(&all[i], LIMIT), 0);
		assert_int_equal(image.fd, -1);
		holds_the_kernel();
	}
}

static void open__three_wrappings_are_too_many(void **state)
{
	struct blob b = gz(kernel(), 3000);

	(void)state;
	for (int i = 0; i < 2; i++)
		b = gz(b.data, b.len);
	assert_int_equal(open_blob(&b, LIMIT), -EBADMSG);
}

static void open__bytes_behind_the_compressed_ones_do_not_matter(void **state)
{
	struct blob b = gz(kernel(), 3000);

	(void)state;
	b.len += 10;
	assert_int_equal(open_blob(&b, LIMIT), 0);
	holds_the_kernel();
}

static void open__truncation_anywhere_is_noticed(void **state)
{
	const struct blob whole[] = { gz(kernel(), 3000), zst(kernel(), 3000) };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct blob b = whole[i];

		/* Shorter, and it is no more than a strange flat file. */
		for (b.len = 4; b.len < whole[i].len; b.len++) {
			assert_int_equal(open_blob(&b, LIMIT), -EBADMSG);
			assert_true(err.input);
			assert_non_null(strstr(err.msg, path));
		}
	}
}

static void open__broken_data_is_noticed(void **state)
{
	struct blob b = gz(kernel(), 3000);

	(void)state;
	b.data[b.len - 8] ^= 1; /* the checksum */
	assert_int_equal(open_blob(&b, LIMIT), -EBADMSG);
	b = zst(kernel(), 3000);
	memset(b.data + 8, 0xff, b.len - 8);
	assert_int_equal(open_blob(&b, LIMIT), -EBADMSG);
}

static void open__limit_is_exact(void **state)
{
	const struct blob all[] = { gz(kernel(), 3000), zst(kernel(), 3000) };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(open_blob(&all[i], 3000), 0);
		assert_int_equal(open_blob(&all[i], 2999), -EFBIG);
		assert_true(err.input);
	}
}

static void open__compressed_nothing_is_refused(void **state)
{
	const struct blob b = gz("", 0);

	(void)state;
	assert_int_equal(open_blob(&b, LIMIT), -EBADMSG);
}

static void open__zboot_payload_ends_with_the_file(void **state)
{
	const struct blob g = gz(kernel(), 3000);
	struct blob b = zboot(&g, "gzip");

	(void)state;
	b.len--;
	assert_int_equal(open_blob(&b, LIMIT), -EBADMSG);
	b = zboot(&g, "gzip");
	store_le32(b.data + 8, UINT32_MAX);
	store_le32(b.data + 12, UINT32_MAX);
	assert_int_equal(open_blob(&b, LIMIT), -EBADMSG);
	store_le32(b.data + 8, 128);
	store_le32(b.data + 12, 0);
	assert_int_equal(open_blob(&b, LIMIT), -EBADMSG);
}

static void open__zboot_of_another_method_is_refused(void **state)
{
	const struct blob g = gz(kernel(), 3000);
	struct blob b = zboot(&g, "xzkern");

	(void)state;
	assert_int_equal(open_blob(&b, LIMIT), -ENOTSUP);
	memset(b.data + 24, 'x', 32); /* no end */
	assert_int_equal(open_blob(&b, LIMIT), -ENOTSUP);
}

static void open__other_compression_is_told_from_flat(void **state)
{
	static const char xz[] = "\3757zXZ\0\0\4\xe6\xd6\xb4\x46";
	static const char lz4[] = "\x02\x21\x4c\x18\x10\0\0\0";
	char want[128];

	(void)state;
	kernel_image_finish(&image);
	assert_int_equal(
		kernel_image_open(&image, file_of(xz, sizeof(xz)), LIMIT, &err),
		-ENOTSUP);
	(void)snprintf(want, sizeof(want),
		       "kernel %s: compressed with xz; known are gzip and zstd",
		       path);
	assert_string_equal(err.msg, want);
	assert_true(err.input);
	assert_int_equal(kernel_image_open(&image, file_of(lz4, sizeof(lz4)),
					   LIMIT, &err),
			 -ENOTSUP);

	/* What only begins like one is a program. */
	assert_int_equal(kernel_image_open(&image, file_of(xz, 5), LIMIT, &err),
			 0);
	assert_int_equal(image.format, KERNEL_FLAT);
}

static void open__what_is_plainly_no_kernel_is_refused(void **state)
{
	struct blob b = { .len = 3000 }, packed;
	char want[128];

	(void)state;
	memcpy(b.data, kernel(), 3000);
	memcpy(b.data, "070701", 6);
	assert_int_equal(open_blob(&b, LIMIT), -ENOTSUP);
	(void)snprintf(want, sizeof(want),
		       "kernel %s: it is a cpio archive (an initial RAM "
		       "disk?)",
		       path);
	assert_string_equal(err.msg, want);
	assert_true(err.input);

	/* Nor does a wrapping hide it. */
	packed = gz(b.data, 3000);
	assert_int_equal(open_blob(&packed, LIMIT), -ENOTSUP);
	memcpy(b.data, "BZh11AY&SY", 10);
	packed = zst(b.data, 3000);
	assert_int_equal(open_blob(&packed, LIMIT), -ENOTSUP);
}

static void open_raw__nothing_comes_off(void **state)
{
	const struct blob b = gz(kernel(), 3000);

	(void)state;
	kernel_image_finish(&image);
	assert_int_equal(
		kernel_image_open_raw(&image, file_of(b.data, b.len), &err), 0);
	assert_int_equal(image.size, b.len);
}

static void copy__ends_where_the_image_ends(void **state)
{
	const struct blob g = gz(kernel(), 3000);
	struct blob plain = { .len = 3000 };
	uint8_t b[2];

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(open_blob(i ? &g : &plain, LIMIT), 0);
		assert_int_equal(kernel_image_copy(&image, 2999, b, 1, &err),
				 0);
		assert_int_equal(kernel_image_copy(&image, 3000, b, 0, &err),
				 0);
		assert_int_equal(kernel_image_copy(&image, 2999, b, 2, &err),
				 -EBADMSG);
		assert_int_equal(kernel_image_copy(&image, 3001, b, 0, &err),
				 -EBADMSG);
		assert_int_equal(
			kernel_image_copy(&image, UINT64_MAX, b, 2, &err),
			-EBADMSG);
	}
}

static void copy__file_that_shrank_is_noticed(void **state)
{
	const struct blob plain = { .len = 3000 };
	uint8_t b[100];

	(void)state;
	assert_int_equal(open_blob(&plain, LIMIT), 0);
	assert_int_equal(ftruncate(fd, 50), 0);
	assert_int_equal(kernel_image_copy(&image, 0, b, 100, &err), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			open__missing_kernel_says_what_scripts_look_for),
		cmocka_unit_test(open__what_is_no_file_is_refused),
		cmocka_unit_test(open__plain_file_is_not_read),
		cmocka_unit_test(open__one_byte_is_a_flat_image),
		cmocka_unit_test(open__elf_is_told_from_flat),
		cmocka_unit_test(open__every_wrapping_comes_off),
		cmocka_unit_test(open__three_wrappings_are_too_many),
		cmocka_unit_test(
			open__bytes_behind_the_compressed_ones_do_not_matter),
		cmocka_unit_test(open__truncation_anywhere_is_noticed),
		cmocka_unit_test(open__broken_data_is_noticed),
		cmocka_unit_test(open__limit_is_exact),
		cmocka_unit_test(open__compressed_nothing_is_refused),
		cmocka_unit_test(open__zboot_payload_ends_with_the_file),
		cmocka_unit_test(open__zboot_of_another_method_is_refused),
		cmocka_unit_test(open__other_compression_is_told_from_flat),
		cmocka_unit_test(open__what_is_plainly_no_kernel_is_refused),
		cmocka_unit_test(open_raw__nothing_comes_off),
		cmocka_unit_test(copy__ends_where_the_image_ends),
		cmocka_unit_test(copy__file_that_shrank_is_noticed),
	};
	int r = RUN_TESTS(tests);

	kernel_image_finish(&image);
	return r;
}
