/* arch/mips/layout.c - the map of a MIPS guest's physical addresses. */
#include "arch/mips/layout.h"

#include <errno.h>
#include <inttypes.h>

#include "vmm/machine/limits.h"

static const struct range window = { 0, MIPS_END };

static int check_ram_range(void *ctx, const struct mem_spec *mem,
			   struct range at, struct err *err)
{
	(void)ctx;
	if (range_contains(window, at))
		return 0;
	return err_input(err, -ERANGE,
			 "--mem %s: a MIPS guest's memory is below 512 MiB, "
			 "and %s",
			 mem->word,
			 mem->placed ? "this ends beyond"
				     : "there it finds no room (devices are at "
				       "496 MiB)");
}

static int check_taken(const struct mem_map *taken, struct err *err)
{
	const struct range devices = { MIPS_DEVICES, MIPS_DEVICES_SIZE };

	for (size_t i = 0; i < taken->count; i++) {
		const struct mem_region *region = &taken->region[i];

		if (!range_contains(window, region->gpa))
			return err_input(err, -ERANGE,
					 "%s at 0x%" PRIx64
					 ": a MIPS guest's addresses end at "
					 "512 MiB",
					 region->name, region->gpa.start);
		if (range_overlaps(devices, region->gpa))
			return err_input(err, -EEXIST,
					 "%s at 0x%" PRIx64 ": devices are at "
					 "0x%llx to 0x%llx",
					 region->name, region->gpa.start,
					 MIPS_DEVICES,
					 MIPS_DEVICES + MIPS_DEVICES_SIZE - 1);
	}
	return 0;
}

int mips_layout(struct ram_layout *ret, const struct config *config,
		const struct kvm_limits *limits, const struct mem_map *taken,
		struct err *err)
{
	const struct ram_space space = {
		.devices = { MIPS_DEVICES, MIPS_DEVICES_SIZE },
		.page = limits->page_size,
		.block = limits->page_size,
		.taken = taken,
		.check = check_ram_range,
	};
	struct config mine;
	int r = check_taken(taken, err);

	if (r < 0)
		return r;
	if (!config->mem[0].implied)
		return ram_layout_place(ret, config, &space, err);
	mine = *config;
	mine.mem[0].size = MIPS_IMPLIED_MEM;
	return ram_layout_place(ret, &mine, &space, err);
}

bool mips_physical(uint64_t addr, uint64_t kseg0, gpa_t *ret)
{
	/* As a 32-bit CPU has it in its registers. */
	if (addr >> 31 == UINT64_MAX >> 31)
		addr = (uint32_t)addr;
	if (addr >= kseg0 && addr - kseg0 < MIPS_END)
		addr -= kseg0;
	else if (addr >= MIPS_KSEG1 && addr - MIPS_KSEG1 < MIPS_END)
		addr -= MIPS_KSEG1;
	if (addr >= MIPS_END)
		return false;
	*ret = addr;
	return true;
}
