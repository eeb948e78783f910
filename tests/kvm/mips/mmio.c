/*
 * tests/kvm/mips/mmio.c - accesses of each form, to devices and to memory that
 * KVM takes for one.
 */
#include "tests/kvm/mips/lib/guest.h"

#define SCRATCH (UART + 7) /* a byte that the port keeps */
#define VIRTIO_MAGIC 0x74726976

static volatile uint32_t word __attribute__((aligned(16)));

static uint32_t physical(const volatile void *at)
{
	return (uint32_t)at - KSEG0(0);
}

static void do_part(uint32_t at, uint32_t val)
{
	__asm__ volatile("swr %0, 0(%1)\n\tswl %0, 3(%1)" ::"r"(val), "r"(at)
			 : "memory");
}

static uint32_t load_part(uint32_t at)
{
	uint32_t val;

	__asm__ volatile("lwr %0, 0(%1)\n\tlwl %0, 3(%1)"
			 : "=&r"(val)
			 : "r"(at)
			 : "memory");
	return val;
}

static void test_device(void)
{
	do_sb(SCRATCH, 0x1234a5);
	CHECK_EQ(do_lbu(SCRATCH), 0xa5);
	CHECK_EQ(do_lb(SCRATCH), 0xffffffa5);
	CHECK_EQ(do_lw(VIRTIO), VIRTIO_MAGIC);
	/* A register is read whole, or not at all. */
	CHECK_EQ(do_lhu(VIRTIO), 0);
	CHECK_EQ(do_lbu(VIRTIO), 0);
}

static void test_nowhere(void)
{
	CHECK_EQ(do_lb(NOWHERE), 0xffffffff);
	CHECK_EQ(do_lbu(NOWHERE), 0xff);
	CHECK_EQ(do_lh(NOWHERE), 0xffffffff);
	CHECK_EQ(do_lhu(NOWHERE), 0xffff);
	CHECK_EQ(do_lw(NOWHERE), 0xffffffff);
	do_sb(NOWHERE, 1);
	do_sh(NOWHERE, 1);
	do_sw(NOWHERE, 1);
	/* Of another size than the device's, and half beyond its window. */
	CHECK_EQ(do_lbu(PIC), 0xff);
	CHECK_EQ(do_lw(UART + 4), 0xffffffff);
}

/* One word of memory, through the windows that come to the VMM. */
static void test_memory(uint32_t at)
{
	word = 0;
	do_sw(at, 0x80c1a2e3);
	CHECK_EQ(word, 0x80c1a2e3);
	CHECK_EQ(do_lw(at), 0x80c1a2e3);
	CHECK_EQ(do_lh(at), 0xffffa2e3);
	CHECK_EQ(do_lhu(at + 2), 0x80c1);
	CHECK_EQ(do_lb(at), 0xffffffe3);
	CHECK_EQ(do_lbu(at + 3), 0x80);
	do_sb(at + 1, 0x11);
	CHECK_EQ(word, 0x80c111e3);
	do_sh(at + 2, 0x2233);
	CHECK_EQ(word, 0x223311e3);
}

/* What is not aligned, as compilers make it of two instructions. */
static void test_parts(uint32_t at)
{
	for (uint32_t byte = 0; byte < 4; byte++) {
		static volatile uint32_t pair[2] __attribute__((aligned(8)));
		const uint32_t near = (uint32_t)pair + byte;
		const uint32_t far = at - physical(&word) + physical(pair) +
				     byte;

		pair[0] = 0x33221100;
		pair[1] = 0x77665544;
		do_sw(NOWHERE, 0xdeadbeef); /* what an exit leaves */
		do_part(far, 0xa3a2a1a0);
		for (uint32_t i = 0; i < 8; i++)
			CHECK_EQ(do_lbu((uint32_t)pair + i),
				 i - byte < 4 ? 0xa0 + i - byte : 0x11 * i);
		CHECK_EQ(load_part(far), 0xa3a2a1a0);
		CHECK_EQ(load_part(near), 0xa3a2a1a0);
	}
}

int main(void)
{
	test_device();
	test_nowhere();
	test_memory(CKSEG0(physical(&word)));
	test_memory(KSEG1(physical(&word)));
	test_parts(CKSEG0(physical(&word)));
	test_parts(KSEG1(physical(&word)));
	return 0;
}
