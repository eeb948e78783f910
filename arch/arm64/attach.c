/* arch/arm64/attach.c - puts the machine's devices on its bus. */
#include "arch/arch.h"
#include "arch/arm64/board.h"
#include "arch/arm64/machine.h"
#include "devices/mc146818.h"
#include "devices/pl031.h"
#include "devices/pvpanic.h"
#include "devices/uart16550.h"
#include "host/clock.h"
#include "vmm/machine/board.h"
#include "vmm/machine/machine.h"

static struct device *make_uart(struct machine *machine)
{
	return board_make_uart(machine, ARM64_PIN_UART);
}

static struct device *make_mc146818(struct machine *machine)
{
	(void)machine;
	return mc146818_new(host_clock);
}

static struct device *make_pl031(struct machine *machine)
{
	(void)machine;
	return pl031_new(host_clock);
}

/* The devices that every machine has. To add a device, add a line. */
static const struct board_device board[] = {
	{ .make = make_uart,
	  .at = { ARM64_UART, UART16550_SIZE(0) },
	  .compatible = "ns16550a",
	  .pin = ARM64_PIN_UART },
	{ .make = make_mc146818,
	  .at = { ARM64_RTC, MC146818_SIZE },
	  .compatible = "motorola,mc146818" },
	{ .make = make_pl031,
	  .at = { ARM64_PL031, PL031_SIZE },
	  .compatible = "arm,pl031" },
	{ .make = board_make_pvpanic,
	  .at = { ARM64_PVPANIC, PVPANIC_SIZE },
	  .compatible = "qemu,pvpanic-mmio" },
};

/* Gives a virtio device the next window and pin. */
static int attach_virtio(struct machine *machine, struct virtio *vio,
			 struct err *err)
{
	static const struct board_windows windows = {
		.at = ARM64_VIRTIO,
		.step = ARM64_VIRTIO_STEP,
		.pin = ARM64_PIN_VIRTIO,
		.max = BUS_MAX_SLOTS,
	};

	return board_place_virtio(machine, vio, &windows,
				  machine->arch->transports++, err);
}

int arch_attach(struct machine *machine, struct err *err)
{
	return board_attach(machine, board, sizeof(board) / sizeof(*board),
			    attach_virtio, err);
}
