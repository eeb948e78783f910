/* tests/kvm/arm64/entry.c - how a flat image starts, and what it is told. */
#include "tests/kvm/arm64/lib/dt.h"
#include "tests/kvm/arm64/lib/guest.h"

#define SCTLR_M 1UL
#define SCTLR_C 4UL
#define SCTLR_I 0x1000UL
#define DAIF_ALL 0x3c0UL
#define EL1 4UL /* as CurrentEL has it */
#define PL031 0x01040000UL
#define YEAR_2023 1672531200UL /* seconds from 1970; any host is past it */

static void starts_as_linux_does(void)
{
	struct dt_node ram = { 0 };

	CHECK_EQ(boot.x[0] % 8, 0);
	CHECK_EQ(boot.x[1], 0);
	CHECK_EQ(boot.x[2], 0);
	CHECK_EQ(boot.x[3], 0);
	CHECK_EQ(boot.current_el, EL1);
	CHECK_EQ(boot.sctlr & (SCTLR_M | SCTLR_C), 0);
	CHECK_EQ(boot.daif, DAIF_ALL);
	CHECK(dt_find(&ram, "device_type", "memory"));
	CHECK_EQ(boot.image, dt_address(&ram, 0) + 0x80000);
	CHECK(boot.x[0] > boot.image);
}

static void devices_are_where_kvmtool_has_them(void)
{
	struct dt_node node = { 0 };

	CHECK(dt_find(&node, "compatible", "ns16550a"));
	CHECK_EQ(dt_address(&node, 0), UART);
	node.at = 0;
	CHECK(dt_find(&node, "compatible", "motorola,mc146818"));
	CHECK_EQ(dt_address(&node, 0), 0x01010000);
	node.at = 0;
	CHECK(dt_find(&node, "compatible", "arm,pl031"));
	CHECK_EQ(dt_address(&node, 0), PL031);
	CHECK(read32(PL031) > YEAR_2023); /* it has the host's date */
	node.at = 0;
	if (dt_find(&node, "compatible", "virtio,mmio"))
		CHECK_EQ(dt_address(&node, 0) >> 24, 3);
	node.at = 0;
	CHECK(dt_find(&node, "compatible", "arm,armv8-timer"));
	node.at = 0;
	CHECK(dt_find(&node, "compatible", "arm,psci-0.2"));
	CHECK(dt_find(&(struct dt_node){ 0 }, "method", "hvc"));
}

static void gic_is_where_kvmtool_has_it(void)
{
	struct dt_node node = { 0 };
	const bool v3 = dt_find(&node, "compatible", "arm,gic-v3");

	if (!v3) {
		node.at = 0;
		CHECK(dt_find(&node, "compatible", "arm,cortex-a15-gic"));
		CHECK_EQ(dt_address(&node, 1), 0x3ffd0000);
	} else {
		/* A redistributor for each CPU, up to the distributor. */
		CHECK_EQ(dt_size(&node, 1), cpu_count() * 0x20000UL);
		CHECK_EQ(dt_address(&node, 1) + dt_size(&node, 1), 0x3fff0000);
	}
	CHECK_EQ(dt_address(&node, 0), 0x3fff0000);
}

static void command_line_arrives_verbatim(void)
{
	struct dt_node node = { 0 };
	uint32_t len = 0;
	const char *args = NULL;

	while (!args && dt_next(&node))
		args = dt_prop(&node, "bootargs", &len);
	CHECK(args);
	CHECK(text_equal(args, "a=1  b='x y' \"q\" console=none --"));
}

int main(void)
{
	starts_as_linux_does();
	devices_are_where_kvmtool_has_them();
	gic_is_where_kvmtool_has_it();
	command_line_arrives_verbatim();
	return 0;
}
