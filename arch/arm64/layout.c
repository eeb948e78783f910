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

static int check_host(const struct mem_spec *mem, struct range at,
		      const struct kvm_limits *limits, unsigned *bits,
		      struct err *err)
{
	const uint64_t last = at.start + (at.size - 1);
	const unsigned need = 64 - (unsigned)__builtin_clzll(last);
	const uint64_t most = limits->page_size * SLOT_MAX_PAGES;

	if (need > limits->address_bits)
		return err_input(err, -ERANGE,
				 "--mem %s: needs %u address bits, this "
				 "host's KVM has %u",
				 mem->word, need, limits->address_bits);
	if (at.size > most)
		return err_input(err, -ERANGE,
				 "--mem %s: KVM takes at most %" PRIu64
				 " MiB in one piece here; give it in several",
				 mem->word, most >> 20);
	if (need > *bits)
		*bits = need;
	return 0;
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

static int place_at(struct arm64_layout *layout, const struct config *config,
		    unsigned index, struct err *err)
{
	const struct mem_spec *mem = &config->mem[index];
	const struct range at = { mem->at, mem->size };

	if (!range_valid(at))
		return err_input(err, -ERANGE,
				 "--mem %s: ends beyond the last address",
				 mem->word);
	if (at.start < ARM64_RAM)
		return err_input(err, -EINVAL,
				 "--mem %s: devices are there, memory begins "
				 "at 0x%" PRIx64,
				 mem->word, (uint64_t)ARM64_RAM);
	for (size_t i = 0; i < layout->rams; i++) {
		const struct range *other = &layout->ram[i];

		if (range_overlaps(*other, at))
			return err_input(err, -EEXIST,
					 "--mem %s: overlaps the memory at "
					 "0x%" PRIx64,
					 mem->word, other->start);
	}
	insert(layout, at, index);
	return 0;
}

/* The lowest gap that holds @size bytes from a multiple of @align on. False if
 * there is none. */
static bool find_gap(const struct arm64_layout *layout, uint64_t size,
		     uint64_t align, struct range *ret)
{
	struct range at = { .size = size };

	if (!align_up(ARM64_RAM, align, &at.start))
		return false;
	for (size_t i = 0; i < layout->rams; i++) {
		const struct range *next = &layout->ram[i];

		if (next->start >= at.start && next->start - at.start >= size)
			break;
		if (next->start + (next->size - 1) < at.start)
			continue;
		if (next->size > UINT64_MAX - next->start ||
		    !align_up(next->start + next->size, align, &at.start))
			return false;
	}
	*ret = at;
	return range_valid(at);
}

static int place_free(struct arm64_layout *layout, const struct config *config,
		      unsigned index, struct range *ret, struct err *err)
{
	const struct mem_spec *mem = &config->mem[index];
	const uint64_t huge = mem->policy.huge_size;

	if (!find_gap(layout, mem->size, huge > BLOCK ? huge : BLOCK, ret))
		return err_input(err, -ERANGE,
				 "--mem %s: there is no free place for it",
				 mem->word);
	insert(layout, *ret, index);
	return 0;
}

int arm64_layout(struct arm64_layout *ret, const struct config *config,
		 const struct kvm_limits *limits, struct err *err)
{
	struct arm64_layout layout = { .address_bits = MIN_ADDRESS_BITS };
	int r = 0;

	place_gic(&layout.gic, config->cpus);
	for (unsigned i = 0; i < config->mems; i++) {
		const struct mem_spec *mem = &config->mem[i];
		const struct range at = { mem->at, mem->size };

		r = check_pages(mem, limits->page_size, err);
		if (r == 0 && mem->placed)
			r = place_at(&layout, config, i, err);
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
		r = place_free(&layout, config, i, &at, err);
		if (r == 0)
			r = check_host(mem, at, limits, &layout.address_bits,
				       err);
		if (r < 0)
			return r;
	}
	*ret = layout;
	return 0;
}
