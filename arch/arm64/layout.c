/* arch/arm64/layout.c - the map of an arm64 guest's address space. */
#include "arch/arm64/layout.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "vmm/machine/limits.h"

/* Source: Arm IHI 0048B (GICv2), 4.1.2 and 4.1.3; IHI 0069H (GICv3), 12.10 and
 * 12.18. */
#define GICV2_CPU_IF_SIZE 0x2000ULL
#define GIC_DIST_SIZE 0x10000ULL
#define GICV3_REDIST_SIZE 0x20000ULL
#define GICV3_ITS_SIZE 0x20000ULL

#define BLOCK (2ULL << 20) /* stage 2 maps blocks of this size */
#define MIN_ADDRESS_BITS 32

/* Limit of one memory slot. Source: Linux, KVM_MEM_MAX_NR_PAGES, kvm_host.h. */
#define SLOT_MAX_PAGES ((1ULL << 31) - 1)

static void place_gic(struct arm64_gic_map *gic, unsigned cpus)
{
	const uint64_t redists = cpus * GICV3_REDIST_SIZE;

	gic->dist = (struct range){ ARM64_GIC_DIST, GIC_DIST_SIZE };
	gic->cpu_if = (struct range){ ARM64_GIC_CPU_IF, GICV2_CPU_IF_SIZE };
	gic->redist = (struct range){ ARM64_GIC_DIST - redists, redists };
	gic->its = (struct range){ gic->redist.start - GICV3_ITS_SIZE,
				   GICV3_ITS_SIZE };
}

/* @what, @word: what is at @at, as in "--mem 2G" */
static int check_bits(const char *what, const char *word, struct range at,
		      const struct kvm_limits *limits, unsigned *bits,
		      struct err *err)
{
	const uint64_t last = at.start + (at.size - 1);
	const unsigned need = 64 - (unsigned)__builtin_clzll(last);

	if (need > limits->address_bits)
		return err_input(err, -ERANGE,
				 "%s%s: needs %u address bits, this "
				 "host's KVM has %u",
				 what, word, need, limits->address_bits);
	if (need > *bits)
		*bits = need;
	return 0;
}

/* Context of a ram_space's check. */
struct host {
	const struct kvm_limits *limits;
	unsigned *bits;
};

static int check_host(void *ctx, const struct mem_spec *mem, struct range at,
		      struct err *err)
{
	const struct host *host = ctx;
	const uint64_t most = host->limits->page_size * SLOT_MAX_PAGES;
	const int r = check_bits("--mem ", mem->word, at, host->limits,
				 host->bits, err);

	if (r == 0 && at.size > most)
		return err_input(err, -ERANGE,
				 "--mem %s: KVM takes at most %" PRIu64
				 " MiB in one piece here; give it in several",
				 mem->word, most >> 20);
	return r;
}

/* The devices of the bus look for themselves; the GIC is in the kernel. */
static int check_taken(struct arm64_layout *layout,
		       const struct kvm_limits *limits,
		       const struct mem_map *taken, struct err *err)
{
	const struct arm64_gic_map *gic = &layout->gic;
	const struct range windows[] = { gic->dist, gic->cpu_if, gic->redist,
					 gic->its };
	int r = 0;

	for (size_t i = 0; r == 0 && i < taken->count; i++) {
		const struct mem_region *region = &taken->region[i];

		for (size_t j = 0; j < sizeof(windows) / sizeof(*windows); j++)
			if (range_overlaps(region->gpa, windows[j]))
				return err_input(err, -EEXIST,
						 "%s at 0x%" PRIx64
						 ": the interrupt controller "
						 "is there",
						 region->name,
						 region->gpa.start);
		r = check_bits("", region->name, region->gpa, limits,
			       &layout->address_bits, err);
	}
	return r;
}

int arm64_layout(struct arm64_layout *ret, const struct config *config,
		 const struct kvm_limits *limits, const struct mem_map *taken,
		 struct err *err)
{
	struct arm64_layout layout = { .address_bits = MIN_ADDRESS_BITS };
	struct host host = { limits, &layout.address_bits };
	const struct ram_space space = { .start = ARM64_RAM,
					 .page = limits->page_size,
					 .block = BLOCK,
					 .grows = true,
					 .taken = taken,
					 .check = check_host,
					 .ctx = &host };
	int r;

	place_gic(&layout.gic, config->cpus);
	r = check_taken(&layout, limits, taken, err);
	if (r == 0)
		r = ram_layout_place(&layout.ram, config, &space, err);
	if (r == 0)
		*ret = layout;
	return r;
}
