/* tests/kvm/mips/ends.c - the ends of a guest that are not a power-off. */
#include "tests/kvm/mips/lib/guest.h"

/* What a reset leaves in memory that nothing is loaded to. */
#define LEFT KSEG0(0x800)

static uint8_t data = 1; /* loaded anew each time */
static uint8_t bss;

int main(void)
{
	CHECK_EQ(data, 1);
	CHECK_EQ(bss, 0);
	CHECK_EQ(read32(PIC + PIC_PENDING), 0);
	CHECK_EQ(CP0(READ_CP0, CAUSE) & CAUSE_IP2, 0);
	data = bss = 2;
	if (read32(LEFT) < 3) {
		/* With the line high, and enabled. */
		write32(PIC + PIC_ENABLE, 1 << PIN_UART);
		do_sb(UART + 1, 2);
		write32(LEFT, read32(LEFT) + 1);
		reset();
	}
	put("panic\n");
	do_sb(PVPANIC, 1);
	for (;;)
		wait_for_interrupt();
}
