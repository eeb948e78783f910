/* tests/kvm/arm64/lib/mmu.c - the identity map. */
#include "tests/kvm/arm64/lib/dt.h"
#include "tests/kvm/arm64/lib/guest.h"

/* Source: Arm DDI 0487, D8.3: 4 KiB granule, 48 bits. */
#define TABLE 3ULL
#define BLOCK 1ULL
#define ACCESSED (1ULL << 10)
#define INNER_SHAREABLE (3ULL << 8)
#define NORMAL (1ULL << 2)
#define NO_EXECUTE (1ULL << 54 | 1ULL << 53)
#define LEVEL0_SHIFT 39
#define LEVEL1_SHIFT 30
#define ENTRIES 512
#define TABLES 6

uint64_t mmu_l0[ENTRIES] __attribute__((aligned(4096)));
static uint64_t level1[TABLES][ENTRIES] __attribute__((aligned(4096)));

void mmu_map_all(void);

static uint64_t block(uint64_t at)
{
	if (at < 2ULL << LEVEL1_SHIFT)
		return at | BLOCK | ACCESSED | NO_EXECUTE;
	return at | BLOCK | ACCESSED | INNER_SHAREABLE | NORMAL;
}

/* Maps the 512 GiB that hold an address. */
static void map(uint64_t at, unsigned *used)
{
	uint64_t *entry = &mmu_l0[at >> LEVEL0_SHIFT & (ENTRIES - 1)];
	uint64_t *table = level1[*used];

	if (at >> LEVEL0_SHIFT >= ENTRIES || *entry || *used == TABLES)
		return;
	(*used)++;
	at = at >> LEVEL0_SHIFT << LEVEL0_SHIFT;
	for (uint64_t i = 0; i < ENTRIES; i++)
		table[i] = block(at + (i << LEVEL1_SHIFT));
	*entry = (uint64_t)table | TABLE;
}

/* Runs with the MMU off. What follows a region is mapped as well. */
void mmu_map_all(void)
{
	struct dt_node node = { 0 };
	unsigned used = 0;

	map(0, &used);
	while (dt_find(&node, "device_type", "memory"))
		for (unsigned i = 0; i < dt_regs(&node); i++) {
			map(dt_address(&node, i), &used);
			map(dt_address(&node, i) + dt_size(&node, i), &used);
		}
}

void mmu_alias(void)
{
	static uint64_t table[ENTRIES] __attribute__((aligned(4096)));

	for (uint64_t i = 0; i < 2; i++)
		table[i] = i << LEVEL1_SHIFT | BLOCK | ACCESSED |
			   INNER_SHAREABLE | NORMAL;
	mmu_l0[MMU_ALIAS >> LEVEL0_SHIFT] = (uint64_t)table | TABLE;
	barrier();
}
