/* arch/arm64/attach.c - puts the machine's devices on its bus. */
#include <errno.h>

#include "arch/arch.h"
#include "arch/arm64/board.h"
#include "devices/uart16550.h"
#include "devices/virtio/console.h"
#include "devices/virtio/mmio.h"
#include "devices/virtio/rng.h"
#include "vmm/machine.h"

static int attach_uart(struct machine *machine, struct err *err)
{
	const bool used = machine->config->console == CONSOLE_SERIAL;
	const struct irq_line irq = irq_level_line(&machine->irq,
						   ARM64_PIN_UART);
	const struct io_slot slot = {
		.at = { ARM64_UART, UART16550_SIZE(0) },
		.dev = uart16550_new(used ? machine->tty : NULL, irq, 0),
		.compatible = "ns16550a",
		.irq = ARM64_PIN_UART,
	};

	if (!slot.dev)
		return err_set(err, -ENOMEM, "out of memory");
	return machine_attach(machine, slot, err);
}

/* Gives a virtio device the next window and pin, and takes it over. */
static int attach_virtio(struct machine *machine, struct virtio *vio,
			 unsigned *transports, struct err *err)
{
	const unsigned n = (*transports)++;
	struct io_slot slot = {
		.at = { ARM64_VIRTIO + n * ARM64_VIRTIO_STEP,
			VIRTIO_MMIO_SIZE },
		.compatible = VIRTIO_MMIO_COMPATIBLE,
		.irq = ARM64_PIN_VIRTIO + n,
	};
	struct irq_line irq;
	int r;

	r = irq_edge_line(&machine->irq, slot.irq, &irq, err);
	if (r < 0) {
		vio->ops->destroy(vio);
		return r;
	}
	r = virtio_mmio_new(&slot.dev, vio, irq, err);
	if (r < 0)
		return r;
	return machine_attach(machine, slot, err);
}

static int attach_rng(struct machine *machine, unsigned *transports,
		      struct err *err)
{
	struct virtio *vio;
	int r;

	if (!machine->config->rng)
		return 0;
	r = virtio_rng_new(&vio, &machine->mem, machine->loop, err);
	if (r < 0)
		return r;
	return attach_virtio(machine, vio, transports, err);
}

static int attach_console(struct machine *machine, unsigned *transports,
			  struct err *err)
{
	struct virtio *vio;
	int r;

	if (machine->config->console != CONSOLE_VIRTIO)
		return 0;
	r = virtio_console_new(&vio, &machine->mem, machine->loop, machine->tty,
			       err);
	if (r < 0)
		return r;
	return attach_virtio(machine, vio, transports, err);
}

/* The machine is this list. */
int arch_attach(struct machine *machine, struct err *err)
{
	unsigned transports = 0;
	int r;

	r = attach_uart(machine, err);
	if (r == 0)
		r = attach_rng(machine, &transports, err);
	if (r == 0)
		r = attach_console(machine, &transports, err);
	return r;
}
