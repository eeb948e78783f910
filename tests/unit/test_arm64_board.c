/* tests/unit/test_arm64_board.c - arch/arm64/board.c, read back with libfdt. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <libfdt.h>

#include "arch/arm64/board.h"
#include "base/bytes.h"
#include "tests/unit/dtc.h"
#include "tests/unit/test.h"
#include "vmm/machine/limits.h"

static uint8_t dtb[1 << 20];
static struct arm64_layout layout;
static struct bus mmio;
static uint64_t mpidr[CONFIG_MAX_CPUS];
static struct arm64_board board;
static struct err err;

static const struct device_ops ops = { .name = "thing" };
static struct device dev = { .ops = &ops };

static void attach(gpa_t at, uint64_t size, const char *compatible,
		   unsigned irq)
{
	mmio.slot[mmio.count++] = (struct io_slot){
		.at = { at, size },
		.dev = &dev,
		.compatible = compatible,
		.irq = irq,
	};
}

static void make_board(unsigned cpus)
{
	const struct kvm_limits limits = { .address_bits = 40,
					   .page_size = 4096 };
	struct config config = { .cpus = cpus, .mems = 2 };

	config.mem[0] = (struct mem_spec){ .size = 1 << 30, .word = "1G" };
	config.mem[1] = (struct mem_spec){
		.size = 1 << 28, .at = 0x900000000, .placed = true, .word = "x"
	};
	assert_int_equal(arm64_layout(&layout, &config, &limits,
				      &(struct mem_map){ 0 }, &err),
			 0);
	/* As KVM counts them. */
	for (unsigned i = 0; i < cpus; i++)
		mpidr[i] = 0x80000000 | (i & 15) | (i >> 4) << 8;
	mmio.count = 0;
	attach(ARM64_UART, 8, "ns16550a", 0);
	board = (struct arm64_board){
		.layout = &layout,
		.mmio = &mmio,
		.gic = ARM64_GIC_V3,
		.cpus = cpus,
		.mpidr = mpidr,
		.serial = true,
		.cmdline = "console=ttyS0",
	};
}

static int setup(void **state)
{
	(void)state;
	make_board(2);
	return 0;
}

static void describe(void)
{
	const size_t space = arm64_describe_space(&board);

	assert_true(space <= sizeof(dtb));
	assert_int_equal(arm64_describe(&board, dtb, space, &err), 0);
	assert_int_equal(fdt_check_full(dtb, space), 0);
}

static int node(const char *path)
{
	const int n = fdt_path_offset(dtb, path);

	assert_true(n >= 0);
	return n;
}

static void cells(const char *path, const char *prop, const uint32_t *want,
		  int n)
{
	int len;
	const uint8_t *val = fdt_getprop(dtb, node(path), prop, &len);

	assert_non_null(val);
	assert_int_equal(len, n * 4);
	for (int i = 0; i < n; i++)
		assert_int_equal(load_be32(val + 4 * i), want[i]);
}

#define CELLS(path, prop, ...)                               \
	cells(path, prop, (const uint32_t[]){ __VA_ARGS__ }, \
	      sizeof((const uint32_t[]){ __VA_ARGS__ }) / 4)

static void text(const char *path, const char *prop, const char *want)
{
	assert_string_equal(fdt_getprop(dtb, node(path), prop, NULL), want);
}

static bool has(const char *path, const char *prop)
{
	return fdt_getprop(dtb, node(path), prop, NULL) != NULL;
}

static void describe__chosen_says_what_boots(void **state)
{
	(void)state;
	board.initrd = (struct range){ 0x180000000, 0x1234 };
	memset(board.seed, 0x5a, sizeof(board.seed));
	describe();
	text("/chosen", "bootargs", "console=ttyS0");
	text("/chosen", "stdout-path", "/serial@1000000");
	CELLS("/chosen", "linux,initrd-start", 1, 0x80000000);
	CELLS("/chosen", "linux,initrd-end", 1, 0x80001234);
	CELLS("/chosen", "kaslr-seed", 0x5a5a5a5a, 0x5a5a5a5a);
	assert_true(has("/chosen", "rng-seed"));
	(void)node(fdt_getprop(dtb, node("/chosen"), "stdout-path", NULL));
}

/* EDK2 takes such a byte for the end of the path; describe.h has more. */
static void describe__no_byte_behind_the_console_is_its_length(void **state)
{
	const int looked = ':'; /* bytes */

	(void)state;
	for (unsigned len = 1; len < 256; len++) {
		char cmdline[256] = "";
		const uint8_t *path;
		int size;

		/* Moves what follows. */
		memset(cmdline, 'x', len);
		board.cmdline = cmdline;
		board.pmu = len & 1;
		memset(board.seed, sizeof("/serial@1000000"),
		       sizeof(board.seed));
		describe();
		path = fdt_getprop(dtb, node("/chosen"), "stdout-path", &size);
		assert_non_null(path);
		assert_true(path + looked <= dtb + fdt_totalsize(dtb));
		for (int i = 0; i < looked; i++)
			assert_int_not_equal(path[i], size);
	}
}

static void describe__what_there_is_not_is_not_said(void **state)
{
	(void)state;
	board.serial = false;
	describe();
	assert_false(has("/chosen", "stdout-path"));
	assert_false(has("/chosen", "linux,initrd-start"));
	assert_true(fdt_path_offset(dtb, "/pmu") < 0);
}

static void describe__each_region_of_ram_has_a_node(void **state)
{
	(void)state;
	describe();
	CELLS("/memory@80000000", "reg", 0, 0x80000000, 0, 0x40000000);
	CELLS("/memory@900000000", "reg", 9, 0, 0, 0x10000000);
	text("/memory@900000000", "device_type", "memory");
}

static void describe__cpus_are_named_by_affinity(void **state)
{
	(void)state;
	make_board(64);
	describe();
	CELLS("/cpus/cpu@0", "reg", 0);
	CELLS("/cpus/cpu@f", "reg", 0xf);
	CELLS("/cpus/cpu@100", "reg", 0x100);
	CELLS("/cpus/cpu@30f", "reg", 0x30f);
	text("/cpus/cpu@30f", "enable-method", "psci");
	text("/psci", "method", "hvc");
}

static void describe__guest_can_tell_that_it_runs_on_kvm(void **state)
{
	(void)state;
	describe();
	text("/hypervisor", "compatible", "linux,kvm");
}

static bool compatible(const char *path, const char *name)
{
	return fdt_node_check_compatible(dtb, node(path), name) == 0;
}

static void describe__cpus_have_the_binding_s_name_and_kvmtool_s(void **state)
{
	(void)state;
	describe();
	text("/cpus/cpu@0", "compatible", "arm,armv8"); /* the first of both */
	assert_true(compatible("/cpus/cpu@1", "arm,armv8"));
	assert_true(compatible("/cpus/cpu@1", "arm,arm-v8"));
}

static void describe__gicv3_has_a_redistributor_for_each_cpu(void **state)
{
	(void)state;
	describe();
	text("/interrupt-controller@3fff0000", "compatible", "arm,gic-v3");
	CELLS("/interrupt-controller@3fff0000", "reg", 0, 0x3fff0000, 0,
	      0x10000, 0, 0x3ffb0000, 0, 0x40000);
	CELLS("/timer", "interrupts", 1, 13, 4, 1, 14, 4, 1, 11, 4, 1, 10, 4);
	assert_int_equal(
		fdt_get_phandle(dtb, node("/interrupt-controller@3fff0000")),
		1);
	CELLS("/", "interrupt-parent", 1);
}

static void describe__gicv2_has_a_cpu_interface_and_cpu_masks(void **state)
{
	(void)state;
	make_board(8);
	board.gic = ARM64_GIC_V2;
	board.pmu = true;
	describe();
	text("/interrupt-controller@3fff0000", "compatible",
	     "arm,cortex-a15-gic");
	CELLS("/interrupt-controller@3fff0000", "reg", 0, 0x3fff0000, 0,
	      0x10000, 0, 0x3ffd0000, 0, 0x2000);
	CELLS("/pmu", "interrupts", 1, 7, 0xff04);
}

static void describe__its_is_within_the_gic(void **state)
{
	const char *const its =
		"/interrupt-controller@3fff0000/msi-controller@3ff90000";

	(void)state;
	board.gic = ARM64_GIC_V3_ITS;
	describe();
	CELLS(its, "reg", 0, 0x3ff90000, 0, 0x20000);
	assert_true(has(its, "msi-controller"));
	assert_int_equal(fdt_get_phandle(dtb, node(its)), 2);
}

static void describe__devices_keep_their_order(void **state)
{
	int first, second;

	(void)state;
	attach(ARM64_VIRTIO + 0x200, 0x200, "virtio,mmio", 2);
	attach(ARM64_VIRTIO, 0x200, "virtio,mmio", 1);
	attach(ARM64_RTC, 2, "motorola,mc146818", 0);
	attach(0x1040000, 16, "acme,new", 0);
	attach(0x1050000, 16, NULL, 0);
	describe();
	CELLS("/serial@1000000", "interrupts", 0, 0, 4);
	CELLS("/serial@1000000", "clock-frequency", 1843200);
	CELLS("/virtio_mmio@3000000", "interrupts", 0, 1, 1);
	CELLS("/virtio_mmio@3000000", "reg", 0, 0x3000000, 0, 0x200);
	first = node("/virtio_mmio@3000200");
	second = node("/virtio_mmio@3000000");
	assert_true(first < second);
	assert_false(has("/rtc@1010000", "interrupts"));
	text("/thing@1040000", "compatible", "acme,new");
	assert_true(fdt_path_offset(dtb, "/thing@1050000") < 0);
}

/* Linux takes the interrupt as it is described, and an edge alone ends. */
static void describe__the_generation_is_told_by_an_edge(void **state)
{
	const char *const generation = "/rng@1050000";

	(void)state;
	describe();
	assert_true(compatible(generation, "microsoft,vmgenid"));
	CELLS(generation, "reg", 0, 0x1050000, 0, 16);
	CELLS(generation, "interrupts", 0, ARM64_PIN_GENERATION, 1);
}

/* Linux's bus driver waits forever for a clock that is not there. */
static void describe__a_pl031_has_the_clock_of_its_bus(void **state)
{
	const char *const rtc = "/rtc@1040000";
	uint32_t clock;

	(void)state;
	attach(ARM64_PL031, 0x1000, "arm,pl031", 0);
	describe();
	assert_true(compatible(rtc, "arm,pl031"));
	assert_true(compatible(rtc, "arm,primecell"));
	CELLS(rtc, "reg", 0, 0x1040000, 0, 0x1000);
	text(rtc, "clock-names", "apb_pclk");
	assert_false(has(rtc, "interrupts"));
	clock = fdt_get_phandle(dtb, node("/clock-apb"));
	assert_int_not_equal(clock, 0);
	CELLS(rtc, "clocks", clock);
	text("/clock-apb", "compatible", "fixed-clock");
	CELLS("/clock-apb", "#clock-cells", 0);
}

/*
 * What the bindings' schemas require of a node (Linux 6.1, by dt-validate), and
 * what else stands there. One name goes beyond them: a CPU's second.
 */
static const struct binding {
	const char *compatible;
	const char *required; /* property names, a blank after each */
	const char *optional;
} bindings[] = {
	{ "linux,dummy-virt", "model compatible #address-cells #size-cells ",
	  "interrupt-parent " },
	{ "arm,armv8", "compatible device_type reg enable-method ", "" },
	{ "arm,psci-1.0", "compatible method ", "" },
	{ "linux,kvm", "compatible ", "" },
	{ "arm,armv8-timer", "compatible interrupts ", "always-on " },
	{ "arm,armv8-pmuv3", "compatible interrupts ", "" },
	{ "arm,cortex-a15-gic",
	  "compatible interrupt-controller #interrupt-cells reg ",
	  "#address-cells #size-cells ranges phandle " },
	{ "arm,gic-v3", "compatible interrupt-controller #interrupt-cells reg ",
	  "#address-cells #size-cells ranges phandle " },
	{ "arm,gic-v3-its", "compatible msi-controller #msi-cells reg ",
	  "phandle " },
	{ "fixed-clock", "compatible #clock-cells clock-frequency ",
	  "phandle " },
	{ "ns16550a", "compatible reg interrupts clock-frequency ", "" },
	{ "motorola,mc146818", "compatible reg ", "" },
	{ "arm,pl031", "compatible reg clocks clock-names ", "" },
	{ "qemu,pvpanic-mmio", "compatible reg ", "" },
	{ "microsoft,vmgenid", "compatible reg interrupts ", "" },
	{ "virtio,mmio", "compatible reg interrupts ", "dma-coherent " },
	{ "cfi-flash", "compatible reg bank-width ", "device-width label " },
};

static bool has_word(const char *words, const char *word)
{
	const size_t len = strlen(word);
	const char *at = words;

	while ((at = strstr(at, word)) != NULL) {
		if ((at == words || at[-1] == ' ') && at[len] == ' ')
			return true;
		at += len;
	}
	return false;
}

static void check_node(int n, const struct binding *binding)
{
	char name[64];
	int prop, skip;

	fdt_for_each_property_offset(prop, dtb, n)
	{
		const char *is = NULL;

		assert_non_null(fdt_getprop_by_offset(dtb, prop, &is, NULL));
		if (!has_word(binding->required, is) &&
		    !has_word(binding->optional, is))
			fail_msg("%s: %s", binding->compatible, is);
	}
	for (const char *at = binding->required;
	     sscanf(at, "%63s%n", name, &skip) == 1; at += skip)
		if (!fdt_getprop(dtb, n, name, NULL))
			fail_msg("%s lacks %s", binding->compatible, name);
}

static void attach_one_of_each(void)
{
	attach(ARM64_RTC, 2, "motorola,mc146818", 0);
	attach(ARM64_PL031, 0x1000, "arm,pl031", 0);
	attach(ARM64_PVPANIC, 2, "qemu,pvpanic-mmio", 0);
	attach(ARM64_VIRTIO, 0x200, "virtio,mmio", 1);
	attach(ARM64_FLASH, 0x100000, "cfi-flash", 0);
	mmio.slot[mmio.count - 1].label = "System-firmware";
}

static void describe__each_node_keeps_to_its_binding(void **state)
{
	static const enum arm64_irqchip gics[] = { ARM64_GIC_V2, ARM64_GIC_V3,
						   ARM64_GIC_V3_ITS };
	const size_t count = sizeof(bindings) / sizeof(*bindings);
	unsigned met = 0;

	(void)state;
	attach_one_of_each();
	board.pmu = true;
	for (size_t i = 0; i < 3; i++) {
		board.gic = gics[i];
		describe();
		dtc_finds_nothing(dtb, fdt_totalsize(dtb));
		for (int n = 0; n >= 0; n = fdt_next_node(dtb, n, NULL)) {
			const char *is = fdt_getprop(dtb, n, "compatible",
						     NULL);
			size_t b = 0;

			if (!is)
				continue; /* chosen, memory, cpus */
			while (b < count &&
			       strcmp(bindings[b].compatible, is) != 0)
				b++;
			assert_true(b < count);
			check_node(n, &bindings[b]);
			met |= 1u << b;
		}
	}
	assert_int_equal(met, (1u << count) - 1);
}

static void describe__flashes_are_a_node_each(void **state)
{
	(void)state;
	attach(ARM64_FLASH, 0x100000, "cfi-flash", 0);
	attach(ARM64_FLASH + 0x100000, 0x100000, "cfi-flash", 0);
	mmio.slot[mmio.count - 1].label = "System-firmware";
	describe();
	CELLS("/flash@2000000", "reg", 0, 0x2000000, 0, 0x100000);
	CELLS("/flash@2000000", "bank-width", 4);
	CELLS("/flash@2000000", "device-width", 2);
	assert_false(has("/flash@2000000", "interrupts"));
	assert_false(has("/flash@2000000", "label"));
	CELLS("/flash@2100000", "reg", 0, 0x2100000, 0, 0x100000);
	text("/flash@2100000", "label", "System-firmware");
}

static void describe__space_suffices_for_the_largest_machine(void **state)
{
	static char cmdline[4096];
	struct arm64_layout full = { 0 };

	(void)state;
	make_board(CONFIG_MAX_CPUS);
	full = layout;
	for (full.ram.count = 0; full.ram.count < MEM_WORDS_MAX;
	     full.ram.count++)
		full.ram.at[full.ram.count] = (struct range){
			0xfffff00000000 + full.ram.count * 0x1000, 0x1000
		};
	while (mmio.count < BUS_MAX_SLOTS)
		attach(ARM64_VIRTIO + mmio.count * 0x200, 0x200, "virtio,mmio",
		       1);
	memset(cmdline, 'x', sizeof(cmdline) - 1);
	board.layout = &full;
	board.cmdline = cmdline;
	board.gic = ARM64_GIC_V3_ITS;
	board.pmu = true;
	board.initrd = (struct range){ 0x180000000, 0x1234 };
	describe();
	assert_true(fdt_totalsize(dtb) < ARM64_DTB_MAX);
}

static void describe__too_small_a_room_is_told(void **state)
{
	(void)state;
	for (size_t size = 0; size < 1000; size++)
		assert_int_equal(arm64_describe(&board, dtb, size, &err),
				 -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(describe__chosen_says_what_boots, setup),
		cmocka_unit_test_setup(
			describe__no_byte_behind_the_console_is_its_length,
			setup),
		cmocka_unit_test_setup(describe__what_there_is_not_is_not_said,
				       setup),
		cmocka_unit_test_setup(describe__each_region_of_ram_has_a_node,
				       setup),
		cmocka_unit_test_setup(describe__cpus_are_named_by_affinity,
				       setup),
		cmocka_unit_test_setup(
			describe__guest_can_tell_that_it_runs_on_kvm, setup),
		cmocka_unit_test_setup(
			describe__cpus_have_the_binding_s_name_and_kvmtool_s,
			setup),
		cmocka_unit_test_setup(
			describe__gicv3_has_a_redistributor_for_each_cpu,
			setup),
		cmocka_unit_test_setup(
			describe__gicv2_has_a_cpu_interface_and_cpu_masks,
			setup),
		cmocka_unit_test_setup(describe__its_is_within_the_gic, setup),
		cmocka_unit_test_setup(
			describe__the_generation_is_told_by_an_edge, setup),
		cmocka_unit_test_setup(describe__devices_keep_their_order,
				       setup),
		cmocka_unit_test_setup(
			describe__a_pl031_has_the_clock_of_its_bus, setup),
		cmocka_unit_test_setup(describe__each_node_keeps_to_its_binding,
				       setup),
		cmocka_unit_test_setup(describe__flashes_are_a_node_each,
				       setup),
		cmocka_unit_test_setup(
			describe__space_suffices_for_the_largest_machine,
			setup),
		cmocka_unit_test_setup(describe__too_small_a_room_is_told,
				       setup),
	};

	return RUN_TESTS(tests);
}
