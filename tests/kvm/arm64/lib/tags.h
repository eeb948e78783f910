/*
 * tests/kvm/arm64/lib/tags.h - memory tags (MTE).
 *
 * Source: Arm DDI 0487, D8.8, MAIR_EL1, TCR_EL1, SCTLR_EL1.
 */
#ifndef TESTS_KVM_ARM64_LIB_TAGS_H
#define TESTS_KVM_ARM64_LIB_TAGS_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/kvm/arm64/lib/guest.h"

#define TAG_GRANULE 16 /* bytes that have one tag */
#define MAIR_TAGGED 0xf000UL /* attribute 1, which all memory has */
#define TCR_TBI0 (1UL << 37)
#define SCTLR_ATA (1UL << 43)

static inline bool tags_exist(void)
{
	return (READ_SYSREG("id_aa64pfr1_el1") >> 8 & 15) >= 2;
}

/* On this CPU; no access is checked yet. */
static inline void tags_turn_on(void)
{
	WRITE_SYSREG("mair_el1", MAIR_TAGGED);
	WRITE_SYSREG("tcr_el1", READ_SYSREG("tcr_el1") | TCR_TBI0);
	__asm__ volatile("dsb sy\n\ttlbi vmalle1\n\tdsb sy\n\tisb" ::
				 : "memory");
	WRITE_SYSREG("sctlr_el1", READ_SYSREG("sctlr_el1") | SCTLR_ATA);
}

static inline uint64_t tag_pointer(uint64_t address, uint64_t tag)
{
	return address | tag << 56;
}

/* Gives a granule the tag of the pointer to it. */
static inline void tag_set(uint64_t pointer)
{
	__asm__ volatile(".arch armv8.5-a+memtag\n\tstg %0, [%0]" ::"r"(pointer)
			 : "memory");
}

static inline uint64_t tag_get(uint64_t address)
{
	__asm__ volatile(".arch armv8.5-a+memtag\n\tldg %0, [%0]"
			 : "+r"(address)
			 :
			 : "memory");
	return address >> 56 & 15;
}

#endif
