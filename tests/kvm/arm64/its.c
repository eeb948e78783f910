/* tests/kvm/arm64/its.c - the GICv3's translation service answers. */
#include "tests/kvm/arm64/lib/dt.h"
#include "tests/kvm/arm64/lib/guest.h"

enum { /* Source: Arm IHI 0069H, 12.18 */
       GITS_CTLR = 0x0000,
       GITS_TYPER = 0x0008,
       GITS_CBASER = 0x0080,
       GITS_PIDR2 = 0xffe8,
};
#define CTLR_QUIESCENT 0x80000000UL

int main(void)
{
	struct dt_node node = { 0 };
	uint64_t its, gicd;

	CHECK(dt_find(&node, "compatible", "arm,gic-v3"));
	gicd = dt_address(&node, 0);
	CHECK(read32(gicd + 4) >> 17 & 1); /* GICD_TYPER.LPIS */
	node.at = 0;
	CHECK(dt_find(&node, "compatible", "arm,gic-v3-its"));
	its = dt_address(&node, 0);
	CHECK_EQ(dt_size(&node, 0), 0x20000);
	CHECK_EQ(read64(its + GITS_TYPER) & 1, 1); /* physical LPIs */
	CHECK_EQ(read32(its + GITS_CTLR), CTLR_QUIESCENT);
	CHECK_EQ(read32(its + GITS_PIDR2) >> 4 & 15, 3);
	write64(its + GITS_CBASER, boot.image & ~0xffffUL);
	CHECK_EQ(read64(its + GITS_CBASER) & 0xffffffff0000,
		 boot.image & ~0xffffUL);
	return 0;
}
