/* arch/arm64/board.c - which interrupt is whose, and the device tree. */
#include "arch/arm64/board.h"

#include <string.h>

#include "base/align.h"
#include "base/fdt.h"
#include "devices/cfi_flash.h"

/* Source: bindings/interrupt-controller/arm,gic.yaml, #interrupt-cells. */
enum { GIC_SPI = 0, GIC_PPI = 1 };
enum trigger { NO_IRQ = 0, EDGE_RISING = 1, LEVEL_HIGH = 4 };

/* The architected timers' PPIs. Source: Arm BSA 1.0, 6.3 (as INTIDs). */
enum { TIMER_SECURE = 13, TIMER_PHYS = 14, TIMER_VIRT = 11, TIMER_HYP = 10 };

/* What Linux divides down to 115200 baud; the port itself has no clock. */
#define UART_CLOCK 1843200

/*
 * The affinity bits of MPIDR_EL1 that KVM uses: Aff2, Aff1, Aff0. Source: Arm
 * ARM, MPIDR_EL1.
 */
#define MPIDR_AFFINITY 0xffffffULL

/* What the tree says of a device beyond its window and pin. */
static const struct kind {
	const char *compatible;
	const char *node;
	enum trigger trigger;
	uint32_t clock; /* clock-frequency; 0: has none */
	bool dma;
	uint32_t bank_width, device_width; /* of a flash; 0: is none */
} kinds[] = {
	{ .compatible = "virtio,mmio",
	  .node = "virtio_mmio",
	  .trigger = EDGE_RISING,
	  .dma = true },
	{ .compatible = "ns16550a",
	  .node = "serial",
	  .trigger = LEVEL_HIGH,
	  .clock = UART_CLOCK },
	{ .compatible = "motorola,mc146818", .node = "rtc" },
	{ .compatible = "qemu,pvpanic-mmio", .node = "pvpanic" },
	{ .compatible = CFI_FLASH_COMPATIBLE,
	  .node = "flash",
	  .bank_width = CFI_FLASH_BANK_WIDTH,
	  .device_width = CFI_FLASH_DEVICE_WIDTH },
};

static const struct kind *find_kind(const char *compatible)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(compatible, kinds[i].compatible) == 0)
			return &kinds[i];
	}
	return NULL;
}

size_t arm64_describe_space(const struct arm64_board *board)
{
	const size_t fixed = 4096, cpu = 128, ram = 128, device = 256;
	const size_t size = fixed + board->cpus * cpu +
			    board->layout->rams * ram +
			    board->mmio->count * device +
			    strlen(board->cmdline);

	return (size + 4095) & ~(size_t)4095;
}

static void describe_chosen(struct fdt *t, const struct arm64_board *board)
{
	fdt_node(t, "chosen");
	fdt_str(t, "bootargs", board->cmdline);
	if (board->serial)
		fdt_str(t, "stdout-path", "/serial@1000000");
	if (board->initrd.size > 0) {
		fdt_u64(t, "linux,initrd-start", board->initrd.start);
		fdt_u64(t, "linux,initrd-end",
			board->initrd.start + board->initrd.size);
	}
	fdt_bytes(t, "kaslr-seed", board->seed, 8);
	fdt_bytes(t, "rng-seed", board->seed + 8, ARM64_SEED_SIZE - 8);
	fdt_end(t);
}

static void describe_memory(struct fdt *t, const struct arm64_layout *layout)
{
	for (size_t i = 0; i < layout->rams; i++) {
		fdt_node_at(t, "memory", layout->ram[i].start);
		fdt_str(t, "device_type", "memory");
		fdt_reg(t, layout->ram[i]);
		fdt_end(t);
	}
}

static void describe_cpus(struct fdt *t, const struct arm64_board *board)
{
	fdt_node(t, "cpus");
	fdt_u32(t, "#address-cells", 1);
	fdt_u32(t, "#size-cells", 0);
	for (unsigned i = 0; i < board->cpus; i++) {
		const uint32_t id = (uint32_t)(board->mpidr[i] &
					       MPIDR_AFFINITY);

		fdt_node_at(t, "cpu", id);
		fdt_str(t, "device_type", "cpu");
		fdt_str(t, "compatible", "arm,armv8");
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

static void describe_device(struct fdt *t, const struct io_slot *slot)
{
	const struct kind *kind = find_kind(slot->compatible);

	fdt_node_at(t, kind ? kind->node : slot->dev->ops->name,
		    slot->at.start);
	fdt_str(t, "compatible", slot->compatible);
	fdt_reg(t, slot->at);
	if (kind && kind->trigger != NO_IRQ) {
		const uint32_t irq[] = { GIC_SPI, slot->irq, kind->trigger };

		fdt_cells(t, "interrupts", irq, 3);
	}
	if (kind && kind->clock != 0)
		fdt_u32(t, "clock-frequency", kind->clock);
	if (kind && kind->dma)
		fdt_empty(t, "dma-coherent");
	if (kind && kind->bank_width != 0) {
		fdt_u32(t, "bank-width", kind->bank_width);
		fdt_u32(t, "device-width", kind->device_width);
	}
	if (slot->label)
		fdt_str(t, "label", slot->label);
	fdt_end(t);
}

int arm64_describe(const struct arm64_board *board, void *buf, size_t size,
		   struct err *err)
{
	struct fdt t;
	uint32_t gic;

	fdt_begin(&t, buf, size);
	gic = fdt_phandle(&t);
	fdt_str(&t, "compatible", "linux,dummy-virt");
	fdt_u32(&t, "interrupt-parent", gic);
	describe_chosen(&t, board);
	describe_memory(&t, board->layout);
	describe_cpus(&t, board);
	describe_psci(&t);
	describe_timer(&t, board);
	if (board->pmu)
		describe_pmu(&t, board);
	describe_gic(&t, board, gic);
	for (size_t i = 0; i < board->mmio->count; i++) {
		if (board->mmio->slot[i].compatible)
			describe_device(&t, &board->mmio->slot[i]);
	}
	return fdt_done(&t, err);
}
