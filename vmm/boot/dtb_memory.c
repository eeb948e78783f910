/* vmm/boot/dtb_memory.c - compares the memory of a user's device tree with the
 * machine's. */
#include "vmm/boot/dtb_memory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include <libfdt.h>

#include "base/bytes.h"

/* The tree, and how its memory nodes write addresses and sizes. */
struct tree {
	const void *dtb;
	const char *path;
	int address_cells, size_cells; /* 1 or 2 */
};

static uint64_t read_cells(const uint8_t *at, int cells)
{
	return cells == 1 ? load_be32(at) : load_be64(at);
}

/* Regions may adjoin each other. */
static bool is_ram(struct range at, const struct range *ram, size_t rams)
{
	uint64_t next = at.start, left = at.size;

	while (left > 0) {
		uint64_t step = 0;

		for (size_t i = 0; i < rams && step == 0; i++)
			if (next >= ram[i].start &&
			    next - ram[i].start < ram[i].size)
				step = ram[i].size - (next - ram[i].start);
		if (step == 0)
			return false;
		left -= step < left ? step : left;
		next += step;
	}
	return true;
}

static int refuse_range(const struct tree *tree, struct range at,
			const struct range *ram, struct err *err)
{
	return err_input(err, -EINVAL,
			 "device tree %s: its memory, 0x%" PRIx64
			 " bytes at 0x%" PRIx64
			 ", is not the machine's, which begins with 0x%" PRIx64
			 " bytes at 0x%" PRIx64 " (see --mem)",
			 tree->path, at.size, at.start, ram->size, ram->start);
}

/* Checks the pieces of one memory node. Returns their number, or -errno. */
static int check_node(const struct tree *tree, int node,
		      const struct range *ram, size_t rams, struct err *err)
{
	const int address = tree->address_cells * 4;
	const int entry = address + tree->size_cells * 4;
	int len = 0;
	const uint8_t *reg = fdt_getprop(tree->dtb, node, "reg", &len);

	if (!reg || len % entry != 0)
		return err_input(
			err, -EINVAL,
			"device tree %s: a memory node without a valid "
			"'reg'",
			tree->path);
	for (int i = 0; i < len; i += entry) {
		const struct range at = {
			read_cells(reg + i, tree->address_cells),
			read_cells(reg + i + address, tree->size_cells)
		};

		if (!is_ram(at, ram, rams))
			return refuse_range(tree, at, ram, err);
	}
	return len / entry;
}

static bool is_disabled(const void *dtb, int node)
{
	const char *status = fdt_getprop(dtb, node, "status", NULL);

	return status && strcmp(status, "okay") != 0 &&
	       strcmp(status, "ok") != 0;
}

int dtb_memory_check(const void *dtb, const char *path, const struct range *ram,
		     size_t rams, struct err *err)
{
	static const char memory[] = "memory";
	const struct tree tree = { dtb, path, fdt_address_cells(dtb, 0),
				   fdt_size_cells(dtb, 0) };
	int pieces = 0, node = -1;

	if (tree.address_cells < 1 || tree.address_cells > 2 ||
	    tree.size_cells < 1 || tree.size_cells > 2)
		return err_input(err, -EINVAL,
				 "device tree %s: addresses and sizes of "
				 "neither 32 nor 64 bits",
				 path);
	for (;;) {
		int r;

		node = fdt_node_offset_by_prop_value(dtb, node, "device_type",
						     memory, sizeof(memory));
		if (node < 0)
			break;
		if (is_disabled(dtb, node))
			continue;
		r = check_node(&tree, node, ram, rams, err);
		if (r < 0)
			return r;
		pieces += r;
	}
	if (pieces == 0)
		return err_input(err, -EINVAL,
				 "device tree %s: it describes no memory",
				 path);
	return 0;
}
