/* vmm/boot/tree.c - writes the machine's device tree to guest memory. */
#include "vmm/boot/tree.h"

#include <libfdt.h>

#include "base/file.h"

/*
 * The tree is written this late, into the room that arch_load() has left for
 * it, as only a VM says which interrupt controller it has, what its vCPUs are
 * called and how fast their clock is.
 */
int tree_write(struct tree *tree, const struct mem_map *mem,
	       int (*write)(void *ctx, void *at, size_t size, struct err *err),
	       void *ctx, struct err *err)
{
	void *at = mem_ptr(mem, tree->at.start, tree->at.size, MEM_LOAD);
	int r = 0;

	if (!tree->user)
		r = write(ctx, at, (size_t)tree->at.size, err);
	mem_wrote(mem, at, tree->at.size);
	if (r < 0 || !tree->dump || tree->dumped)
		return r;
	tree->dumped = true;
	/* The guest's seeds are in it. */
	r = file_write_all(tree->dump, FILE_FOR_OWNER, at, fdt_totalsize(at),
			   err);
	return r < 0 ? err_wrap(err, "--dump-dtb") : 0;
}
