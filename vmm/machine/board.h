/*
 * vmm/machine/board.h - puts the devices of a machine on its bus, those that
 * every machine of an architecture has before those that the user asks for.
 *
 * A board is a const list in arch/<name>/attach.c. Thread: setup.
 */
#ifndef VMM_MACHINE_BOARD_H
#define VMM_MACHINE_BOARD_H

#include <stddef.h>

#include "base/err.h"
#include "base/range.h"

struct device;
struct machine;
struct tty;
struct virtio;

/* Where a device of a board is. */
enum board_place {
	BOARD_MMIO,
	BOARD_PORTS,
	BOARD_NO_BUS, /* the guest reaches it by calls of the hypervisor, say */
};

struct board_device {
	/* Returns NULL when out of memory. */
	struct device *(*make)(struct machine *machine);
	struct range at; /* unused on no bus */
	const char *compatible; /* NULL: the architecture describes it */
	unsigned pin; /* if it has one */
	enum board_place place; /* 0: BOARD_MMIO */
};

/*
 * Makes and attaches the @count devices of a board, then the user's virtio
 * devices, then the flashes. For arch_attach().
 *
 * @place: as that of device_list_make()
 *
 * Returns 0, -ENOMEM, or what machine_attach(), machine_attach_ports(),
 * machine_add_device(), device_list_make() and flash_attach() return.
 */
int board_attach(struct machine *machine, const struct board_device *board,
		 size_t count,
		 int (*place)(struct machine *machine, struct virtio *vio,
			      struct err *err),
		 struct err *err);

/* Makes a serial port with this level pin, which is the board's console.
 * Returns NULL when out of memory. */
struct device *board_make_uart(struct machine *machine, unsigned pin);

/* Makes the device by which a guest says that it panicked, which ends the run.
 * Returns NULL when out of memory. */
struct device *board_make_pvpanic(struct machine *machine);

/* Windows of virtio-mmio transports, and their pins: one after the other. */
struct board_windows {
	gpa_t at; /* of the first window */
	uint64_t step; /* from one to the next, in bytes */
	unsigned
		pin; /* of the first; edge where there are irqfds, else level */
	unsigned max; /* how many there are */
};

/*
 * Puts a virtio device behind transport @n. For an architecture's place().
 *
 * @vio: taken over, failure included
 *
 * Returns 0; -ENOSPC, a fault of the user's, if there is no such window; or
 * what irq_edge_line(), virtio_mmio_new() and machine_attach() return.
 */
int board_place_virtio(struct machine *machine, struct virtio *vio,
		       const struct board_windows *windows, unsigned n,
		       struct err *err);

#endif
