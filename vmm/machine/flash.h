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
#include <stddef.h>

#include "base/err.h"
#include "base/range.h"
#include "host/flash_image.h"
#include "vmm/config.h"

struct backings;
struct bus;
struct devices;
struct mem_map;
struct slot_view;

struct flash {
	struct flash_image image; /* owned */
	struct range at;
	const struct flashes *all; /* borrowed; of which it is one */
	bool failed; /* to switch its slot; that is said once */
	bool hidden; /* its slot is taken away; under the device's lock */
};

struct flashes {
	const struct mem_map *map; /* borrowed */
	const struct slot_view *view; /* borrowed; NULL: no VM runs. Set while
					 no vCPU and no loop callback does */
	struct flash flash[CONFIG_MAX_FLASHES]; /* owned; as in config */
	size_t count;
	bool lock; /* the files, when they are opened */
};

/*
 * Opens each file of --flash, and adds its bytes to the map: from the window's
 * begin on, in the order given, each on a multiple of its size, as a chip
 * decodes its address.
 *
 * @flashes: zeroed
 * @backings: of the map that the flashes are in
 * @window: where they may be; its start is a multiple of its size
 *
 * Returns 0, or with @err naming the file: what flash_image_open() and
 * backings_add_file() return; -ENOSPC, a fault of the user's, if they do not
 * fit.
 */
int flash_layout(struct flashes *flashes, struct backings *backings,
		 const struct config *config, struct range window,
		 struct err *err);

/* Adds their devices to @devices, and to the bus. Returns 0, -ENOMEM, or what
 * devices_add() and bus_attach() return. */
int flash_attach(struct flashes *flashes, struct devices *devices,
		 struct bus *bus, struct err *err);

/* A VM with all slots shown has come; NULL: it has gone. */
void flash_connect(struct flashes *flashes, const struct slot_view *view);

/* Closes the files. Their devices are gone. */
void flash_finish(struct flashes *flashes);

#endif
