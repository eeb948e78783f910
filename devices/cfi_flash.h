/*
 * devices/cfi_flash.h - a parallel NOR flash that describes itself (CFI).
 *
 * Two chips of 16 bits side by side on a bus of 32, each with Intel's extended
 * command set (0001). Drivers write every command to both at once, and so the
 * two are modelled as one: it takes the command from the low byte of a write of
 * any size, and the status it shows is that of both. A write of 8 bytes is two
 * cycles of the bus, the one at the lower address first.
 *
 *	0xff		read array; the chip's state after reset
 *	0x70, 0x50	read status; clear it
 *	0x90, 0x98	read identifiers and block locks; read the CFI table
 *	0x40, 0x10	program a word: the next write says which, and where
 *	0xe8 N ... 0xd0	program a buffer: N + 1 words, at most 128 bytes
 *	0x20 0xd0	erase the block of 64 KiB that 0xd0 is written to
 *	0x60 0x01	lock a block; 0x60 0xd0 unlock it; 0x60 0x03 is ignored
 *	0xb0, 0xd0	suspend, resume: nothing ever is in progress
 *
 * Programming clears bits, erasing sets them. Both are done when the write that
 * starts them returns; status bit 7 (ready) is never clear. A locked block and
 * a read-only image refuse both (bits 4 or 5, and 1); a failure of the host's
 * is one of the cells (bit 4 or 5); a command that does not continue as above
 * is a sequence error (bits 4 and 5). A code that begins no command is "read
 * array", without an error: so do real chips, and Linux probes for those of
 * another maker with such codes (0xf0, 0xaa, 0x55).
 *
 * While it reads as array, guest reads go to memory that others have mapped:
 * see struct rom_view. All other reads go through its registers. Written data
 * is on stable storage after "read array", the command with which drivers end
 * an operation; and after the machine is paused, reset or ended.
 *
 * Not modelled: time, suspension, protection registers, lock-down, burst mode,
 * chips that get different commands. Blocks are unlocked after reset. The maker
 * is 0, which none has, so that no driver applies a maker's quirks.
 *
 * Source: JEDEC JESD68.01 (CFI), JEP137B (command sets); Intel 306666-001 (P30
 * data sheet), sections 11 and 12 and appendix C. Size of block and buffer:
 * EDK2, ArmVirtPkg/Library/NorFlashKvmtoolLib (KVMTOOL_NOR_BLOCK_SIZE) and
 * OvmfPkg/VirtNorFlashDxe (P30_MAX_BUFFER_SIZE_IN_BYTES): they do not ask the
 * chip.
 */
#ifndef DEVICES_CFI_FLASH_H
#define DEVICES_CFI_FLASH_H

#include "base/range.h"
#include "devices/device.h"
#include "host/flash_image.h"

#define CFI_FLASH_COMPATIBLE "cfi-flash"
#define CFI_FLASH_BANK_WIDTH 4 /* of the bus, in bytes */
#define CFI_FLASH_DEVICE_WIDTH 2 /* of a chip */

/*
 * The guest's memory that shows the image's bytes. Writes to it always come to
 * the device; reads go past it or to it, as it says. The device's lock is held
 * in both.
 */
struct rom_view {
	/*
	 * @direct: from its return on, reads go to the image's bytes; else,
	 *          every read begun after it returned comes to the device
	 *
	 * Called when it changes; direct at first. Thread: any vCPU; setup and
	 * loop with the vCPUs stopped.
	 */
	void (*set)(void *ctx, bool direct);
	/*
	 * Reports that bytes of the image in @at were written, for dirty
	 * tracking. Thread: any vCPU.
	 */
	void (*wrote)(void *ctx, struct range at);
	void *ctx; /* borrowed */
};

/*
 * Makes a flash. Its window is as large as the image; accesses are of 1, 2, 4
 * or 8 bytes, little-endian on a host of either order.
 *
 * @image: borrowed; outlives the device, which is its only user
 * @rom:   copied
 *
 * Device tree: CFI_FLASH_COMPATIBLE, with "bank-width" and "device-width"
 * (Linux, bindings/mtd/mtd-physmap.yaml). Returns NULL when out of memory.
 */
struct device *cfi_flash_new(struct flash_image *image, struct rom_view rom);

#endif
