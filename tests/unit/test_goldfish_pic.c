/* tests/unit/test_goldfish_pic.c - devices/goldfish_pic.c. */
#include "devices/goldfish_pic.h"
#include "tests/unit/test.h"

enum {
	COUNT = 0x00,
	PENDING = 0x04,
	OFF = 0x08,
	DISABLE = 0x0c,
	ENABLE = 0x10
};

static struct device *pic;
static unsigned changes;

static void changed(void *ctx)
{
	++*(unsigned *)ctx;
}

static int setup(void **state)
{
	(void)state;
	changes = 0;
	pic = goldfish_pic_new(changed, &changes);
	return pic ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	pic->ops->destroy(pic);
	return 0;
}

static uint32_t get(uint64_t offset)
{
	return (uint32_t)pic->ops->read(pic, offset, 4);
}

static void put(uint64_t offset, uint32_t val)
{
	pic->ops->write(pic, offset, 4, val);
}

static void set__is_heard_once_the_input_is_enabled(void **state)
{
	(void)state;
	assert_false(goldfish_pic_set(pic, 4, true));
	assert_false(goldfish_pic_output(pic));
	assert_int_equal(get(PENDING), 0);
	put(ENABLE, 1 << 4);
	assert_true(goldfish_pic_output(pic));
	assert_int_equal(get(PENDING), 1 << 4);
	assert_int_equal(get(COUNT), 1);
}

static void set__tells_whether_to_look(void **state)
{
	(void)state;
	put(ENABLE, 1 << 5);
	assert_true(goldfish_pic_set(pic, 5, true));
	assert_true(goldfish_pic_set(pic, 5, true));
	assert_false(goldfish_pic_set(pic, 6, true)); /* nobody wants it */
	assert_false(goldfish_pic_set(pic, 5, false));
	assert_false(goldfish_pic_output(pic));
}

static void set__reaches_the_first_and_the_last_input(void **state)
{
	(void)state;
	put(ENABLE, UINT32_MAX);
	assert_true(goldfish_pic_set(pic, 0, true));
	assert_true(goldfish_pic_set(pic, 31, true));
	assert_int_equal(get(PENDING), 0x80000001);
	assert_int_equal(get(COUNT), 2);
}

static void write__disabling_leaves_the_level_alone(void **state)
{
	(void)state;
	put(ENABLE, 3);
	(void)goldfish_pic_set(pic, 0, true);
	(void)goldfish_pic_set(pic, 1, true);
	put(DISABLE, 1);
	assert_int_equal(get(PENDING), 2);
	put(OFF, 0);
	assert_int_equal(get(PENDING), 0);
	put(ENABLE, 1);
	assert_int_equal(get(PENDING), 1);
}

static void write__tells_of_a_change_where_an_input_is_high(void **state)
{
	(void)state;
	put(ENABLE, 1U << 31);
	assert_int_equal(changes, 0);
	(void)goldfish_pic_set(pic, 0, true);
	put(ENABLE, 1 << 30);
	assert_int_equal(changes, 0); /* of inputs that are low */
	put(ENABLE, 1);
	assert_int_equal(changes, 1);
	put(ENABLE, 1);
	assert_int_equal(changes, 1); /* it was enabled before */
	put(DISABLE, 1);
	assert_int_equal(changes, 2);
	put(OFF, 0);
	assert_int_equal(changes, 2);
	put(ENABLE, UINT32_MAX);
	put(OFF, 0);
	assert_int_equal(changes, 4);
	put(PENDING, UINT32_MAX); /* not to be written */
	assert_int_equal(changes, 4);
}

static void read__of_what_is_only_written_is_0(void **state)
{
	(void)state;
	put(ENABLE, UINT32_MAX);
	assert_int_equal(get(OFF), 0);
	assert_int_equal(get(DISABLE), 0);
	assert_int_equal(get(ENABLE), 0);
	assert_int_equal(get(0xfc), 0);
}

static void reset__forgets_inputs_and_enables(void **state)
{
	(void)state;
	put(ENABLE, UINT32_MAX);
	(void)goldfish_pic_set(pic, 7, true);
	pic->ops->reset(pic);
	assert_false(goldfish_pic_output(pic));
	put(ENABLE, UINT32_MAX);
	assert_int_equal(get(PENDING), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			set__is_heard_once_the_input_is_enabled, setup,
			teardown),
		cmocka_unit_test_setup_teardown(set__tells_whether_to_look,
						setup, teardown),
		cmocka_unit_test_setup_teardown(
			set__reaches_the_first_and_the_last_input, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			write__disabling_leaves_the_level_alone, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			write__tells_of_a_change_where_an_input_is_high, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			read__of_what_is_only_written_is_0, setup, teardown),
		cmocka_unit_test_setup_teardown(
			reset__forgets_inputs_and_enables, setup, teardown),
	};

	return RUN_TESTS(tests);
}
