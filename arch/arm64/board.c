/* arch/arm64/board.c - which interrupt is whose, and the device tree. */
#include "arch/arm64/board.h"

#include "base/fdt.h"
#include "devices/vmgenid.h"
#include "vmm/boot/describe.h"

/* Source: bindings/interrupt-controller/arm,gic.yaml, #interrupt-cells. */
enum { GIC_SPI = 0, GIC_PPI = 1 };
enum { EDGE_RISING = 1, LEVEL_HIGH = 4 };

/* Linux's bus driver asks for a clock before it reads a cell's identification.
 * The bus has no speed: any rate does. */
#define BUS_CLOCK 24000000

/* The architected timers' PPIs. Source: Arm BSA 1.0, 6.3 (as INTIDs). */
enum {
	TIMER_SECURE = 13,
	TIMER_PHYS = ARM64_PPI_TIMER_PHYS,
	TIMER_VIRT = ARM64_PPI_TIMER_VIRT,
	TIMER_HYP = 10,
};

/*
 * The affinity bits of MPIDR_EL1 that KVM uses: Aff2, Aff1, Aff0. Source: Arm
 * ARM, MPIDR_EL1.
 */
#define MPIDR_AFFINITY 0xffffffULL

size_t arm64_describe_space(const struct arm64_board *board)
{
	const size_t fixed = 4096, cpu = 128;
	const size_t size = fixed + board->cpus * cpu +
			    describe_space(board->cmdline,
					   board->layout->ram.count,
					   board->mmio);

	return (size + 4095) & ~(size_t)4095;
}

/*
 * The binding knows "arm,armv8", and so does Linux. kvmtool writes
 * "arm,arm-v8", and EDK2 for kvmtool and NetBSD know that alone.
 */
static void describe_cpus(struct fdt *t, const struct arm64_board *board)
{
	static const char *const compatible[] = { "arm,armv8", "arm,arm-v8" };

	fdt_node(t, "cpus");
	fdt_u32(t, "#address-cells", 1);
	fdt_u32(t, "#size-cells", 0);
	for (unsigned i = 0; i < board->cpus; i++) {
		const uint32_t id = (uint32_t)(board->mpidr[i] &
					       MPIDR_AFFINITY);

		fdt_node_at(t, "cpu", id);
		fdt_str(t, "device_type", "cpu");
		fdt_strs(t, "compatible", compatible, 2);
		fdt_u32(t, "reg", id);
		fdt_str(t, "enable-method", "psci");
		fdt_end(t);
	}
	fdt_end(t);
}

static void describe_psci(struct fdt *t)
{
	static const char *const compatible[] = { "arm,psci-1.0",
						  "arm,psci-0.2" };

	fdt_node(t, "psci");
	fdt_strs(t, "compatible", compatible, 2);
	fdt_str(t, "method", "hvc");
	fdt_end(t);
}

/* A GICv2 wants to be told which CPUs have a private interrupt: all of them. */
static uint32_t ppi_flags(const struct arm64_board *board)
{
	if (board->gic != ARM64_GIC_V2)
		return LEVEL_HIGH;
	return LEVEL_HIGH | ((1u << board->cpus) - 1) << 8;
}

static void describe_timer(struct fdt *t, const struct arm64_board *board)
{
	const uint32_t flags = ppi_flags(board);
	const uint32_t irqs[] = {
		GIC_PPI, TIMER_SECURE, flags, GIC_PPI, TIMER_PHYS, flags,
		GIC_PPI, TIMER_VIRT,   flags, GIC_PPI, TIMER_HYP,  flags,
	};

	fdt_node(t, "timer");
	fdt_str(t, "compatible", "arm,armv8-timer");
	fdt_cells(t, "interrupts", irqs, sizeof(irqs) / sizeof(*irqs));
	fdt_empty(t, "always-on");
	fdt_end(t);
}

static void describe_pmu(struct fdt *t, const struct arm64_board *board)
{
	const uint32_t irq[] = { GIC_PPI, ARM64_PPI_PMU, ppi_flags(board) };

	fdt_node(t, "pmu");
	fdt_str(t, "compatible", "arm,armv8-pmuv3");
	fdt_cells(t, "interrupts", irq, 3);
	fdt_end(t);
}

static void describe_its(struct fdt *t, const struct arm64_gic_map *map)
{
	fdt_node_at(t, "msi-controller", map->its.start);
	fdt_str(t, "compatible", "arm,gic-v3-its");
	fdt_empty(t, "msi-controller");
	fdt_u32(t, "#msi-cells", 1);
	fdt_reg(t, map->its);
	fdt_u32(t, "phandle", fdt_phandle(t));
	fdt_end(t);
}

static void describe_gic(struct fdt *t, const struct arm64_board *board,
			 uint32_t phandle)
{
	const struct arm64_gic_map *map = &board->layout->gic;
	const bool v2 = board->gic == ARM64_GIC_V2;
	const struct range reg[] = { map->dist,
				     v2 ? map->cpu_if : map->redist };

	fdt_node_at(t, "interrupt-controller", map->dist.start);
	fdt_str(t, "compatible", v2 ? "arm,cortex-a15-gic" : "arm,gic-v3");
	fdt_empty(t, "interrupt-controller");
	fdt_u32(t, "#interrupt-cells", 3);
	fdt_u32(t, "#address-cells", 2);
	fdt_u32(t, "#size-cells", 2);
	fdt_empty(t, "ranges");
	fdt_ranges(t, "reg", reg, 2);
	fdt_u32(t, "phandle", phandle);
	if (board->gic == ARM64_GIC_V3_ITS)
		describe_its(t, map);
	fdt_end(t);
}

/* Read by systemd-detect-virt(1) and others. */
static void describe_hypervisor(struct fdt *t)
{
	fdt_node(t, "hypervisor");
	fdt_str(t, "compatible", "linux,kvm");
	fdt_end(t);
}

static void describe_interrupts(struct fdt *t, unsigned pin,
				enum describe_trigger trigger)
{
	const uint32_t irq[] = { GIC_SPI, pin,
				 trigger == DESCRIBE_EDGE ? EDGE_RISING
							  : LEVEL_HIGH };

	fdt_cells(t, "interrupts", irq, 3);
}

/* The binding has no name for the node but its folder's. */
static void describe_generation(struct fdt *t)
{
	const uint32_t irq[] = { GIC_SPI, ARM64_PIN_GENERATION, EDGE_RISING };

	fdt_node_at(t, "rng", ARM64_GENERATION);
	fdt_str(t, "compatible", VMGENID_COMPATIBLE);
	fdt_reg(t, (struct range){ ARM64_GENERATION, VMGENID_SIZE });
	fdt_cells(t, "interrupts", irq, 3);
	fdt_end(t);
}

int arm64_describe(const struct arm64_board *board, void *buf, size_t size,
		   struct err *err)
{
	struct describe_wires wires = { describe_interrupts, DESCRIBE_EDGE, 0 };
	const struct describe_chosen chosen = {
		.cmdline = board->cmdline,
		.console = board->serial ? "/serial@1000000" : NULL,
		.initrd = board->initrd,
		.seed = board->seed,
	};
	struct fdt t;
	uint32_t gic;

	fdt_begin(&t, buf, size);
	gic = fdt_phandle(&t);
	fdt_str(&t, "model", "linux,dummy-virt");
	fdt_str(&t, "compatible", "linux,dummy-virt");
	fdt_u32(&t, "interrupt-parent", gic);
	describe_memory(&t, board->layout->ram.at, board->layout->ram.count);
	describe_cpus(&t, board);
	describe_psci(&t);
	describe_hypervisor(&t);
	describe_timer(&t, board);
	if (board->pmu)
		describe_pmu(&t, board);
	describe_gic(&t, board, gic);
	wires.bus_clock = describe_clock(&t, "clock-apb", BUS_CLOCK);
	describe_devices(&t, board->mmio, &wires);
	describe_generation(&t);
	describe_chosen(&t, &chosen); /* the last one, for EDK2 */
	return fdt_done(&t, err);
}
