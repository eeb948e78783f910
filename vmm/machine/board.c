/* vmm/machine/board.c - puts the devices of a machine on its bus. */
#include "vmm/machine/board.h"

#include <errno.h>
#include <inttypes.h>

#include "devices/pvpanic.h"
#include "devices/uart16550.h"
#include "vmm/machine/device_list.h"
#include "vmm/machine/machine.h"

struct device *board_make_uart(struct machine *machine, unsigned pin)
{
	const bool used = machine->config->console == CONSOLE_SERIAL;

	return uart16550_new(used ? machine->tty : NULL,
			     irq_level_line(&machine->irq, pin), 0);
}

/* A guest that saves its dump, or shuts down in order, is left to it. */
static void panicked(void *ctx, unsigned events)
{
	if (events & PVPANIC_PANICKED)
		machine_end(ctx, OUTCOME_PANIC);
}

struct device *board_make_pvpanic(struct machine *machine)
{
	return pvpanic_new(panicked, machine);
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
	return machine_attach(machine, slot, err);
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
	return r == 0 ? flash_attach(&machine->flashes, &machine->mmio, err)
		      : r;
}
