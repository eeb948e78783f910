/* tests/unit/test_test_modules.c - vmm/test/modules.c. */
#include "vmm/test/modules.h"

#include <errno.h>
#include <lzma.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/file.h"
#include "tests/unit/temp_folder.h"
#include "tests/unit/test.h"

#define ELF "\177ELF of a module"

static struct temp_folder folder;

static int make_folder(void **state)
{
	(void)state;
	return temp_folder_make(&folder, "/tmp");
}

static int remove_folder(void **state)
{
	(void)state;
	return temp_folder_remove(&folder);
}

static void put_bytes(const char *name, const void *data, size_t size)
{
	char path[TEMP_PATH_SIZE];
	struct err err = { 0 };

	temp_folder_put(&folder, name, "");
	temp_folder_path(&folder, name, path);
	assert_int_equal(file_write_all(path, FILE_FOR_ALL, data, size, &err),
			 0);
}

static void put_xz(const char *name)
{
	uint8_t out[512];
	size_t len = 0;

	assert_int_equal(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, NULL,
						 (const uint8_t *)ELF,
						 sizeof(ELF), out, &len,
						 sizeof(out)),
			 LZMA_OK);
	put_bytes(name, out, len);
}

static void read__needs_come_first_and_once(void **state)
{
	static const char *const names[] = { "virtio-fs", "fuse", "absent",
					     "over_lay", NULL };
	uint8_t zstd[512];
	struct modules modules;
	struct err err = { 0 };

	(void)state;
	temp_folder_put(&folder, "modules.dep",
			"k/fuse.ko.zst:\n"
			"k/virtio_fs.ko.xz: k/ring.ko k/fuse.ko.zst k/a.ko\n"
			"k/over-lay.ko:\nk/virtio_fs_more.ko:\n");
	put_bytes("k/fuse.ko.zst", zstd,
		  ZSTD_compress(zstd, sizeof(zstd), ELF, sizeof(ELF), 1));
	put_xz("k/virtio_fs.ko.xz");
	put_bytes("k/ring.ko", ELF, sizeof(ELF));
	put_bytes("k/a.ko", ELF, sizeof(ELF));
	put_bytes("k/over-lay.ko", ELF, sizeof(ELF));
	if (modules_read(&modules, folder.path, names, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(modules.count, 5);
	assert_string_equal(modules.file[0].name, "a");
	assert_string_equal(modules.file[1].name, "fuse");
	assert_string_equal(modules.file[2].name, "ring");
	assert_string_equal(modules.file[3].name, "virtio_fs");
	assert_string_equal(modules.file[4].name, "over-lay");
	for (size_t i = 0; i < modules.count; i++) {
		assert_int_equal(modules.file[i].size, sizeof(ELF));
		assert_memory_equal(modules.file[i].data, ELF, sizeof(ELF));
	}
	modules_finish(&modules);
}

static void refuse(const char *name, int code)
{
	const char *const names[] = { "m", NULL };
	char list[64];
	struct modules modules;
	struct err err = { 0 };

	(void)snprintf(list, sizeof(list), "%s:\n", name);
	temp_folder_put(&folder, "modules.dep", list);
	assert_int_equal(modules_read(&modules, folder.path, names, &err),
			 code);
	assert_true(err.input);
	modules_finish(&modules);
}

static void read__what_is_damaged_is_refused(void **state)
{
	(void)state;
	put_bytes("m.ko.xz", "\3757zXZ\0 and no more", 16);
	refuse("m.ko.xz", -EBADMSG);
	put_bytes("m.ko.gz", "\x1f\x8b and no more", 14);
	refuse("m.ko.gz", -EBADMSG);
	put_bytes("m.ko", "text, not a module", 18);
	refuse("m.ko", -ENOTSUP);
	put_bytes("m.ko", "", 0);
	refuse("m.ko", -ENOTSUP);
	refuse("gone/m.ko", -ENOENT);
}

static void version__is_that_of_the_banner(void **state)
{
	static char image[3 << 20];
	char path[TEMP_PATH_SIZE], version[MODULES_VERSION];
	struct err err = { 0 };

	(void)state;
	memset(image, 'x', sizeof(image));
	/* A format, and then, across the pieces that are read, the banner. */
	(void)strcpy(image + 100, "Linux version %s (%s)");
	(void)strcpy(image + (1 << 20) - 7, "Linux version 6.12.1-a+b (x) #1");
	put_bytes("Image", image, sizeof(image));
	temp_folder_path(&folder, "Image", path);
	assert_int_equal(modules_version(path, version, &err), 0);
	assert_string_equal(version, "6.12.1-a+b");
	(void)strcpy(image + (1 << 20) - 7, "Linux version ../../etc (x)    ");
	put_bytes("Image", image, sizeof(image));
	assert_int_equal(modules_version(path, version, &err), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(read__needs_come_first_and_once,
						make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(
			read__what_is_damaged_is_refused, make_folder,
			remove_folder),
		cmocka_unit_test_setup_teardown(version__is_that_of_the_banner,
						make_folder, remove_folder),
	};

	return RUN_TESTS(tests);
}
