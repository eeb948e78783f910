/* arch/mips/insn.c - what KVM does not say of a store. */
#include "arch/mips/insn.h"

enum { SWL = 0x2a, SWR = 0x2e };

bool mips_part_store(uint32_t insn, struct mips_part_store *ret)
{
	const uint32_t op = insn >> 26;

	if (op != SWL && op != SWR)
		return false;
	*ret = (struct mips_part_store){ .left = op == SWL,
					 .base = insn >> 21 & 31,
					 .offset = (int16_t)insn };
	return true;
}

uint32_t mips_part_mask(const struct mips_part_store *store, uint32_t addr)
{
	const unsigned byte = addr & 3;

	return store->left ? UINT32_MAX >> (24 - 8 * byte)
			   : UINT32_MAX << 8 * byte;
}
