/*
 * arch/mips/insn.h - what KVM does not say of a store: which bytes it is of.
 * [pure]
 *
 * KVM tells of SWL and SWR, which store a part of a word, as of a store of the
 * whole; the other bytes are what the last exit left. So who performs it on
 * memory looks at the instruction.
 *
 * Source: MIPS32 Instruction Set (MD00086), SWL, SWR; Linux 5.10,
 * arch/mips/kvm/emulate.c, kvm_mips_emulate_store().
 */
#ifndef ARCH_MIPS_INSN_H
#define ARCH_MIPS_INSN_H

#include <stdbool.h>
#include <stdint.h>

struct mips_part_store {
	bool left; /* SWL, else SWR */
	unsigned base; /* number of the register */
	int16_t offset; /* from it */
};

/* Returns false if it is another instruction. */
bool mips_part_store(uint32_t insn, struct mips_part_store *ret);

/*
 * The bits of the word, as KVM has put it together, that the guest stores.
 *
 * @addr: the store's, not aligned
 */
uint32_t mips_part_mask(const struct mips_part_store *store, uint32_t addr);

#endif
