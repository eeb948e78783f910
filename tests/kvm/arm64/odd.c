/*
 * tests/kvm/arm64/odd.c - accesses to devices and holes that no VMM can
 * perform: the processor says where, but not what was to be done. The guest is
 * told with a synchronous external abort, as for a bus error.
 */
#include "tests/kvm/arm64/lib/guest.h"

/* odd_insns.S */
typedef void access(uint64_t at);
access load_pair, store_pair, load_post, load_pre, store_post, store_pre;
access load_vector, store_vector, load_lse_add;
access clean_line, clean_invalidate_line, prefetch;

static bool has_atomics(void)
{
	return (READ_SYSREG("id_aa64isar0_el1") >> 20 & 15) != 0;
}

static void is_refused(access *insn, uint64_t at)
{
	uint64_t esr;

	catch_fault();
	insn(at);
	esr = caught_fault();
	CHECK_EQ(ESR_CLASS(esr), CLASS_DATA_ABORT);
	CHECK_EQ(ESR_STATUS(esr), STATUS_EXTERNAL);
	CHECK_EQ(this_cpu()->far, at);
}

static void all_are_refused(uint64_t at)
{
	is_refused(load_pair, at);
	is_refused(store_pair, at);
	is_refused(load_post, at);
	is_refused(load_pre, at);
	is_refused(store_post, at);
	is_refused(store_pre, at);
	is_refused(load_vector, at);
	is_refused(store_vector, at);
	if (has_atomics())
		is_refused(load_lse_add, at);
}

/* Cache maintenance of what is no memory does nothing. */
static void maintenance_does_nothing(uint64_t at)
{
	catch_fault();
	clean_line(at);
	clean_invalidate_line(at);
	prefetch(at);
	CHECK_EQ(caught_fault(), 0);
}

static void code_in_a_hole_is_refused(uint64_t at)
{
	const uint64_t esr = call_fault(at);

	CHECK_EQ(ESR_CLASS(esr), CLASS_INSN_ABORT);
	CHECK_EQ(this_cpu()->far, at);
}

/* Translation tables that are not in memory, read by the processor itself. */
static void tables_in_a_hole_are_refused(uint64_t hole)
{
	mmu_l0[256] = hole | 3; /* a table for the addresses from 1 << 47 */
	barrier();
	catch_fault();
	(void)read64(1UL << 47);
	CHECK_EQ(ESR_CLASS(caught_fault()), CLASS_DATA_ABORT);
	mmu_l0[256] = 0;
	barrier();
	__asm__ volatile("tlbi vmalle1\n\tdsb sy\n\tisb" ::: "memory");
}

int main(void)
{
	const uint64_t hole = 0x7f00000000; /* far above all memory */

	all_are_refused(UART);
	all_are_refused(NOWHERE);
	all_are_refused(0x03000000);
	all_are_refused(hole);
	maintenance_does_nothing(UART);
	maintenance_does_nothing(hole);
	code_in_a_hole_is_refused(hole);
	mmu_alias();
	code_in_a_hole_is_refused(MMU_ALIAS + UART);
	code_in_a_hole_is_refused(MMU_ALIAS + NOWHERE);
	tables_in_a_hole_are_refused(0x7000000000);
	return 0;
}
