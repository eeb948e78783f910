/* tests/unit/test_flash_image.c - host/flash_image.c, on files in the
 * working folder. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/log.h"
#include "host/flash_image.h"
#include "tests/unit/test.h"

#define IMAGE "test_flash_image.img"
#define MIB (1u << 20)

static struct err err;
static struct flash_image image;

static int setup(void **state)
{
	(void)state;
	err = (struct err){ 0 };
	log_set_level(LOG_ERROR);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	flash_image_finish(&image);
	(void)unlink(IMAGE);
	return 0;
}

static void make(off_t size)
{
	const int fd = open(IMAGE, O_RDWR | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
	(void)close(fd);
}

static void refused(int code, const char *sentence)
{
	err = (struct err){ 0 };
	assert_int_equal(
		flash_image_open(&image, IMAGE, false, true, 16 * MIB, &err),
		code);
	assert_true(err.input);
	assert_string_equal(err.msg, sentence);
}

static void must_open(bool ro)
{
	assert_int_equal(
		flash_image_open(&image, IMAGE, ro, true, 16 * MIB, &err), 0);
}

static uint8_t byte_at(off_t offset)
{
	uint8_t b = 0;
	const int fd = open(IMAGE, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(file_read_at(fd, &b, 1, (uint64_t)offset), 0);
	(void)close(fd);
	return b;
}

static void open__sizes_are_powers_of_two_from_a_block_to_the_room(void **state)
{
	static const off_t good[] = { FLASH_BLOCK, 4 * FLASH_BLOCK, 16 * MIB };

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		make(good[i]);
		must_open(false);
		assert_int_equal(image.size, good[i]);
		assert_false(image.ro);
		flash_image_finish(&image);
	}
	make(FLASH_BLOCK / 2);
	refused(-EINVAL, IMAGE ": its size is 32K; that of a flash is a power "
			       "of two, 64K to 16M");
	make(FLASH_BLOCK - 1);
	refused(-EINVAL, IMAGE ": its size is 65535; that of a flash is a "
			       "power of two, 64K to 16M");
	make(3 * FLASH_BLOCK);
	refused(-EINVAL, IMAGE ": its size is 192K; that of a flash is a power "
			       "of two, 64K to 16M");
	make(16 * MIB + 1);
	refused(-EINVAL, IMAGE ": its size is 16777217; that of a flash is a "
			       "power of two, 64K to 16M");
	make(32 * MIB);
	refused(-EINVAL, IMAGE ": its size is 32M; that of a flash is a power "
			       "of two, 64K to 16M");
}

static void open__what_is_no_file_of_bytes_is_refused(void **state)
{
	(void)state;
	refused(-ENOENT, IMAGE ": No such file or directory");
	make(0);
	refused(-ENODATA, IMAGE ": is empty");
	(void)unlink(IMAGE);
	assert_int_equal(mkdir(IMAGE, 0700), 0);
	refused(-EISDIR, IMAGE ": Is a directory");
	(void)rmdir(IMAGE);
	assert_int_equal(mkfifo(IMAGE, 0600), 0);
	refused(-EINVAL, IMAGE ": not a regular file");
}

static void open__one_writer_or_many_readers(void **state)
{
	struct flash_image other = { 0 };

	(void)state;
	make(FLASH_BLOCK);
	must_open(false);
	assert_int_equal(flash_image_open(&other, IMAGE, true, true, MIB, &err),
			 -EBUSY);
	assert_string_equal(err.msg, IMAGE ": this machine uses it twice, "
					   "and may write it");
	flash_image_finish(&image);

	must_open(true);
	assert_int_equal(flash_image_open(&other, IMAGE, true, true, MIB, &err),
			 0);
	flash_image_finish(&other);
	assert_int_equal(
		flash_image_open(&other, IMAGE, false, true, MIB, &err),
		-EBUSY);
}

static void open__a_file_that_may_not_be_written_is_read_only(void **state)
{
	struct flash_image other = { 0 };

	(void)state;
	make(FLASH_BLOCK);
	assert_int_equal(chmod(IMAGE, 0400), 0);
	if (geteuid() == 0) {
		/* Nothing stops root but what is running. */
		assert_int_equal(flash_image_open(&other, "/proc/self/exe",
						  false, true, UINT64_MAX,
						  &err),
				 -EINVAL);
		assert_string_not_equal(err.msg, "/proc/self/exe: Text file "
						 "busy");
		return;
	}
	must_open(false);
	assert_true(image.ro);
	assert_int_equal(chmod(IMAGE, 0), 0);
	refused(-EACCES, IMAGE ": Permission denied");
}

static void program__clears_bits_and_sets_none(void **state)
{
	const uint8_t first[] = { 0xf0, 0xff, 0x00 };
	const uint8_t second[] = { 0x3f, 0x81, 0xff };

	(void)state;
	make(FLASH_BLOCK);
	must_open(false);
	assert_int_equal(flash_image_erase(&image, 0), 0);
	assert_int_equal(flash_image_program(&image, FLASH_BLOCK - 3, first, 3),
			 0);
	assert_int_equal(
		flash_image_program(&image, FLASH_BLOCK - 3, second, 3), 0);
	assert_int_equal(byte_at(FLASH_BLOCK - 4), 0xff);
	assert_int_equal(byte_at(FLASH_BLOCK - 3), 0x30);
	assert_int_equal(byte_at(FLASH_BLOCK - 2), 0x81);
	assert_int_equal(byte_at(FLASH_BLOCK - 1), 0);
	assert_int_equal(flash_image_program(&image, 0, first, 0), 0);
}

static void erase__sets_one_block_and_no_byte_beside_it(void **state)
{
	(void)state;
	make(4 * FLASH_BLOCK);
	must_open(false);
	assert_int_equal(flash_image_erase(&image, FLASH_BLOCK), 0);
	assert_int_equal(byte_at(FLASH_BLOCK - 1), 0);
	assert_int_equal(byte_at(FLASH_BLOCK), 0xff);
	assert_int_equal(byte_at(2 * FLASH_BLOCK - 1), 0xff);
	assert_int_equal(byte_at(2 * FLASH_BLOCK), 0);
	assert_int_equal(flash_image_erase(&image, 3 * FLASH_BLOCK), 0);
	assert_int_equal(byte_at(4 * FLASH_BLOCK - 1), 0xff);
}

static void sync__knows_whether_there_is_anything(void **state)
{
	const uint8_t none = 0xff, some = 0xfe;

	(void)state;
	make(FLASH_BLOCK);
	must_open(false);
	assert_int_equal(flash_image_sync(&image), 0);
	assert_false(image.unsynced);
	assert_int_equal(flash_image_erase(&image, 0), 0);
	assert_true(image.unsynced);
	assert_int_equal(flash_image_sync(&image), 0);
	assert_false(image.unsynced);
	assert_int_equal(flash_image_program(&image, 0, &none, 1), 0);
	assert_false(image.unsynced);
	assert_int_equal(flash_image_program(&image, 0, &some, 1), 0);
	assert_true(image.unsynced);
}

static void read_only__is_neither_programmed_nor_erased(void **state)
{
	const uint8_t zero = 0;
	uint8_t got = 1;

	(void)state;
	make(FLASH_BLOCK);
	must_open(true);
	assert_int_equal(flash_image_program(&image, 0, &zero, 1), -EROFS);
	assert_int_equal(flash_image_erase(&image, 0), -EROFS);
	assert_int_equal(flash_image_read(&image, FLASH_BLOCK - 1, &got, 1), 0);
	assert_int_equal(got, 0);
	assert_false(image.unsynced);
}

static void failure__of_the_host_is_an_error_and_told_once(void **state)
{
	const uint8_t zero = 0;
	uint8_t got[8];

	(void)state;
	make(4 * FLASH_BLOCK);
	must_open(false);
	assert_int_equal(truncate(IMAGE, FLASH_BLOCK + 4), 0);
	assert_int_equal(flash_image_read(&image, FLASH_BLOCK - 4, got, 8), 0);
	assert_false(image.failed);
	assert_int_equal(flash_image_read(&image, FLASH_BLOCK - 3, got, 8),
			 -ENODATA);
	assert_true(image.failed);
	assert_int_equal(flash_image_program(&image, 2 * FLASH_BLOCK, &zero, 1),
			 -ENODATA);
	/* A descriptor that takes no write, as a full disk does not. */
	(void)close(image.fd);
	image.fd = open(IMAGE, O_RDONLY);
	assert_int_equal(flash_image_erase(&image, 0), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			open__sizes_are_powers_of_two_from_a_block_to_the_room,
			setup, teardown),
		cmocka_unit_test_setup_teardown(
			open__what_is_no_file_of_bytes_is_refused, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			open__one_writer_or_many_readers, setup, teardown),
		cmocka_unit_test_setup_teardown(
			open__a_file_that_may_not_be_written_is_read_only,
			setup, teardown),
		cmocka_unit_test_setup_teardown(
			program__clears_bits_and_sets_none, setup, teardown),
		cmocka_unit_test_setup_teardown(
			erase__sets_one_block_and_no_byte_beside_it, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			sync__knows_whether_there_is_anything, setup, teardown),
		cmocka_unit_test_setup_teardown(
			read_only__is_neither_programmed_nor_erased, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			failure__of_the_host_is_an_error_and_told_once, setup,
			teardown),
	};

	return RUN_TESTS(tests);
}
