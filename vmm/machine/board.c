/* vmm/machine/board.c - puts the devices of a machine on its bus. */
#include "vmm/machine/board.h"

#include <errno.h>
#include <inttypes.h>

#include "arch/arch.h"
#include "devices/pvpanic.h"
#include "devices/uart16550.h"
#include "devices/virtio/mmio.h"
#include "vmm/machine/device_list.h"
#include "vmm/machine/machine.h"

/* The terminal for the board's console; NULL: the configuration has another
 * console, or none, and the device has nobody behind it. */
static struct tty *console_tty(const struct machine *machine)
{
	return machine->config->console == CONSOLE_BOARD ? machine->tty : NULL;
}

struct device *board_make_uart(struct machine *machine, unsigned pin)
{
	return uart16550_new(console_tty(machine),
			     irq_level_line(&machine->irq, pin), 0);
}

/* A guest that saves its dump, or shuts down in order, is left to it. */
static void guest_panicked(void *ctx, unsigned events)
{
	if (events & PVPANIC_PANICKED)
		machine_end(ctx, OUTCOME_PANIC);
}

struct device *board_make_pvpanic(struct machine *machine)
{
	return pvpanic_new(guest_panicked, machine);
}

static int attach_one(struct machine *machine, const struct board_device *what,
		      struct err *err)
{
	const struct io_slot slot = {
		.at = what->at,
		.dev = what->make(machine),
		.compatible = what->compatible,
		.irq = what->pin,
	};

	if (!slot.dev)
		return err_set(err, -ENOMEM,
			       "device at 0x%" PRIx64 ": out of memory",
			       what->at.start);
	switch (what->place) {
	case BOARD_PORTS:
		return machine_attach_ports(machine, slot, err);
	case BOARD_NO_BUS:
		return machine_add_device(machine, slot.dev, err);
	default:
		return machine_attach(machine, slot, err);
	}
}

int board_attach(struct machine *machine, const struct board_device *board,
		 size_t count,
		 int (*place)(struct machine *machine, struct virtio *vio,
			      struct err *err),
		 struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = attach_one(machine, &board[i], err);
	if (r == 0)
		r = device_list_make(machine, place, err);
	return r == 0 ? flash_attach(&machine->flashes, &machine->devices,
				     &machine->mmio, err)
		      : r;
}

int board_place_virtio(struct machine *machine, struct virtio *vio,
		       const struct board_windows *windows, unsigned n,
		       struct err *err)
{
	struct io_slot slot = {
		.at = { windows->at + n * windows->step, VIRTIO_MMIO_SIZE },
		.compatible = VIRTIO_MMIO_COMPATIBLE,
		.irq = windows->pin + n,
	};
	struct irq_line irq;
	int r = 0;

	if (n >= windows->max)
		r = err_input(err, -ENOSPC,
			      "%s: this machine takes at most %u virtio "
			      "devices",
			      vio->ops->name, windows->max);
	else if (arch_has_irqfd)
		r = irq_edge_line(&machine->irq, slot.irq, &irq, err);
	else
		irq = irq_level_line(&machine->irq, slot.irq);
	if (r < 0) {
		vio->ops->destroy(vio);
		return r;
	}
	r = virtio_mmio_new(&slot.dev, vio, irq, err);
	return r == 0 ? machine_attach(machine, slot, err) : r;
}
