/*
 * tests/kvm/lib/flash.h - commands for a flash, of two chips of 16 bits.
 *
 * Source: JEDEC JESD68.01 (CFI); Intel 306666-001 (P30 datasheet), "Command
 * Codes". Each returns with the chips as the command leaves them.
 */
#ifndef TESTS_KVM_LIB_FLASH_H
#define TESTS_KVM_LIB_FLASH_H

#define FLASH_BLOCK 0x10000UL
#define FLASH_READY 0x800080UL /* both chips' status */

enum {
	FLASH_LOCK_SETUP = 0x60,
	FLASH_LOCK = 0x01,
	FLASH_ERASE = 0x20,
	FLASH_PROGRAM = 0x40,
	FLASH_CLEAR_STATUS = 0x50,
	FLASH_STATUS = 0x70,
	FLASH_QUERY = 0x98,
	FLASH_CONFIRM = 0xd0,
	FLASH_BUFFER = 0xe8,
	FLASH_ARRAY = 0xff,
};

void flash_command(unsigned long at, unsigned long code);
void flash_program(unsigned long at, unsigned long word);
void flash_erase(unsigned long at);

/* The status is that; clears it, and has the array read again. */
void flash_ends_with(unsigned long at, unsigned long status);

/* A flash of @size bytes is at @at, and says so itself. */
void flash_query(unsigned long at, unsigned long size);

/* Leaves a command half done, a block locked, and a status to read. */
void flash_leave_in_the_middle(unsigned long one, unsigned long other);

#endif
