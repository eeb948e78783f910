/* tests/kvm/arm64/panic.c - the guest says that it has panicked. */
#include "tests/kvm/arm64/lib/dt.h"
#include "tests/kvm/arm64/lib/guest.h"

#define PANICKED 1UL /* Source: QEMU docs/specs/pvpanic */

int main(void)
{
	struct dt_node node = { 0 };

	CHECK(dt_find(&node, "compatible", "qemu,pvpanic-mmio"));
	CHECK_EQ(read8(dt_address(&node, 0)) & PANICKED, PANICKED);
	put("ok\n");
	write8(dt_address(&node, 0), PANICKED);
	for (;;)
		wait_for_interrupt();
}
