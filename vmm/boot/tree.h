/*
 * vmm/boot/tree.h - writes the machine's device tree to guest memory.
 *
 * For architectures whose guests take one.
 */
#ifndef VMM_BOOT_TREE_H
#define VMM_BOOT_TREE_H

#include <stddef.h>

#include "base/err.h"

struct vm;

/*
 * Puts the tree into machine->boot.dtb, if the user's is not there already; and
 * the first time, writes what is there to the file of --dump-dtb.
 *
 * @write: writes the tree that tells of @vm to @at, @size bytes of host memory.
 *         Returns 0 or a negative errno with @err set
 *
 * Returns 0, what @write returns, or file_write_all(). For arch_vm_boot().
 */
int tree_write(struct vm *vm,
	       int (*write)(const struct vm *vm, void *at, size_t size,
			    struct err *err),
	       struct err *err);

#endif
