/* tests/unit/test_device_state.c - what simple devices save and load. */
#include <errno.h>
#include <string.h>

#include "devices/goldfish_pic.h"
#include "devices/mc146818.h"
#include "devices/pl031.h"
#include "devices/pvpanic.h"
#include "devices/syscon.h"
#include "tests/unit/device_state.h"
#include "tests/unit/flash_chip.h"
#include "tests/unit/test.h"

static void write_reg(struct device *dev, uint64_t offset, unsigned size,
		      uint64_t val)
{
	dev->ops->write(dev, offset, size, val);
}

static uint64_t read_reg(struct device *dev, uint64_t offset, unsigned size)
{
	return dev->ops->read(dev, offset, size);
}

static void ignore_change(void *ctx)
{
	(void)ctx;
}

static void ignore_event(void *ctx, unsigned events)
{
	(void)ctx;
	(void)events;
}

static void pic__keeps_what_is_enabled(void **unused)
{
	struct device *a = goldfish_pic_new(ignore_change, NULL);
	struct device *b = goldfish_pic_new(ignore_change, NULL);

	(void)unused;
	write_reg(a, 0x10, 4, 0x80000001);
	device_state_copy(a, b);
	(void)goldfish_pic_set(b, 31, true);
	(void)goldfish_pic_set(b, 30, true);
	assert_int_equal(read_reg(b, 0x04, 4), 0x80000000);
	a->ops->destroy(a);
	b->ops->destroy(b);
}

static int64_t noon(void)
{
	return INT64_C(1700000000) * 1000000000;
}

static int64_t an_hour_later(void)
{
	return noon() + INT64_C(3600) * 1000000000;
}

static uint64_t read_rtc(struct device *rtc, unsigned index)
{
	write_reg(rtc, 0, 1, index);
	return read_reg(rtc, 1, 1);
}

static void write_rtc(struct device *rtc, unsigned index, unsigned val)
{
	write_reg(rtc, 0, 1, index);
	write_reg(rtc, 1, 1, val);
}

/* A clock that the guest has set to another year goes on with the host's. */
static void rtc__goes_on_from_what_the_guest_set(void **unused)
{
	struct device *a = mc146818_new(noon), *b = mc146818_new(an_hour_later);
	const uint64_t minutes = read_rtc(a, 0x02);

	(void)unused;
	write_rtc(a, 0x09, 0x31);
	write_rtc(a, 0x40, 0x5a);
	write_reg(a, 0, 1, 0x40);
	device_state_copy(a, b);
	assert_int_equal(read_reg(b, 0, 1), 0x40);
	assert_int_equal(read_reg(b, 1, 1), 0x5a);
	assert_int_equal(read_rtc(b, 0x09), 0x31);
	assert_int_equal(read_rtc(b, 0x02), minutes);
	assert_int_not_equal(read_rtc(b, 0x04), read_rtc(a, 0x04));
	a->ops->destroy(a);
	b->ops->destroy(b);
}

static void pl031__goes_on_from_what_the_guest_set(void **unused)
{
	struct device *a = pl031_new(noon), *b = pl031_new(an_hour_later);

	(void)unused;
	write_reg(a, 0x08, 4, 1000);
	write_reg(a, 0x04, 4, 5);
	write_reg(a, 0x10, 4, 1);
	device_state_copy(a, b);
	assert_int_equal(read_reg(b, 0x00, 4), 1000 + 3600);
	assert_int_equal(read_reg(b, 0x04, 4), 5);
	assert_int_equal(read_reg(b, 0x08, 4), 1000);
	assert_int_equal(read_reg(b, 0x10, 4), 1);
	a->ops->destroy(a);
	b->ops->destroy(b);
}

static void read_whole_rtc(void *rtc)
{
	for (unsigned i = 0; i < 0x80; i++)
		(void)read_rtc(rtc, i);
	write_rtc(rtc, 0x0b, 0x80);
	write_rtc(rtc, 0x0b, 0x02);
}

static void rtc__damaged_state_is_refused_or_harmless(void **unused)
{
	static const uint8_t bytes[] = { 0, 1, 0x7f, 0x80, 0xff };
	struct device *rtc = mc146818_new(noon);
	struct device_state state;

	(void)unused;
	device_state_take(&state, rtc);
	for (size_t i = 0; i < sizeof(bytes); i++)
		device_state_damage(&state, rtc, bytes[i], read_whole_rtc, rtc);
	device_state_finish(&state);
	rtc->ops->destroy(rtc);
}

static void rtc__a_time_that_no_guest_can_set_is_refused(void **unused)
{
	struct device *rtc = mc146818_new(noon);
	struct device_state state;

	(void)unused;
	device_state_take(&state, rtc);
	/* Behind head, section and record: the offset's highest byte. */
	state.bytes.data[24 + 16 + 16 + 7] = 0x40;
	assert_int_equal(device_state_give(&state, rtc), -EBADMSG);
	device_state_finish(&state);
	rtc->ops->destroy(rtc);
}

static void flash__goes_on_in_the_middle_of_a_program(void **unused)
{
	struct flash_chip a, b;

	(void)unused;
	chip_init(&a);
	chip_init(&b);
	chip_fill(&a, 0xff);
	chip_fill(&b, 0xff);
	/* A locked block; then a buffer of two words, one of which is there. */
	chip_command(&a, FLASH_BLOCK, 0x60);
	chip_command(&a, FLASH_BLOCK, 0x01);
	chip_command(&a, 0, 0xe8);
	chip_command(&a, 0, 1);
	chip_write(&a, 8, 4, 0x11223344);
	device_state_copy(a.dev, b.dev);
	assert_false(b.direct);
	chip_write(&b, 12, 4, 0x55667788);
	chip_command(&b, 0, 0xd0);
	assert_int_equal(b.bytes[8], 0x44);
	assert_int_equal(b.bytes[15], 0x55);
	/* The lock came along: an erase fails. */
	chip_command(&b, FLASH_BLOCK, 0x20);
	chip_command(&b, FLASH_BLOCK, 0xd0);
	assert_int_equal(chip_read(&b, 0, 2) & 0x22, 0x22);
	chip_finish(&a);
	chip_finish(&b);
}

static void use_flash(void *ctx)
{
	struct flash_chip *chip = ctx;

	for (unsigned i = 0; i < 40; i++)
		chip_write(chip, CHIP_SIZE - 4, 4, 0x12345678);
	chip_command(chip, CHIP_SIZE - 4, 0xd0);
	chip_command(chip, CHIP_SIZE - 4, 0xff);
	(void)chip_read(chip, CHIP_SIZE - 8, 8);
}

static void flash__damaged_state_is_refused_or_harmless(void **unused)
{
	static const uint8_t bytes[] = { 0, 1, 3, 4, 0x7f, 0x80, 0xff };
	struct device_state state;
	struct flash_chip chip;

	(void)unused;
	chip_init(&chip);
	chip_command(&chip, 0, 0xe8);
	chip_command(&chip, 0, 3);
	chip_write(&chip, 0, 4, 0);
	device_state_take(&state, chip.dev);
	chip.dev->ops->reset(chip.dev);
	for (size_t i = 0; i < sizeof(bytes); i++)
		device_state_damage(&state, chip.dev, bytes[i], use_flash,
				    &chip);
	device_state_finish(&state);
	chip_finish(&chip);
}

static void pvpanic_and_syscon__have_nothing_to_keep(void **unused)
{
	static const struct syscon_ops ops = { 0 };
	struct device *dev[] = { pvpanic_new(ignore_event, NULL),
				 syscon_new(&ops, NULL) };

	(void)unused;
	for (size_t i = 0; i < 2; i++) {
		struct device_state state;

		device_state_take(&state, dev[i]);
		assert_int_equal(device_state_give(&state, dev[i]), 0);
		device_state_finish(&state);
		dev[i]->ops->destroy(dev[i]);
	}
}

static void load__a_record_too_many_is_refused(void **unused)
{
	struct device *pic = goldfish_pic_new(ignore_change, NULL);
	struct device *panic = pvpanic_new(ignore_event, NULL);
	struct device_state state;

	(void)unused;
	device_state_take(&state, pic);
	assert_int_equal(device_state_give(&state, panic), -ENOTSUP);
	device_state_finish(&state);
	pic->ops->destroy(pic);
	panic->ops->destroy(panic);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pic__keeps_what_is_enabled),
		cmocka_unit_test(rtc__goes_on_from_what_the_guest_set),
		cmocka_unit_test(pl031__goes_on_from_what_the_guest_set),
		cmocka_unit_test(rtc__damaged_state_is_refused_or_harmless),
		cmocka_unit_test(rtc__a_time_that_no_guest_can_set_is_refused),
		cmocka_unit_test(flash__goes_on_in_the_middle_of_a_program),
		cmocka_unit_test(flash__damaged_state_is_refused_or_harmless),
		cmocka_unit_test(pvpanic_and_syscon__have_nothing_to_keep),
		cmocka_unit_test(load__a_record_too_many_is_refused),
	};

	return RUN_TESTS(tests);
}
