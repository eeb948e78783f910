/* arch/arm64/gdb.h - what gdb is told of an arm64 vCPU. [pure] */
#ifndef ARCH_ARM64_GDB_H
#define ARCH_ARM64_GDB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "mem/map.h"

/* The registers of stage 1 of address translation at EL1. */
struct arm64_mmu {
	uint64_t sctlr, tcr, ttbr0, ttbr1;
};

/*
 * Walks page tables, which are not trusted: a loop of 4 levels at most.
 *
 * Granules of 4, 16 and 64 KiB; addresses of up to 48 bits, and of 52 where the
 * granule is 64 KiB. With the MMU off an address is physical.
 *
 * Returns 0, or -EFAULT if nothing is mapped there.
 *
 * Source: Arm ARM (DDI 0487), section D8.
 */
int arm64_walk(const struct mem_map *mem, const struct arm64_mmu *mmu,
	       uint64_t addr, gpa_t *ret);

/* Packet "g": where register @n is. Returns its size; 0: there is none. */
size_t arm64_gdb_find(unsigned n, size_t *ret_offset);

/* Offsets in that packet, in bytes. */
enum {
	ARM64_GDB_PSTATE = 33 * 8,
	ARM64_GDB_VECTORS = ARM64_GDB_PSTATE + 4,
	ARM64_GDB_FPSR = ARM64_GDB_VECTORS + 32 * 16,
	ARM64_GDB_FPCR = ARM64_GDB_FPSR + 4,
	ARM64_GDB_SIZE = ARM64_GDB_FPCR + 4
};

/* A pair of debug registers. */
struct arm64_watch {
	uint64_t control, value;
};

/*
 * Encodes a watchpoint.
 *
 * Returns 0; -EINVAL if the processor cannot watch such a range: more than 8
 * bytes are a power of two and aligned, and fewer lie within 8.
 */
int arm64_gdb_watch(uint64_t addr, uint64_t len, bool reads, bool writes,
		    struct arm64_watch *ret);

#endif
