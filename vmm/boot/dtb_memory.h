/*
 * vmm/boot/dtb_memory.h - compares the memory of a user's device tree with the
 * machine's. [pure]
 *
 * A kernel that is told of memory that is not there hangs in silence at its
 * first access. The tree may describe less memory than there is.
 *
 * Source: Devicetree Specification 0.4, 3.4 (/memory node).
 */
#ifndef VMM_BOOT_DTB_MEMORY_H
#define VMM_BOOT_DTB_MEMORY_H

#include <stddef.h>

#include "base/err.h"
#include "base/range.h"

/*
 * Checks that all memory of the tree is RAM.
 *
 * @dtb:  a tree that fdt_check_full() has accepted; what it says is not trusted
 * @path: for messages
 * @ram:  the guest's RAM, in any order
 *
 * Returns 0; or -EINVAL, a fault of the user's, if a memory node describes
 * other addresses or is malformed, or if no node describes memory. Thread: any.
 */
int dtb_memory_check(const void *dtb, const char *path, const struct range *ram,
		     size_t rams, struct err *err);

#endif
