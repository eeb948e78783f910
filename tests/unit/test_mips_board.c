/* tests/unit/test_mips_board.c - arch/mips/board.c, read back with libfdt. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <libfdt.h>

#include "arch/mips/board.h"
#include "arch/mips/layout.h"
#include "base/bytes.h"
#include "devices/syscon.h"
#include "tests/unit/dtc.h"
#include "tests/unit/test.h"

static uint8_t dtb[1 << 20];
static struct ram_layout ram;
static struct bus mmio;
static struct mips_board board;
static struct err err;

static const struct device_ops ops = { .name = "thing" };
static struct device dev = { .ops = &ops };

static void attach(gpa_t at, uint64_t size, const char *compatible,
		   unsigned irq)
{
	mmio.slot[mmio.count++] = (struct io_slot){ .at = { at, size },
						    .dev = &dev,
						    .compatible = compatible,
						    .irq = irq };
}

static int setup(void **state)
{
	(void)state;
	ram = (struct ram_layout){ .count = 2 };
	ram.at[0] = (struct range){ 0, 64 << 20 };
	ram.at[1] = (struct range){ 0x8000000, 1 << 20 };
	mmio.count = 0;
	attach(MIPS_PIC, 0x100, NULL, 0);
	attach(MIPS_UART, 8, "ns16550a", MIPS_PIN_UART);
	attach(MIPS_VIRTIO, 0x200, "virtio,mmio", MIPS_PIN_VIRTIO);
	board = (struct mips_board){ .ram = &ram,
				     .mmio = &mmio,
				     .cpus = 2,
				     .count_hz = 100000000,
				     .serial = true,
				     .cmdline = "console=ttyS0" };
	return 0;
}

static void describe(void)
{
	const size_t space = mips_describe_space(&board);

	assert_true(space <= sizeof(dtb));
	assert_int_equal(mips_describe(&board, dtb, space, &err), 0);
	assert_int_equal(fdt_check_full(dtb, space), 0);
}

static int node(const char *path)
{
	const int n = fdt_path_offset(dtb, path);

	assert_true(n >= 0);
	return n;
}

/* A property of one cell. */
static uint32_t cell(const char *path, const char *prop)
{
	int len;
	const void *val = fdt_getprop(dtb, node(path), prop, &len);

	assert_non_null(val);
	assert_int_equal(len, 4);
	return load_be32(val);
}

static void text(const char *path, const char *prop, const char *want)
{
	assert_string_equal(fdt_getprop(dtb, node(path), prop, NULL), want);
}

static void describe__cpu_clock_is_twice_the_rate_of_count(void **state)
{
	(void)state;
	describe();
	assert_int_equal(cell("/cpuclk", "clock-frequency"), 200000000);
	assert_int_equal(cell("/cpus/cpu@0", "clocks"),
			 cell("/cpuclk", "phandle"));
	assert_int_equal(cell("/cpus/cpu@1", "reg"), 1);
}

static void describe__interrupts_lead_to_the_cpu(void **state)
{
	const char *const pic = "/interrupt-controller@1f000000";

	(void)state;
	describe();
	assert_int_equal(cell("/", "interrupt-parent"), cell(pic, "phandle"));
	assert_int_equal(cell(pic, "interrupt-parent"),
			 cell("/interrupt-controller", "phandle"));
	assert_int_equal(cell(pic, "interrupts"), 2);
	text(pic, "compatible", "google,goldfish-pic");
	/* Else it would wait for the root's, its own child. */
	assert_int_equal(cell("/interrupt-controller", "interrupt-parent"),
			 cell("/interrupt-controller", "phandle"));
}

static void describe__devices_have_one_cell_of_interrupt(void **state)
{
	(void)state;
	describe();
	assert_int_equal(cell("/serial@1f000900", "interrupts"), 4);
	assert_int_equal(cell("/virtio_mmio@1f010000", "interrupts"), 5);
	text("/chosen", "stdout-path", "/serial@1f000900");
}

static void describe__syscon_turns_off_and_resets(void **state)
{
	(void)state;
	describe();
	assert_int_equal(cell("/poweroff", "regmap"),
			 cell("/syscon@1f000500", "phandle"));
	assert_int_equal(cell("/poweroff", "value"), SYSCON_POWEROFF);
	assert_int_equal(cell("/reboot", "value"), SYSCON_RESET);
	assert_int_equal(cell("/reboot", "offset"), 0);
}

static void describe__memory_and_initrd_are_told(void **state)
{
	const uint8_t *reg;
	int len;

	(void)state;
	board.initrd = (struct range){ 0x590000, 0x1234 };
	describe();
	reg = fdt_getprop(dtb, node("/memory@8000000"), "reg", &len);
	assert_int_equal(len, 16);
	assert_int_equal(load_be64(reg), 0x8000000);
	assert_int_equal(load_be64(reg + 8), 1 << 20);
	(void)node("/memory@0");
	reg = fdt_getprop(dtb, node("/chosen"), "linux,initrd-end", &len);
	assert_int_equal(load_be64(reg), 0x591234);
}

static void describe__the_largest_tree_fits_its_space(void **state)
{
	(void)state;
	for (ram.count = 0; ram.count < MEM_WORDS_MAX; ram.count++)
		ram.at[ram.count] = (struct range){
			0x10000000 + ram.count * 0x1000, 0x1000
		};
	while (mmio.count < BUS_MAX_SLOTS)
		attach(MIPS_VIRTIO + mmio.count * 0x200, 0x200, "virtio,mmio",
		       5);
	board.cpus = MIPS_MAX_CPUS;
	board.initrd = (struct range){ 1 << 20, 1 << 20 };
	describe();
}

static void describe__dtc_finds_nothing_wrong(void **state)
{
	(void)state;
	attach(0x1e000000, 1 << 20, "cfi-flash", 0);
	describe();
	dtc_finds_nothing(dtb, fdt_totalsize(dtb));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
		TEST(describe__cpu_clock_is_twice_the_rate_of_count),
		TEST(describe__interrupts_lead_to_the_cpu),
		TEST(describe__devices_have_one_cell_of_interrupt),
		TEST(describe__syscon_turns_off_and_resets),
		TEST(describe__dtc_finds_nothing_wrong),
		TEST(describe__memory_and_initrd_are_told),
		TEST(describe__the_largest_tree_fits_its_space),
	};

	return RUN_TESTS(tests);
}
