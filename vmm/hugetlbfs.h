/* vmm/hugetlbfs.h - memory with the huge pages of a folder (--hugetlbfs).
 * [pure]
 */
#ifndef VMM_HUGETLBFS_H
#define VMM_HUGETLBFS_H

#include "base/err.h"
#include "vmm/config.h"

/*
 * Gives memory without a kind of its own huge pages of the size that the file
 * system of --hugetlbfs has. Does nothing without that option.
 *
 * Returns 0; the errno of statfs(2); or, for a folder that is no hugetlbfs and
 * for memory that cannot have such pages, -EINVAL. All are the user's fault.
 * Thread: setup.
 */
int hugetlbfs_apply(struct config *config, struct err *err);

#endif
