/* arch/mips/attach.c - puts the machine's devices on its bus. */
#include "arch/arch.h"
#include "arch/mips/board.h"
#include "arch/mips/layout.h"
#include "arch/mips/machine.h"
#include "arch/mips/vcpu.h"
#include "devices/goldfish_pic.h"
#include "devices/pvpanic.h"
#include "devices/syscon.h"
#include "devices/uart16550.h"
#include "vmm/kvm/vm.h"
#include "vmm/machine/board.h"
#include "vmm/machine/machine.h"

/* Any vCPU may write to the PIC; its output is vCPU 0's. */
static void pic_changed(void *ctx)
{
	const struct machine *machine = ctx;

	vcpu_interrupt(&machine->arch->vm->vcpu[0]);
}

static struct device *make_pic(struct machine *machine)
{
	return machine->arch->pic = goldfish_pic_new(pic_changed, machine);
}

static void power_off(void *ctx)
{
	machine_end(ctx, OUTCOME_POWEROFF);
}

static void reset_machine(void *ctx)
{
	machine_end(ctx, OUTCOME_RESET);
}

static void start_cpu(void *ctx, unsigned cpu, uint32_t pc)
{
	struct machine *machine = ctx;

	mips_vcpu_start(machine->arch->vm, cpu, pc);
}

static struct device *make_syscon(struct machine *machine)
{
	static const struct syscon_ops ops = { power_off, reset_machine,
					       start_cpu };

	return syscon_new(&ops, machine);
}

static struct device *make_uart(struct machine *machine)
{
	return board_make_uart(machine, MIPS_PIN_UART);
}

/* The devices that every machine has. To add a device, add a line. */
static const struct board_device board[] = {
	{ .make = make_pic, .at = { MIPS_PIC, GOLDFISH_PIC_SIZE } },
	{ .make = make_uart,
	  .at = { MIPS_UART, UART16550_SIZE(0) },
	  .compatible = "ns16550a",
	  .pin = MIPS_PIN_UART },
	{ .make = make_syscon, .at = { MIPS_SYSCON, SYSCON_SIZE } },
	{ .make = board_make_pvpanic,
	  .at = { MIPS_PVPANIC, PVPANIC_SIZE },
	  .compatible = "qemu,pvpanic-mmio" },
};

/* Gives a virtio device the next window and pin. */
static int attach_virtio(struct machine *machine, struct virtio *vio,
			 struct err *err)
{
	static const struct board_windows windows = {
		.at = MIPS_VIRTIO,
		.step = MIPS_VIRTIO_STEP,
		.pin = MIPS_PIN_VIRTIO,
		.max = MIPS_MAX_VIRTIO,
	};

	return board_place_virtio(machine, vio, &windows,
				  machine->arch->transports++, err);
}

int arch_attach(struct machine *machine, struct err *err)
{
	return board_attach(machine, board, sizeof(board) / sizeof(*board),
			    attach_virtio, err);
}
