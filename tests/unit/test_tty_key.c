/* tests/unit/test_tty_key.c - host/tty_key.c. */
#include "host/tty_key.h"
#include "tests/unit/test.h"

static enum tty_key press(bool *escape, uint8_t byte, uint8_t *got)
{
	*got = byte;
	return tty_key(escape, got);
}

static void key__every_other_byte_is_the_guests(void **state)
{
	bool escape = false;
	uint8_t got;

	(void)state;
	for (unsigned b = 0; b < 256; b++) {
		if (b == 0x01)
			continue;
		assert_int_equal(press(&escape, (uint8_t)b, &got),
				 TTY_KEY_BYTE);
		assert_int_equal(got, b);
		assert_false(escape);
	}
}

static void key__after_ctrl_a_letters_have_meanings(void **state)
{
	static const struct {
		uint8_t byte;
		enum tty_key key;
	} keys[] = {
		{ 'x', TTY_KEY_QUIT }, { 'b', TTY_KEY_BREAK },
		{ 'h', TTY_KEY_HELP }, { 'X', TTY_KEY_NONE },
		{ 0, TTY_KEY_NONE },   { 0xff, TTY_KEY_NONE },
	};
	bool escape = false;
	uint8_t got;

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		assert_int_equal(press(&escape, 0x01, &got), TTY_KEY_NONE);
		assert_int_equal(press(&escape, keys[i].byte, &got),
				 keys[i].key);
		assert_int_equal(press(&escape, 'x', &got), TTY_KEY_BYTE);
	}
}

static void key__ctrl_a_can_be_sent(void **state)
{
	bool escape = false;
	uint8_t got;

	(void)state;
	assert_int_equal(press(&escape, 0x01, &got), TTY_KEY_NONE);
	assert_int_equal(press(&escape, 0x01, &got), TTY_KEY_BYTE);
	assert_int_equal(got, 0x01);
	assert_int_equal(press(&escape, 0x01, &got), TTY_KEY_NONE);
	assert_int_equal(press(&escape, 'a', &got), TTY_KEY_BYTE);
	assert_int_equal(got, 0x01);
	assert_int_equal(press(&escape, 'x', &got), TTY_KEY_BYTE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(key__every_other_byte_is_the_guests),
		cmocka_unit_test(key__after_ctrl_a_letters_have_meanings),
		cmocka_unit_test(key__ctrl_a_can_be_sent),
	};

	return RUN_TESTS(tests);
}
