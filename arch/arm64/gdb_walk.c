/* arch/arm64/gdb_walk.c - translates a guest's virtual addresses, and says
 * where gdb has which register. */
#include <errno.h>

#include "arch/arm64/gdb.h"
#include "base/align.h"
#include "base/bytes.h"

#define SCTLR_M 1U
#define BLOCK 1U /* a descriptor's low bits: memory */
#define TABLE 3U /* a table; memory at the last level */
#define KINDS 3U
#define LAST_LEVEL 3

/* What of TCR_EL1 counts for one half of the addresses. */
struct half {
	unsigned bits; /* of its addresses */
	unsigned page; /* the granule, as a power of two */
	uint64_t table;
};

/* Sizes by TG0 and TG1, as powers of two; 0: reserved. */
static const uint8_t low_granules[] = { 12, 16, 14, 0 };
static const uint8_t high_granules[] = { 0, 14, 12, 16 };

static void choose_half(const struct arm64_mmu *mmu, uint64_t addr,
			struct half *ret)
{
	const bool high = addr >> 55 & 1;
	const unsigned shift = high ? 16 : 0;

	ret->bits = 64 - (unsigned)(mmu->tcr >> shift & 63);
	ret->page = high ? high_granules[mmu->tcr >> 30 & 3]
			 : low_granules[mmu->tcr >> 14 & 3];
	ret->table = high ? mmu->ttbr1 : mmu->ttbr0;
}

/* The bits of a descriptor, or of TTBR, that are an address. With 64 KiB pages
 * bits 51 to 48 are elsewhere. */
static uint64_t descriptor_address(uint64_t descriptor, unsigned page,
				   unsigned align, bool ttbr)
{
	const unsigned at = ttbr ? 2 : 12;
	uint64_t ret = descriptor & ((UINT64_C(1) << 48) - 1);

	ret = align_down(ret, UINT64_C(1) << align);
	if (page == 16)
		ret |= (descriptor >> at & 15) << 48;
	return ret;
}

int arm64_walk(const struct mem_map *mem, const struct arm64_mmu *mmu,
	       uint64_t addr, gpa_t *ret)
{
	struct half half;
	unsigned level, index_bits, top;
	uint64_t table;

	if (!(mmu->sctlr & SCTLR_M)) {
		*ret = addr;
		return 0;
	}
	choose_half(mmu, addr, &half);
	if (half.page == 0 || half.bits <= half.page ||
	    half.bits > (half.page == 16 ? 52 : 48))
		return -EFAULT;
	index_bits = half.page - 3;
	level = LAST_LEVEL + 1 -
		(half.bits - half.page + index_bits - 1) / index_bits;
	top = half.bits;
	table = descriptor_address(half.table, half.page, 6, true);
	for (; level <= LAST_LEVEL; level++) {
		const unsigned low = half.page +
				     (LAST_LEVEL - level) * index_bits;
		const uint64_t index = addr >> low &
				       ((UINT64_C(1) << (top - low)) - 1);
		uint8_t bytes[8];
		uint64_t descriptor;

		if (mem_read(mem, table + index * sizeof(bytes), bytes,
			     sizeof(bytes)) < 0)
			return -EFAULT;
		descriptor = load_le64(bytes);
		if ((descriptor & KINDS) ==
		    (level == LAST_LEVEL ? TABLE : BLOCK)) {
			const uint64_t size = UINT64_C(1) << low;

			*ret = descriptor_address(descriptor, half.page, low,
						  false) |
			       (addr & (size - 1));
			return 0;
		}
		if ((descriptor & KINDS) != TABLE)
			return -EFAULT;
		table = descriptor_address(descriptor, half.page, half.page,
					   false);
		top = low;
	}
	return -EFAULT;
}

size_t arm64_gdb_find(unsigned n, size_t *ret_offset)
{
	if (n < 33) {
		*ret_offset = (size_t)n * 8;
		return 8;
	}
	if (n == 33) {
		*ret_offset = ARM64_GDB_PSTATE;
		return 4;
	}
	if (n < 34 + 32) {
		*ret_offset = ARM64_GDB_VECTORS + (size_t)(n - 34) * 16;
		return 16;
	}
	*ret_offset = n == 66 ? ARM64_GDB_FPSR : ARM64_GDB_FPCR;
	return n < 68 ? 4 : 0;
}

/* Source: Arm ARM, DBGWCR<n>_EL1. */
#define WATCH_ON 1U
#define WATCH_EL0_EL1 (3U << 1)
#define WATCH_LOADS (1U << 3)
#define WATCH_STORES (2U << 3)
#define WATCH_BYTES_SHIFT 5
#define WATCH_MASK_SHIFT 24

int arm64_gdb_watch(uint64_t addr, uint64_t len, bool reads, bool writes,
		    struct arm64_watch *ret)
{
	uint64_t control = WATCH_ON | WATCH_EL0_EL1 |
			   (reads ? WATCH_LOADS : 0) |
			   (writes ? WATCH_STORES : 0);

	if (len == 0)
		return -EINVAL;
	if (addr % 8 + len <= 8) {
		const uint64_t bytes = (UINT64_C(1) << len) - 1;

		control |= bytes << (addr % 8) << WATCH_BYTES_SHIFT;
		*ret = (struct arm64_watch){ control, align_down(addr, 8) };
		return 0;
	}
	if (!is_pow2(len) || addr % len != 0 || len > UINT64_C(1) << 31)
		return -EINVAL;
	control |= UINT64_C(0xff) << WATCH_BYTES_SHIFT;
	control |= (uint64_t)__builtin_ctzll(len) << WATCH_MASK_SHIFT;
	*ret = (struct arm64_watch){ control, addr };
	return 0;
}
