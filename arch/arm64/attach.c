/* arch/arm64/attach.c - puts the machine's devices on its bus. */
#include <errno.h>

#include "arch/arch.h"
#include "arch/arm64/board.h"
#include "arch/arm64/machine.h"
#include "devices/mc146818.h"
#include "devices/pvpanic.h"
#include "devices/uart16550.h"
#include "devices/virtio/mmio.h"
#include "vmm/device_list.h"
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

static int attach_rtc(struct machine *machine, struct err *err)
{
	const struct io_slot slot = {
		.at = { ARM64_RTC, MC146818_SIZE },
		.dev = mc146818_new(mc146818_host_time),
		.compatible = "motorola,mc146818",
	};

	if (!slot.dev)
		return err_set(err, -ENOMEM, "out of memory");
	return machine_attach(machine, slot, err);
}

/* A guest that saves its dump, or shuts down in order, is left to it. */
static void panicked(void *ctx, unsigned events)
{
	if (events & PVPANIC_PANICKED)
		machine_end(ctx, OUTCOME_PANIC);
}

static int attach_pvpanic(struct machine *machine, struct err *err)
{
	const struct io_slot slot = {
		.at = { ARM64_PVPANIC, PVPANIC_SIZE },
		.dev = pvpanic_new(panicked, machine),
		.compatible = "qemu,pvpanic-mmio",
	};

	if (!slot.dev)
		return err_set(err, -ENOMEM, "out of memory");
	return machine_attach(machine, slot, err);
}

/* Gives a virtio device the next window and pin, and takes it over. */
static int place_virtio(struct machine *machine, struct virtio *vio,
			struct err *err)
{
	const unsigned n = machine->arch->transports++;
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

/* The machine is this list, and what the user asks for. */
int arch_attach(struct machine *machine, struct err *err)
{
	int r;

	r = attach_uart(machine, err);
	if (r == 0)
		r = attach_rtc(machine, err);
	if (r == 0)
		r = attach_pvpanic(machine, err);
	if (r == 0)
		r = device_list_make(machine, place_virtio, err);
	return r;
}
