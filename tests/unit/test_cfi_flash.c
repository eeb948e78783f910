/* tests/unit/test_cfi_flash.c - devices/cfi_flash.c. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "tests/unit/flash_chip.h"
#include "tests/unit/test.h"

#define BLOCK ((uint64_t)FLASH_BLOCK)
#define READY 0x80
#define SEQUENCE 0xb0 /* ready, erase and program error */
#define NOT_PROGRAMMED 0x90
#define NOT_ERASED 0xa0
#define LOCKED 0x02

static struct flash_chip chip;

static int setup(void **state)
{
	(void)state;
	log_set_level(LOG_ERROR);
	chip_init(&chip);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	chip_finish(&chip);
	return 0;
}

static void command(uint64_t at, uint8_t code)
{
	chip_command(&chip, at, code);
}

static void status_is(uint8_t want)
{
	command(0, 0x70);
	assert_int_equal(chip_read(&chip, 0, 4), want * 0x10001u);
	assert_int_equal(chip_read(&chip, CHIP_SIZE - 4, 4), want * 0x10001u);
}

/* The status, which is then cleared, and the array again. */
static void ends_with(uint8_t want)
{
	status_is(want);
	command(0, 0x50);
	status_is(READY);
	command(0, 0xff);
}

static void program(uint64_t at, unsigned size, uint64_t val)
{
	command(at & ~UINT64_C(3), 0x40);
	chip_write(&chip, at, size, val);
}

static void erase(uint64_t at)
{
	command(at, 0x20);
	command(at, 0xd0);
}

static void array_is_all(uint8_t want)
{
	for (size_t i = 0; i < CHIP_SIZE; i++)
		assert_int_equal(chip.bytes[i], want);
}

static void array__is_the_file_at_every_size(void **state)
{
	(void)state;
	assert_int_equal(
		pwrite(chip.image.fd, "\1\2\3\4\5\6\7\x88", 8, CHIP_SIZE - 8),
		8);
	assert_int_equal(chip_read(&chip, CHIP_SIZE - 8, 8),
			 0x8807060504030201);
	assert_int_equal(chip_read(&chip, CHIP_SIZE - 4, 4), 0x88070605);
	assert_int_equal(chip_read(&chip, CHIP_SIZE - 2, 2), 0x8807);
	assert_int_equal(chip_read(&chip, CHIP_SIZE - 1, 1), 0x88);
	assert_int_equal(chip_read(&chip, 0, 8), 0);
	assert_int_equal(chip.switched, 0);
}

static void wrote_is(unsigned writes, uint64_t at, uint64_t size)
{
	assert_int_equal(chip.writes, writes);
	assert_int_equal(chip.wrote.start, at);
	assert_int_equal(chip.wrote.size, size);
}

static void writes__to_the_array_are_told_after_they_are_done(void **state)
{
	(void)state;
	erase(3 * BLOCK + 8);
	wrote_is(1, 3 * BLOCK, BLOCK);
	program(CHIP_SIZE - 2, 2, 0x1234);
	wrote_is(2, CHIP_SIZE - 2, 2);
	command(BLOCK, 0xe8);
	command(BLOCK, 1);
	chip_write(&chip, BLOCK + 8, 8, 0);
	assert_int_equal(chip.writes, 2);
	command(BLOCK, 0xd0);
	wrote_is(3, BLOCK + 8, 8);
	/* Nothing is written to what is locked. */
	command(0, 0x60);
	command(0, 0x01);
	program(0, 4, 0);
	erase(0);
	assert_int_equal(chip.writes, 3);
	/* What a host that fails has written of it, nobody knows. */
	assert_int_equal(ftruncate(chip.image.fd, 0), 0);
	program(BLOCK, 4, 0);
	assert_int_equal(chip.writes, 4);
}

static void modes__switch_the_rom_only_when_it_matters(void **state)
{
	static const uint8_t away[] = { 0x70, 0x90, 0x98, 0x40,
					0xe8, 0x20, 0x60, 0xb0 };

	(void)state;
	command(0, 0xff);
	command(0, 0x50);
	command(0, 0xd0);
	assert_int_equal(chip.switched, 0);
	for (unsigned i = 0; i < sizeof(away); i++) {
		command(0, away[i]);
		assert_false(chip.direct);
		assert_int_equal(chip.switched, 2 * i + 1);
		chip.dev->ops->reset(chip.dev);
		assert_true(chip.direct);
	}
	command(0, 0x70);
	command(0, 0x90);
	command(0, 0x98);
	assert_int_equal(chip.switched, 17);
	command(0, 0xff);
	assert_int_equal(chip.switched, 18);
}

static void unknown__codes_read_the_array_and_are_no_error(void **state)
{
	static const uint8_t known[] = { 0x10, 0x20, 0x40, 0x50, 0x60, 0x70,
					 0x90, 0x98, 0xb0, 0xd0, 0xe8, 0xff };

	(void)state;
	for (unsigned code = 0; code < 256; code++) {
		if (memchr(known, (int)code, sizeof(known)))
			continue;
		command(0, 0x70);
		command(0, (uint8_t)code);
		assert_true(chip.direct);
		status_is(READY);
	}
}

static uint8_t query(unsigned index)
{
	const uint64_t both = chip_read(&chip, index * 4, 4);

	assert_int_equal(both >> 16, both & 0xffff);
	assert_true((both & 0xffff) < 256);
	return (uint8_t)both;
}

static void query__describes_the_chips(void **state)
{
	const char *magic = "QRY";
	const char *extended = "PRI10";
	unsigned size, blocks;

	(void)state;
	command(0x55 * 4, 0x98);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(query(0x10 + i), magic[i]);
	assert_int_equal(query(0x13) | query(0x14) << 8, 1);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(query(query(0x15) + i), extended[i]);

	size = 1u << query(0x27);
	assert_int_equal(size, CHIP_SIZE / 2);
	assert_int_equal(1u << query(0x2a), FLASH_PROGRAM_MAX / 2);
	assert_int_equal(query(0x2c), 1);
	blocks = (query(0x2d) | (unsigned)query(0x2e) << 8) + 1;
	assert_int_equal(blocks, CHIP_BLOCKS);
	assert_int_equal((query(0x2f) | (unsigned)query(0x30) << 8) * 256 *
				 blocks,
			 size);
	/* Linux uses buffers only if they have a typical time. */
	assert_int_not_equal(query(0x20), 0);
	assert_int_equal(query(0x3f), 0);
	assert_int_equal(query(0x40), 0);
	assert_int_equal(query(CHIP_SIZE / 4 - 1), 0);
}

static void query__is_the_same_at_every_size(void **state)
{
	(void)state;
	command(0, 0x98);
	assert_int_equal(chip_read(&chip, 0x40, 8), 0x0052005200510051);
	assert_int_equal(chip_read(&chip, 0x40, 2), 'Q');
	assert_int_equal(chip_read(&chip, 0x42, 2), 'Q');
	assert_int_equal(chip_read(&chip, 0x42, 1), 'Q');
	assert_int_equal(chip_read(&chip, 0x43, 1), 0);
}

static void identifiers__tell_locks_and_no_maker(void **state)
{
	(void)state;
	command(BLOCK, 0x60);
	command(BLOCK, 0x01);
	status_is(READY);
	command(0, 0x90);
	assert_int_equal(chip_read(&chip, 0, 4), 0);
	assert_int_equal(chip_read(&chip, 4, 4), 0);
	assert_int_equal(chip_read(&chip, 8, 4), 0);
	assert_int_equal(chip_read(&chip, BLOCK + 8, 4), 0x10001);
	assert_int_equal(chip_read(&chip, BLOCK + 12, 4), 0);
	assert_int_equal(chip_read(&chip, 2 * BLOCK + 8, 4), 0);
}

static void program__clears_bits_at_every_size(void **state)
{
	(void)state;
	chip_fill(&chip, 0xff);
	program(CHIP_SIZE - 1, 1, 0xffffff7f);
	ends_with(READY);
	assert_int_equal(chip.bytes[CHIP_SIZE - 1], 0x7f);
	assert_int_equal(chip.bytes[CHIP_SIZE - 2], 0xff);
	program(6, 2, 0x1234);
	program(8, 4, 0xf0f0f0f0);
	command(0, 0x10);
	chip_write(&chip, 8, 4, 0x3c3c3c3c);
	ends_with(READY);
	assert_memory_equal(chip.bytes + 4, "\xff\xff\x34\x12\x30\x30\x30\x30",
			    8);
}

static void program__of_eight_bytes_is_two_cycles(void **state)
{
	(void)state;
	chip_fill(&chip, 0xff);
	/* The command, and at the next word its data. */
	chip_write(&chip, 0, 8, 0x1122334400400040);
	ends_with(READY);
	assert_memory_equal(chip.bytes, "\xff\xff\xff\xff\x44\x33\x22\x11", 8);
}

static void fill_buffer(uint64_t at, unsigned words, uint32_t first)
{
	command(at, 0xe8);
	assert_int_equal(chip_read(&chip, at, 4), 0x800080);
	chip_write(&chip, at, 4, (words - 1) * 0x10001u);
	for (unsigned i = 0; i < words; i++)
		chip_write(&chip, at + i * 4, 4, first + i);
}

static void buffer__is_programmed_when_confirmed(void **state)
{
	(void)state;
	chip_fill(&chip, 0xff);
	fill_buffer(CHIP_SIZE - 128, 32, 0x100);
	array_is_all(0xff);
	/* EDK2 confirms at the first address of the flash. */
	command(0, 0xd0);
	ends_with(READY);
	assert_int_equal(chip.bytes[CHIP_SIZE - 129], 0xff);
	assert_memory_equal(chip.bytes + CHIP_SIZE - 128, "\0\1\0\0\1\1\0\0",
			    8);
	assert_memory_equal(chip.bytes + CHIP_SIZE - 4, "\x1f\1\0\0", 4);

	fill_buffer(4, 1, 0x01020304);
	command(4, 0xd0);
	ends_with(READY);
	assert_memory_equal(chip.bytes, "\xff\xff\xff\xff\4\3\2\1\xff", 9);
}

static void buffer__what_is_not_written_stays(void **state)
{
	(void)state;
	chip_fill(&chip, 0xff);
	command(0, 0xe8);
	chip_write(&chip, 0, 4, 1);
	chip_write(&chip, 16, 4, 0);
	/* The second word twice, the first never. */
	chip_write(&chip, 20, 2, 0x1111);
	chip_write(&chip, 20, 2, 0x2222);
	command(0, 0xd0);
	ends_with(READY);
	assert_memory_equal(chip.bytes + 16, "\0\0\0\0\x22\x22\xff\xff", 8);
}

static void buffer__may_cross_blocks_but_not_the_end(void **state)
{
	(void)state;
	chip_fill(&chip, 0xff);
	fill_buffer(BLOCK - 64, 32, 0);
	command(0, 0xd0);
	ends_with(READY);
	assert_int_equal(chip.bytes[BLOCK + 63], 0);
	assert_int_equal(chip.bytes[BLOCK + 64], 0xff);

	command(0, 0xe8);
	command(0, 31);
	chip_write(&chip, CHIP_SIZE - 124, 4, 0);
	ends_with(SEQUENCE);
	assert_int_equal(chip.bytes[CHIP_SIZE - 124], 0xff);
}

static void buffer__words_outside_end_it(void **state)
{
	static const uint64_t second[] = { 1024 - 4, 1024 + 8, 1024 + 128, 0,
					   CHIP_SIZE - 4 };

	(void)state;
	chip_fill(&chip, 0xff);
	for (size_t i = 0; i < sizeof(second) / sizeof(*second); i++) {
		command(0, 0xe8);
		command(0, 1);
		chip_write(&chip, 1024, 4, 0);
		chip_write(&chip, second[i], 4, 0);
		ends_with(SEQUENCE);
	}
	/* More than what is left. */
	command(0, 0xe8);
	command(0, 0);
	chip_write(&chip, 0, 2, 0);
	chip_write(&chip, 0, 4, 0);
	ends_with(SEQUENCE);
	array_is_all(0xff);
}

static void buffer__counts_are_bounded(void **state)
{
	static const uint32_t bad[] = { 32, 0xff, 0x100, 0xffff, 0xffffffff };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		command(0, 0xe8);
		chip_write(&chip, 0, 4, bad[i]);
		ends_with(SEQUENCE);
	}
}

static void sequence__an_unconfirmed_command_does_nothing(void **state)
{
	(void)state;
	for (unsigned code = 0; code < 256; code++) {
		if (code == 0xd0)
			continue;
		command(0, 0x20);
		command(0, (uint8_t)code);
		ends_with(SEQUENCE);
		fill_buffer(0, 1, 0x11111111);
		command(0, (uint8_t)code);
		ends_with(SEQUENCE);
		command(0, 0x60);
		command(0, (uint8_t)code);
		ends_with(code == 1 || code == 3 ? READY : SEQUENCE);
	}
	array_is_all(0);
}

static void erase__sets_the_block_that_confirms(void **state)
{
	(void)state;
	command(0, 0x20);
	command(CHIP_SIZE - 4, 0xd0);
	ends_with(READY);
	assert_int_equal(chip.bytes[CHIP_SIZE - BLOCK - 1], 0);
	assert_int_equal(chip.bytes[CHIP_SIZE - BLOCK], 0xff);
	assert_int_equal(chip.bytes[CHIP_SIZE - 1], 0xff);
	erase(BLOCK + 4);
	ends_with(READY);
	assert_int_equal(chip.bytes[BLOCK - 1], 0);
	assert_int_equal(chip.bytes[BLOCK], 0xff);
	assert_int_equal(chip.bytes[2 * BLOCK], 0);
}

static void lock__refuses_until_unlocked_or_reset(void **state)
{
	(void)state;
	chip_fill(&chip, 0xf0);
	command(BLOCK, 0x60);
	command(BLOCK + 4, 0x01);
	erase(BLOCK);
	ends_with(NOT_ERASED | LOCKED);
	program(2 * BLOCK - 4, 4, 0);
	ends_with(NOT_PROGRAMMED | LOCKED);
	/* From either side. */
	fill_buffer(BLOCK - 64, 32, 0);
	command(0, 0xd0);
	ends_with(NOT_PROGRAMMED | LOCKED);
	fill_buffer(2 * BLOCK - 64, 32, 0);
	command(0, 0xd0);
	ends_with(NOT_PROGRAMMED | LOCKED);
	array_is_all(0xf0);

	command(BLOCK, 0x60);
	command(BLOCK, 0xd0);
	program(BLOCK, 4, 0);
	ends_with(READY);
	assert_int_equal(chip.bytes[BLOCK], 0);
	command(BLOCK, 0x60);
	command(BLOCK, 0x01);
	chip.dev->ops->reset(chip.dev);
	erase(BLOCK);
	ends_with(READY);
}

static void read_only__everything_is_locked(void **state)
{
	(void)state;
	chip.image.ro = true;
	erase(0);
	ends_with(NOT_ERASED | LOCKED);
	program(0, 4, 0);
	ends_with(NOT_PROGRAMMED | LOCKED);
	command(0, 0x60);
	command(0, 0xd0);
	erase(0);
	ends_with(NOT_ERASED | LOCKED);
	array_is_all(0);
}

static void host__failure_is_that_of_the_cells(void **state)
{
	const int good = chip.image.fd;

	(void)state;
	chip.image.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	assert_true(chip.image.fd >= 0);
	erase(0);
	ends_with(NOT_ERASED);
	program(0, 4, 0);
	ends_with(NOT_PROGRAMMED);
	assert_int_equal(chip_read(&chip, 0, 4), 0xffffffff);
	assert_int_equal(chip_read(&chip, 0, 8), UINT64_MAX);
	(void)close(chip.image.fd);
	chip.image.fd = good;
}

static void durable__once_the_array_is_read_or_the_machine_rests(void **state)
{
	(void)state;
	erase(0);
	assert_true(chip.image.unsynced);
	status_is(READY);
	assert_true(chip.image.unsynced);
	command(0, 0xff);
	assert_false(chip.image.unsynced);
	erase(0);
	chip.dev->ops->pause(chip.dev);
	assert_false(chip.image.unsynced);
	assert_false(chip.direct);
	erase(0);
	chip.dev->ops->reset(chip.dev);
	assert_false(chip.image.unsynced);
}

static void reset__forgets_a_command_half_way(void **state)
{
	static const uint8_t half[] = { 0x40, 0xe8, 0x20, 0x60 };

	(void)state;
	for (size_t i = 0; i < sizeof(half); i++) {
		command(0, half[i]);
		chip.dev->ops->reset(chip.dev);
		assert_true(chip.direct);
		command(0, 0xd0);
		assert_true(chip.direct);
		status_is(READY);
	}
	fill_buffer(0, 4, 0);
	command(0, 0x77);
	chip.dev->ops->reset(chip.dev);
	status_is(READY);
	array_is_all(0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(array__is_the_file_at_every_size),
		TEST(writes__to_the_array_are_told_after_they_are_done),
		TEST(modes__switch_the_rom_only_when_it_matters),
		TEST(unknown__codes_read_the_array_and_are_no_error),
		TEST(query__describes_the_chips),
		TEST(query__is_the_same_at_every_size),
		TEST(identifiers__tell_locks_and_no_maker),
		TEST(program__clears_bits_at_every_size),
		TEST(program__of_eight_bytes_is_two_cycles),
		TEST(buffer__is_programmed_when_confirmed),
		TEST(buffer__what_is_not_written_stays),
		TEST(buffer__may_cross_blocks_but_not_the_end),
		TEST(buffer__words_outside_end_it),
		TEST(buffer__counts_are_bounded),
		TEST(sequence__an_unconfirmed_command_does_nothing),
		TEST(erase__sets_the_block_that_confirms),
		TEST(lock__refuses_until_unlocked_or_reset),
		TEST(read_only__everything_is_locked),
		TEST(host__failure_is_that_of_the_cells),
		TEST(durable__once_the_array_is_read_or_the_machine_rests),
		TEST(reset__forgets_a_command_half_way),
	};

	return RUN_TESTS(tests);
}
