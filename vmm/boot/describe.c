/* vmm/boot/describe.c - what device trees of all architectures say alike. */
#include "vmm/boot/describe.h"

#include <stdbool.h>
#include <string.h>
#include <sys/random.h>

#include "base/bytes.h"
#include "devices/cfi_flash.h"
#include "devices/virtio/mmio.h"

/*
 * The rate that Linux divides down to 115200 baud; the port itself has no
 * clock.
 */
#define UART_CLOCK 1843200

/* Properties of a device in the tree beside its window and pin. */
static const struct kind {
	const char *compatible;
	const char *base; /* a more general name; NULL: none */
	const char *node;
	bool irq;
	bool virtio; /* its pin is wired as the board wires those */
	bool bus_clock; /* names the board's clock of its bus */
	uint32_t clock; /* clock-frequency; 0: has none */
	uint32_t bank_width, device_width; /* of a flash; 0: is none */
} kinds[] = {
	{ .compatible = VIRTIO_MMIO_COMPATIBLE,
	  .node = "virtio_mmio",
	  .irq = true,
	  .virtio = true },
	{ .compatible = "ns16550a",
	  .node = "serial",
	  .irq = true,
	  .clock = UART_CLOCK },
	{ .compatible = "motorola,mc146818", .node = "rtc" },
	{ .compatible = "arm,pl031",
	  .base = "arm,primecell",
	  .node = "rtc",
	  .bus_clock = true },
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

uint32_t describe_clock(struct fdt *t, const char *node, uint32_t hz)
{
	const uint32_t clock = fdt_phandle(t);

	fdt_node(t, node);
	fdt_str(t, "compatible", "fixed-clock");
	fdt_u32(t, "#clock-cells", 0);
	fdt_u32(t, "clock-frequency", hz);
	fdt_u32(t, "phandle", clock);
	fdt_end(t);
	return clock;
}

size_t describe_space(const char *cmdline, size_t rams, const struct bus *bus)
{
	const size_t chosen = 512, ram = 128, device = 256;

	return chosen + strlen(cmdline) + rams * ram + bus->count * device;
}

int describe_seed(uint8_t seed[DESCRIBE_SEED], const uint64_t *kaslr,
		  struct err *err)
{
	if (getrandom(seed, DESCRIBE_SEED, 0) < 0)
		return err_sys(err, "getrandom");
	if (kaslr)
		store_be64(seed, *kaslr);
	return 0;
}

void describe_chosen(struct fdt *t, const struct describe_chosen *chosen)
{
	const struct range *initrd = &chosen->initrd;

	fdt_node(t, "chosen");
	fdt_str(t, "bootargs", chosen->cmdline);
	if (initrd->size > 0) {
		fdt_u64(t, "linux,initrd-start", initrd->start);
		fdt_u64(t, "linux,initrd-end", initrd->start + initrd->size);
	}
	fdt_bytes(t, "kaslr-seed", chosen->seed, 8);
	fdt_bytes(t, "rng-seed", chosen->seed + 8, DESCRIBE_SEED - 8);
	/* Behind the seeds; describe.h says why. */
	if (chosen->console)
		fdt_str(t, "stdout-path", chosen->console);
	fdt_end(t);
}

void describe_memory(struct fdt *t, const struct range *ram, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		fdt_node_at(t, "memory", ram[i].start);
		fdt_str(t, "device_type", "memory");
		fdt_reg(t, ram[i]);
		fdt_end(t);
	}
}

static void describe_device(struct fdt *t, const struct io_slot *slot,
			    const struct describe_wires *wires)
{
	const struct kind *kind = find_kind(slot->compatible);

	fdt_node_at(t, kind ? kind->node : slot->dev->ops->name,
		    slot->at.start);
	if (kind && kind->base)
		fdt_strs(t, "compatible",
			 (const char *[]){ kind->compatible, kind->base }, 2);
	else
		fdt_str(t, "compatible", slot->compatible);
	fdt_reg(t, slot->at);
	if (kind && kind->irq)
		wires->interrupts(t, slot->irq,
				  kind->virtio ? wires->virtio
					       : DESCRIBE_LEVEL);
	if (kind && kind->bus_clock) {
		fdt_u32(t, "clocks", wires->bus_clock);
		fdt_str(t, "clock-names", "apb_pclk");
	}
	if (kind && kind->clock != 0)
		fdt_u32(t, "clock-frequency", kind->clock);
	if (kind && kind->virtio)
		fdt_empty(t, "dma-coherent");
	if (kind && kind->bank_width != 0) {
		fdt_u32(t, "bank-width", kind->bank_width);
		fdt_u32(t, "device-width", kind->device_width);
	}
	if (slot->label)
		fdt_str(t, "label", slot->label);
	fdt_end(t);
}

void describe_devices(struct fdt *t, const struct bus *bus,
		      const struct describe_wires *wires)
{
	for (size_t i = 0; i < bus->count; i++) {
		if (bus->slot[i].compatible)
			describe_device(t, &bus->slot[i], wires);
	}
}
