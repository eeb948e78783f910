/* tests/unit/test_opt.c - base/opt.c. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/opt.h"
#include "base/size.h"
#include "tests/unit/test.h"

struct disk {
	const char *path;
	bool ro;
	uint64_t depth;
	uint64_t size;
	uint64_t wait;
	unsigned cache;
	enum opt_switch share;
};

static const char *const caches[] = { "auto", "direct", "writeback", NULL };

static const struct opt disk_opts[] = {
	OPT("path", OPT_STR, struct disk, path, .first = true,
	    .required = true),
	OPT("ro", OPT_BOOL, struct disk, ro),
	OPT("depth", OPT_NUMBER, struct disk, depth, .min = 1, .max = 256),
	OPT("size", OPT_SIZE, struct disk, size, .unit = 1 << 20),
	OPT("wait", OPT_DURATION, struct disk, wait),
	OPT("cache", OPT_WORD, struct disk, cache, .words = caches),
	OPT("share", OPT_SWITCH, struct disk, share),
};

static struct err err;
static char text[256];

static int parse(const char *s, struct disk *disk)
{
	err = (struct err){ 0 };
	(void)snprintf(text, sizeof(text), "%s", s);
	return opt_parse(disk_opts, sizeof(disk_opts) / sizeof(disk_opts[0]),
			 text, disk, &err);
}

static void parse__sets_every_type(void **state)
{
	struct disk d = { .depth = 7 };

	(void)state;
	assert_int_equal(parse("path=a.img,ro,depth=0x10,size=2,wait=5ms,"
			       "cache=writeback",
			       &d),
			 0);
	assert_string_equal(d.path, "a.img");
	assert_true(d.ro);
	assert_int_equal(d.depth, 16);
	assert_int_equal(d.size, 2 << 20);
	assert_int_equal(d.wait, 5000000);
	assert_int_equal(d.cache, 2);
}

static void parse__switch_tells_off_from_not_given(void **state)
{
	static const struct {
		const char *text;
		enum opt_switch want;
	} good[] = {
		{ "path=a", SWITCH_UNSET },
		{ "path=a,share", SWITCH_ON },
		{ "path=a,share=on", SWITCH_ON },
		{ "path=a,share=off", SWITCH_OFF },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct disk d = { 0 };

		assert_int_equal(parse(good[i].text, &d), 0);
		assert_int_equal(d.share, good[i].want);
	}
	assert_int_equal(parse("path=a,share=no", &(struct disk){ 0 }),
			 -EINVAL);
	assert_string_equal(err.msg, "share: 'no' is neither on nor off");
}

static void parse__defaults_stay(void **state)
{
	struct disk d = { .depth = 7, .ro = true };

	(void)state;
	assert_int_equal(parse("path=a", &d), 0);
	assert_int_equal(d.depth, 7);
	assert_true(d.ro);
	assert_int_equal(parse("path=a,ro=off", &d), 0);
	assert_false(d.ro);
}

static void parse__first_item_may_go_without_its_key(void **state)
{
	struct disk d = { 0 };

	(void)state;
	assert_int_equal(parse("a.img,ro=on", &d), 0);
	assert_string_equal(d.path, "a.img");
	assert_true(d.ro);
	assert_int_equal(parse("ro", &d), 0);
	assert_string_equal(d.path, "ro");
	assert_int_equal(parse("a=b", &d), 0);
	assert_string_equal(d.path, "a=b");
	assert_int_equal(parse("ro,path=b", &d), -EINVAL);
	assert_string_equal(err.msg, "path: given twice");
	assert_int_equal(parse("ro=on,path=b", &d), 0);
	assert_int_equal(parse("ro=on,b", &d), -EINVAL);
}

static void parse__two_commas_are_one(void **state)
{
	struct disk d = { 0 };

	(void)state;
	assert_int_equal(parse("a,,b.img,ro", &d), 0);
	assert_string_equal(d.path, "a,b.img");
	assert_true(d.ro);
	assert_int_equal(parse("path=,,,,", &d), 0);
	assert_string_equal(d.path, ",,");
}

static void parse__unknown_key_names_the_closest(void **state)
{
	struct disk d = { 0 };

	(void)state;
	assert_int_equal(parse("a,dept=4", &d), -EINVAL);
	assert_string_equal(err.msg,
			    "unknown key 'dept' (did you mean 'depth'?)");
	assert_int_equal(parse("a,zzzzz", &d), -EINVAL);
	assert_string_equal(err.msg, "unknown key 'zzzzz'");
	assert_true(err.input);
}

static void parse__bad_values_name_key_and_value(void **state)
{
	static const struct {
		const char *text;
		const char *msg;
	} bad[] = {
		{ "a,depth=0", "depth: '0' is not from 1 to 256" },
		{ "a,depth=257", "depth: '257' is not from 1 to 256" },
		{ "a,depth=99999999999999999999",
		  "depth: '99999999999999999999' is not from 1 to 256" },
		{ "a,depth=4K", "depth: '4K' is not a number" },
		{ "a,depth=", "depth: value missing" },
		{ "a,depth", "depth: value missing" },
		{ "a,size=1Q", "size: '1Q' is not a size: " SIZE_FORM },
		{ "a,wait=1x", "wait: '1x' is not a duration" },
		{ "a,ro=yes", "ro: 'yes' is neither on nor off" },
		{ "a,ro=", "ro: '' is neither on nor off" },
		{ "a,cache=drect",
		  "cache: unknown value 'drect' (did you mean 'direct'?)" },
		{ "path=", "path: value missing" },
		{ "a,ro,ro", "ro: given twice" },
		{ "", "path is missing" },
		{ "ro=on", "path is missing" },
		{ "a,", "a key is missing at a comma" },
		{ "a, ro", "unknown key ' ro' (did you mean 'ro'?)" },
	};
	struct disk d;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse(bad[i].text, &d), -EINVAL);
		assert_string_equal(err.msg, bad[i].msg);
	}
}

static void parse__no_text_is_fine_where_nothing_is_required(void **state)
{
	static const struct opt opts[] = {
		OPT("ro", OPT_BOOL, struct disk, ro),
	};
	struct disk d = { 0 };

	(void)state;
	assert_int_equal(opt_parse(opts, 1, NULL, &d, &err), 0);
	text[0] = '\0';
	assert_int_equal(opt_parse(opts, 1, text, &d, &err), 0);
	assert_false(d.ro);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse__sets_every_type),
		cmocka_unit_test(parse__switch_tells_off_from_not_given),
		cmocka_unit_test(parse__defaults_stay),
		cmocka_unit_test(parse__first_item_may_go_without_its_key),
		cmocka_unit_test(parse__two_commas_are_one),
		cmocka_unit_test(parse__unknown_key_names_the_closest),
		cmocka_unit_test(parse__bad_values_name_key_and_value),
		cmocka_unit_test(
			parse__no_text_is_fine_where_nothing_is_required),
	};

	return RUN_TESTS(tests);
}
