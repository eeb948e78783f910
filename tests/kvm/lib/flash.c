/* tests/kvm/lib/flash.c - commands for a flash. */
#include "tests/kvm/lib/flash.h"
#include "tests/kvm/lib/bare.h"

#define QUERY_AT (0x55 * 4)
#define QUERY_TEXT (0x10 * 4)
#define QUERY_SIZE (0x27 * 4) /* of a chip, as a power of two */

void flash_command(unsigned long at, unsigned long code)
{
	write_sized(at, 4, code | code << 16);
}

void flash_program(unsigned long at, unsigned long word)
{
	flash_command(at, FLASH_PROGRAM);
	write_sized(at, 4, word);
}

void flash_erase(unsigned long at)
{
	flash_command(at, FLASH_ERASE);
	flash_command(at, FLASH_CONFIRM);
}

void flash_ends_with(unsigned long at, unsigned long status)
{
	flash_command(at, FLASH_STATUS);
	CHECK_EQ(read_sized(at, 4), status | status << 16);
	flash_command(at, FLASH_CLEAR_STATUS);
	CHECK_EQ(read_sized(at, 4), FLASH_READY);
	flash_command(at, FLASH_ARRAY);
}

void flash_query(unsigned long at, unsigned long size)
{
	flash_command(at + QUERY_AT, FLASH_QUERY);
	CHECK_EQ(read_sized(at + QUERY_TEXT, 4), 'Q' * 0x10001);
	CHECK_EQ(read_sized(at + QUERY_TEXT + 2 * 4 + 2, 1), 'Y');
	CHECK_EQ(2UL << read_sized(at + QUERY_SIZE, 2), size);
	flash_command(at, FLASH_ARRAY);
}

void flash_leave_in_the_middle(unsigned long one, unsigned long other)
{
	flash_command(one, FLASH_LOCK_SETUP);
	flash_command(one, FLASH_LOCK);
	flash_command(one, FLASH_ERASE);
	flash_command(other, FLASH_STATUS);
}
