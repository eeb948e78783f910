/* arch/mips/board.c - which interrupt is whose, and the device tree. */
#include "arch/mips/board.h"

#include "arch/mips/layout.h"
#include "base/fdt.h"
#include "devices/goldfish_pic.h"
#include "devices/syscon.h"

size_t mips_describe_space(const struct mips_board *board)
{
	const size_t fixed = 4096, cpu = 128;
	const size_t size = fixed + board->cpus * cpu +
			    describe_space(board->cmdline, board->ram->count,
					   board->mmio);

	return (size + 4095) & ~(size_t)4095;
}

static void describe_cpus(struct fdt *t, const struct mips_board *board,
			  uint32_t clock)
{
	fdt_node(t, "cpus");
	fdt_u32(t, "#address-cells", 1);
	fdt_u32(t, "#size-cells", 0);
	for (unsigned i = 0; i < board->cpus; i++) {
		fdt_node_at(t, "cpu", i);
		fdt_str(t, "device_type", "cpu");
		fdt_str(t, "compatible", "mti,mips24KEc");
		fdt_u32(t, "reg", i);
		fdt_u32(t, "clocks", clock);
		fdt_end(t);
	}
	fdt_end(t);
}

/* A controller at the top is its own parent: without that it would have the
 * root's, which is its child. */
static uint32_t describe_cpu_irqs(struct fdt *t)
{
	const uint32_t cpu = fdt_phandle(t);

	fdt_node(t, "interrupt-controller");
	fdt_str(t, "compatible", "mti,cpu-interrupt-controller");
	fdt_empty(t, "interrupt-controller");
	fdt_u32(t, "#interrupt-cells", 1);
	fdt_u32(t, "#address-cells", 0);
	fdt_u32(t, "interrupt-parent", cpu);
	fdt_u32(t, "phandle", cpu);
	fdt_end(t);
	return cpu;
}

static void describe_pic(struct fdt *t, uint32_t pic, uint32_t cpu)
{
	const struct range at = { MIPS_PIC, GOLDFISH_PIC_SIZE };

	fdt_node_at(t, "interrupt-controller", at.start);
	fdt_str(t, "compatible", GOLDFISH_PIC_COMPATIBLE);
	fdt_reg(t, at);
	fdt_empty(t, "interrupt-controller");
	fdt_u32(t, "#interrupt-cells", 1);
	fdt_u32(t, "#address-cells", 0);
	fdt_u32(t, "interrupt-parent", cpu);
	fdt_u32(t, "interrupts", MIPS_CPU_LINE);
	fdt_u32(t, "phandle", pic);
	fdt_end(t);
}

static void describe_power(struct fdt *t, const char *name,
			   const char *compatible, uint32_t regmap,
			   uint32_t value)
{
	fdt_node(t, name);
	fdt_str(t, "compatible", compatible);
	fdt_u32(t, "regmap", regmap);
	fdt_u32(t, "offset", SYSCON_POWER);
	fdt_u32(t, "mask", UINT32_MAX);
	fdt_u32(t, "value", value);
	fdt_end(t);
}

static void describe_syscon(struct fdt *t)
{
	const struct range at = { MIPS_SYSCON, SYSCON_SIZE };
	/* The binding wants a name of its own before the general one. */
	static const char *const compatible[] = { "vmm,mips-syscon", "syscon" };
	const uint32_t syscon = fdt_phandle(t);

	fdt_node_at(t, "syscon", at.start);
	fdt_strs(t, "compatible", compatible, 2);
	fdt_reg(t, at);
	fdt_u32(t, "phandle", syscon);
	fdt_end(t);
	describe_power(t, "poweroff", "syscon-poweroff", syscon,
		       SYSCON_POWEROFF);
	describe_power(t, "reboot", "syscon-reboot", syscon, SYSCON_RESET);
}

static void describe_interrupts(struct fdt *t, unsigned pin,
				enum describe_trigger trigger)
{
	(void)trigger; /* all are level */
	fdt_u32(t, "interrupts", pin);
}

int mips_describe(const struct mips_board *board, void *buf, size_t size,
		  struct err *err)
{
	const struct describe_wires wires = { describe_interrupts,
					      DESCRIBE_LEVEL, 0 };
	const struct describe_chosen chosen = {
		.cmdline = board->cmdline,
		.console = board->serial ? "/serial@1f000900" : NULL,
		.initrd = board->initrd,
		.seed = board->seed,
	};
	struct fdt t;
	uint32_t pic, clock;

	fdt_begin(&t, buf, size);
	pic = fdt_phandle(&t);
	fdt_str(&t, "model", "vmm,mips");
	fdt_str(&t, "compatible", "vmm,mips");
	fdt_u32(&t, "interrupt-parent", pic);
	describe_chosen(&t, &chosen);
	describe_memory(&t, board->ram->at, board->ram->count);
	/* Linux takes half of a CPU's clock for the rate of Count. */
	clock = describe_clock(&t, "cpuclk", 2 * board->count_hz);
	describe_cpus(&t, board, clock);
	describe_pic(&t, pic, describe_cpu_irqs(&t));
	describe_syscon(&t);
	describe_devices(&t, board->mmio, &wires);
	return fdt_done(&t, err);
}
