/* arch/arm64/layout.c - the map of an arm64 guest's address space. */
#include "arch/arm64/layout.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/align.h"
#include "vmm/machine.h"

/* Source: Arm IHI 0048B (GICv2), 4.1.2 and 4.1.3; IHI 0069H (GICv3), 12.10 and
 * 12.18. */
#define GICV2_CPU_IF_SIZE 0x2000ULL
#define GIC_DIST_SIZE 0x10000ULL
#define GICV3_REDIST_SIZE 0x20000ULL
#define GICV3_ITS_SIZE 0x20000ULL

#define BLOCK (2ULL << 20) /* stage 2 maps blocks of this size */
#define MIN_ADDRESS_BITS 32

/* Of one memory slot. Source: Linux, KVM_MEM_MAX_NR_PAGES, kvm_host.h. */
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

static int check_pages(const struct mem_spec *mem, uint64_t page,
		       struct err *err)
{
	if (!is_aligned(mem->size, page))
		return err_input(err, -EINVAL,
				 "--mem %s: not a multiple of this host's "
				 "pages of %" PRIu64 " KiB",
				 mem->word, page >> 10);
	if (mem->placed && !is_aligned(mem->at, page))
		return err_input(err, -EINVAL,
				 "--mem %s: does not begin on one of this "
				 "host's pages of %" PRIu64 " KiB",
				 mem->word, page >> 10);
	return 0;
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

static int check_host(const struct mem_spec *mem, struct range at,
		      const struct kvm_limits *limits, unsigned *bits,
		      struct err *err)
{
	const uint64_t most = limits->page_size * SLOT_MAX_PAGES;
	const int r = check_bits("--mem ", mem->word, at, limits, bits, err);

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

/* Keeps the list in the order of addresses. */
static void insert(struct arm64_layout *layout, struct range at, unsigned mem)
{
	size_t i = layout->rams++;

	for (; i > 0 && layout->ram[i - 1].start > at.start; i--) {
		layout->ram[i] = layout->ram[i - 1];
		layout->mem[i] = layout->mem[i - 1];
	}
	layout->ram[i] = at;
	layout->mem[i] = mem;
}

/* What is in the way of @at, in the layout or in @taken; or NULL. */
static const struct range *obstacle(const struct arm64_layout *layout,
				    const struct mem_map *taken,
				    struct range at)
{
	for (size_t i = 0; i < layout->rams; i++)
		if (range_overlaps(layout->ram[i], at))
			return &layout->ram[i];
	for (size_t i = 0; i < taken->count; i++)
		if (range_overlaps(taken->region[i].gpa, at))
			return &taken->region[i].gpa;
	return NULL;
}

static int place_at(struct arm64_layout *layout, const struct config *config,
		    unsigned index, const struct mem_map *taken,
		    struct err *err)
{
	const struct mem_spec *mem = &config->mem[index];
	const struct range at = { mem->at, mem->size };
	const struct range *other;

	if (!range_valid(at))
		return err_input(err, -ERANGE,
				 "--mem %s: ends beyond the last address",
				 mem->word);
	if (at.start < ARM64_RAM)
		return err_input(err, -EINVAL,
				 "--mem %s: devices are there, memory begins "
				 "at 0x%" PRIx64,
				 mem->word, (uint64_t)ARM64_RAM);
	other = obstacle(layout, taken, at);
	if (other)
		return err_input(err, -EEXIST,
				 "--mem %s: overlaps the memory at 0x%" PRIx64,
				 mem->word, other->start);
	insert(layout, at, index);
	return 0;
}

/* The lowest gap that holds @size bytes from a multiple of @align on. False if
 * there is none. */
static bool find_gap(const struct arm64_layout *layout,
		     const struct mem_map *taken, uint64_t size, uint64_t align,
		     struct range *ret)
{
	struct range at = { .size = size };
	const struct range *other;

	if (!align_up(ARM64_RAM, align, &at.start))
		return false;
	/* What begins below the end of what is in the way overlaps it, too. */
	while (range_valid(at) && (other = obstacle(layout, taken, at)))
		if (other->size > UINT64_MAX - other->start ||
		    !align_up(other->start + other->size, align, &at.start))
			return false;
	*ret = at;
	return range_valid(at);
}

static int place_free(struct arm64_layout *layout, const struct config *config,
		      unsigned index, const struct mem_map *taken,
		      struct range *ret, struct err *err)
{
	const struct mem_spec *mem = &config->mem[index];
	const uint64_t huge = mem->policy.huge_size;

	if (!find_gap(layout, taken, mem->size, huge > BLOCK ? huge : BLOCK,
		      ret))
		return err_input(err, -ERANGE,
				 "--mem %s: there is no free place for it",
				 mem->word);
	insert(layout, *ret, index);
	return 0;
}

int arm64_layout(struct arm64_layout *ret, const struct config *config,
		 const struct kvm_limits *limits, const struct mem_map *taken,
		 struct err *err)
{
	struct arm64_layout layout = { .address_bits = MIN_ADDRESS_BITS };
	int r;

	place_gic(&layout.gic, config->cpus);
	r = check_taken(&layout, limits, taken, err);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < config->mems; i++) {
		const struct mem_spec *mem = &config->mem[i];
		const struct range at = { mem->at, mem->size };

		r = check_pages(mem, limits->page_size, err);
		if (r == 0 && mem->placed)
			r = place_at(&layout, config, i, taken, err);
		if (r == 0 && mem->placed)
			r = check_host(mem, at, limits, &layout.address_bits,
				       err);
		if (r < 0)
			return r;
	}
	for (unsigned i = 0; i < config->mems; i++) {
		const struct mem_spec *mem = &config->mem[i];
		struct range at = { 0 };

		if (mem->placed)
			continue;
		r = place_free(&layout, config, i, taken, &at, err);
		if (r == 0)
			r = check_host(mem, at, limits, &layout.address_bits,
				       err);
		if (r < 0)
			return r;
	}
	*ret = layout;
	return 0;
}
