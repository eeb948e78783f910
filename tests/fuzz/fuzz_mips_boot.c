/* tests/fuzz/fuzz_mips_boot.c - nothing is placed outside RAM, or on top of
 * something else, whatever an ELF file's segments are. */
#include <stdlib.h>
#include <string.h>

#include "arch/mips/boot.h"
#include "arch/mips/layout.h"
#include "tests/fuzz/fuzz.h"

#define SEGMENTS 3

/* What the fuzzer chooses. */
struct choice {
	struct range ram[2];
	struct range segment[SEGMENTS];
	uint64_t entry, initrd_size, dtb_size;
	uint8_t vz, segments, unused[6];
};

static bool in_ram(const struct choice *c, struct range at)
{
	return range_valid(at) &&
	       (range_contains(c->ram[0], at) || range_contains(c->ram[1], at));
}

static void check(const struct choice *c, const struct mips_payload *want,
		  const struct mips_placement *at)
{
	if (!in_ram(c, want->kernel) || !in_ram(c, at->dtb) ||
	    range_overlaps(want->kernel, at->dtb) ||
	    at->dtb.size != want->dtb_size)
		abort();
	if (at->initrd.size != want->initrd_size)
		abort();
	if (at->initrd.size > 0 && (!in_ram(c, at->initrd) ||
				    range_overlaps(want->kernel, at->initrd) ||
				    range_overlaps(at->dtb, at->initrd)))
		abort();
}

static void check_elf(const struct elf *elf)
{
	for (size_t i = 0; i < elf->segments; i++)
		if (!range_contains(elf->span, elf->segment[i].mem))
			abort();
	if (elf->span.start + elf->span.size > MIPS_END ||
	    elf->entry >= MIPS_END)
		abort();
}

/* As mips_layout() has it: below the end, and disjoint. */
static bool is_layout(const struct choice *c)
{
	const struct range window = { 0, MIPS_END };

	return range_valid(c->ram[0]) && range_valid(c->ram[1]) &&
	       range_contains(window, c->ram[0]) &&
	       range_contains(window, c->ram[1]) &&
	       !range_overlaps(c->ram[0], c->ram[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mips_payload want = { .kernel_path = "k", .initrd_path = "i" };
	struct mips_placement at;
	struct err err = { 0 };
	struct elf elf = { 0 };
	struct choice c;

	if (size < sizeof(c))
		return 0;
	memcpy(&c, data, sizeof(c));
	elf.segments = c.segments % SEGMENTS + 1u;
	elf.entry = c.entry;
	for (size_t i = 0; i < elf.segments; i++) {
		if (!range_valid(c.segment[i])) /* elf_parse() refuses it */
			return 0;
		elf.segment[i].mem = c.segment[i];
	}
	if (mips_elf_physical(&elf, c.vz & 1 ? MIPS_VZ_KSEG0 : MIPS_TE_KSEG0,
			      "k", &err) < 0) {
		if (!err.input || !err.msg[0])
			abort();
		return 0;
	}
	check_elf(&elf);
	if (!is_layout(&c) || c.dtb_size == 0)
		return 0;
	want.kernel = elf.span;
	want.initrd_size = c.initrd_size;
	want.dtb_size = c.dtb_size;
	if (mips_place(&want, c.ram, 2, &at, &err) == 0)
		check(&c, &want, &at);
	else if (!err.input || !err.msg[0])
		abort();
	return 0;
}
