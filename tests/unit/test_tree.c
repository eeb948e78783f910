/* tests/unit/test_tree.c - vmm/boot/tree.c. */
#include <errno.h>
#include <libfdt.h>
#include <string.h>

#include "base/fdt.h"
#include "base/file.h"
#include "tests/unit/temp_folder.h"
#include "tests/unit/test.h"
#include "vmm/boot/tree.h"

#define BASE UINT64_C(0x80000000)
#define SIZE UINT64_C(0x10000)

static const struct range ram = { BASE, SIZE };
static struct temp_folder folder;
static char path[TEMP_PATH_SIZE];
static uint8_t dtb[4096];
static struct tree_limits limits;
static struct tree_file file;
static struct err err;

static int setup(void **state)
{
	(void)state;
	limits = (struct tree_limits){ 1024, sizeof(dtb), &ram, 1 };
	err = (struct err){ 0 };
	if (temp_folder_make(&folder, "/tmp") < 0)
		return -1;
	temp_folder_path(&folder, "tree", path);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tree_file_finish(&file);
	return temp_folder_remove(&folder);
}

/* Writes a tree to the file whose memory is @at. */
static void make_tree(struct range at)
{
	struct fdt t;

	fdt_begin(&t, dtb, sizeof(dtb));
	fdt_node_at(&t, "memory", at.start);
	fdt_str(&t, "device_type", "memory");
	fdt_reg(&t, at);
	fdt_end(&t);
	assert_int_equal(fdt_done(&t, &err), 0);
	assert_int_equal(file_write_all(path, FILE_FOR_OWNER, dtb,
					fdt_totalsize(dtb), &err),
			 0);
}

static void check__a_tree_beside_a_command_line_is_refused(void **state)
{
	(void)state;
	assert_int_equal(tree_check_words(NULL, "x", &err), 0);
	assert_int_equal(tree_check_words("D", "", &err), 0);
	assert_int_equal(tree_check_words("D", "x", &err), -EINVAL);
	assert_true(err.input);
}

static void open__without_a_file_tells_the_room(void **state)
{
	(void)state;
	assert_int_equal(tree_file_open(&file, NULL, &limits, &err), 0);
	assert_null(file.dtb);
	assert_int_equal(file.size, 1024);
	limits.space = sizeof(dtb) + 1;
	assert_int_equal(tree_file_open(&file, NULL, &limits, &err), -E2BIG);
	assert_string_equal(err.msg, "the kernel command line is too long for "
				     "a device tree");
}

static void open__a_users_tree_is_copied_to_memory(void **state)
{
	static uint8_t host[SIZE];
	struct mem_region region = { .gpa = ram,
				     .host = host,
				     .kind = MEM_RAM };
	struct mem_map map = { 0 };
	struct range at;

	(void)state;
	make_tree(ram);
	assert_int_equal(tree_file_open(&file, path, &limits, &err), 0);
	assert_int_equal(file.size, fdt_totalsize(dtb));
	assert_int_equal(mem_add(&map, region, &err), 0);
	mem_freeze(&map);
	at = (struct range){ BASE + 4096, file.size };
	tree_file_copy(&file, &map, at);
	assert_memory_equal(host + 4096, dtb, (size_t)file.size);
	assert_int_equal(host[4095], 0);
	assert_int_equal(host[4096 + file.size], 0);
}

static void open__what_is_no_tree_is_refused(void **state)
{
	(void)state;
	temp_folder_put(&folder, "tree", "not a tree");
	assert_int_equal(tree_file_open(&file, path, &limits, &err), -EBADMSG);
	assert_true(err.input);
	assert_null(file.dtb);
}

static void open__other_memory_is_refused(void **state)
{
	(void)state;
	make_tree((struct range){ 0, SIZE });
	assert_int_equal(tree_file_open(&file, path, &limits, &err), -EINVAL);
	assert_true(err.input);
	assert_null(file.dtb);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(check__a_tree_beside_a_command_line_is_refused),
		TEST(open__without_a_file_tells_the_room),
		TEST(open__a_users_tree_is_copied_to_memory),
		TEST(open__what_is_no_tree_is_refused),
		TEST(open__other_memory_is_refused),
	};

	return RUN_TESTS(tests);
}
