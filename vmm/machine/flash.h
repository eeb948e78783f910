/*
 * vmm/machine/flash.h - the flashes a user asks for: file, memory and device of
 * each.
 *
 * A flash's bytes are a read-only region of the memory map, so that the guest
 * reads them as memory, and a window on the bus for all that is written. While
 * the device has something else to say, the region's slot is taken away, and
 * reads come to the bus, too. The map does not change with that: what a device
 * reads by mem_ptr() are always the bytes of the array.
 *
 * Thread: setup, but for what rom_view says.
 */
#ifndef VMM_MACHINE_FLASH_H
#define VMM_MACHINE_FLASH_H

#include <stdbool.h>

#include "base/err.h"
#include "base/range.h"
#include "host/flash_image.h"

struct machine;
struct vm;

struct flash {
	struct flash_image image; /* owned */
	struct range at;
	bool failed; /* to switch its slot; that is said once */
	struct vm *vm; /* borrowed; NULL: none runs. Set while no vCPU and no
			  loop callback does */
	bool hidden; /* its slot is taken away; under the device's lock */
};

/*
 * Opens each file of --flash, and adds its bytes to the map: from the window's
 * begin on, in the order given, each on a multiple of its size, as a chip
 * decodes its address.
 *
 * @window: where they may be; its start is a multiple of its size
 *
 * Returns 0, or with @err naming the file: what flash_image_open() and
 * machine_add_file() return; -ENOSPC, a fault of the user's, if they do not
 * fit.
 */
int flash_layout(struct machine *machine, struct range window, struct err *err);

/* Puts their devices on the bus. Returns 0, -ENOMEM, or as bus_attach(). */
int flash_attach(struct machine *machine, struct err *err);

/* Says in which VM the slots are; NULL: in none. */
void flash_connect(struct machine *machine, struct vm *vm);

/* Closes the files. Their devices are gone. */
void flash_finish(struct machine *machine);

#endif
