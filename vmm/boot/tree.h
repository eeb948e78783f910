/*
 * vmm/boot/tree.h - writes the machine's device tree to guest memory. [pure]
 *
 * For architectures whose guests take one.
 */
#ifndef VMM_BOOT_TREE_H
#define VMM_BOOT_TREE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/range.h"
#include "mem/map.h"

/* A machine's tree. Paths are borrowed. */
struct tree {
	const char *user; /* the user's own tree; NULL: the machine's */
	const char *dump; /* file for the first one; NULL: none */
	struct range at; /* the user's tree, or room for the machine's */
	bool dumped;
};

/*
 * Puts the tree into @mem at tree->at, if the user's is not there already; and
 * the first time, writes what is there to tree->dump.
 *
 * @write: writes the machine's tree to @at, @size bytes of host memory. Returns
 *         0 or a negative errno with @err set
 *
 * Returns 0, what @write returns, or file_write_all(). For arch_vm_boot().
 */
int tree_write(struct tree *tree, const struct mem_map *mem,
	       int (*write)(void *ctx, void *at, size_t size, struct err *err),
	       void *ctx, struct err *err);

#endif
