/* tests/unit/test_order.c - vmm/snapshot/order.c. */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/temp_folder.h"
#include "vmm/snapshot/order.h"

#define ID "00000000-0000-4000-8000-000000000001"
#define OTHER "00000000-0000-4000-8000-000000000002"

struct rig {
	struct temp_folder folder;
	int dir;
	struct order order;
};

static int rig_begin(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));
	struct err err = { 0 };

	assert_non_null(rig);
	assert_int_equal(temp_folder_make(&rig->folder, "/tmp"), 0);
	rig->dir = open(rig->folder.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (unsigned i = 0; i < 1000; i++)
		order_add(&rig->order, i % 3, i * UINT64_C(7919));
	assert_int_equal(order_write(&rig->order, rig->dir, ID, &err), 0);
	*state = rig;
	return 0;
}

static int rig_end(void **state)
{
	struct rig *rig = *state;

	order_finish(&rig->order);
	(void)close(rig->dir);
	assert_int_equal(temp_folder_remove(&rig->folder), 0);
	free(rig);
	return 0;
}

static void read__is_what_was_written(void **state)
{
	struct rig *rig = *state;
	struct order got = { 0 };
	struct err err = { 0 };

	/* A second one takes the first one's place. */
	order_add(&rig->order, 0xffff, 0xffffffffffff);
	assert_int_equal(order_write(&rig->order, rig->dir, ID, &err), 0);
	assert_int_equal(order_read(&got, rig->dir, ID, &err), 0);
	assert_int_equal(got.count, 1001);
	assert_memory_equal(got.at, rig->order.at, 1001 * sizeof(*got.at));
	order_finish(&got);
}

static void add__has_an_end(void **state)
{
	struct order order = { 0 };

	(void)state;
	for (unsigned i = 0; i < ORDER_MOST + 5; i++)
		order_add(&order, 0, i);
	assert_int_equal(order.count, ORDER_MOST);
	assert_int_equal(order.at[ORDER_MOST - 1].chunk, ORDER_MOST - 1);
	order_finish(&order);
}

static void read__refuses_what_is_not_this_snapshots(void **state)
{
	const struct rig *rig = *state;
	struct order got = { 0 };
	struct err err = { 0 };

	assert_int_equal(order_read(&got, rig->dir, OTHER, &err), -EBADMSG);
	assert_null(got.at);
	assert_int_equal(unlinkat(rig->dir, "order", 0), 0);
	assert_int_equal(order_read(&got, rig->dir, ID, &err), -ENOENT);
	assert_int_equal(symlinkat("/etc/passwd", rig->dir, "order"), 0);
	assert_true(order_read(&got, rig->dir, ID, &err) < 0);
	assert_null(got.at);
}

/* Any byte may be another, and the file may end anywhere. */
static void read__refuses_damage(void **state)
{
	const struct rig *rig = *state;
	const int fd = openat(rig->dir, "order", O_RDWR | O_CLOEXEC);
	struct order got = { 0 };
	struct err err = { 0 };
	uint8_t byte;

	assert_true(fd >= 0);
	for (off_t at = 0; at < 8064; at += at < 80 ? 1 : 97) {
		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= 0x40;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		assert_int_equal(order_read(&got, rig->dir, ID, &err),
				 -EBADMSG);
		byte ^= 0x40;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	}
	assert_int_equal(order_read(&got, rig->dir, ID, &err), 0);
	order_finish(&got);
	for (off_t size = 8063; size >= 0; size -= 61) {
		assert_int_equal(ftruncate(fd, size), 0);
		assert_int_equal(order_read(&got, rig->dir, ID, &err),
				 -EBADMSG);
	}
	(void)close(fd);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, rig_begin, rig_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(read__is_what_was_written),
		TEST(add__has_an_end),
		TEST(read__refuses_what_is_not_this_snapshots),
		TEST(read__refuses_damage),
	};

	return RUN_TESTS(tests);
}
