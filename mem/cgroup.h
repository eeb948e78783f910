/*
 * mem/cgroup.h - what memory the control group of this process leaves it.
 *
 * A group's limit holds for all groups in it, so of our group and those it is
 * in the tightest counts. Exceeding a limit is no error of a system call: the
 * kernel kills the process. So check before a large allocation. Only the
 * unified hierarchy (version 2) is looked at.
 *
 * Source: Linux, Documentation/admin-guide/cgroup-v2.rst, "Memory".
 */
#ifndef MEM_CGROUP_H
#define MEM_CGROUP_H

#include <stdbool.h>
#include <stdint.h>

#define CGROUP_FS "/sys/fs/cgroup"
#define CGROUP_PATH 256 /* longer ones are not looked at */

struct cgroup_room {
	char path[CGROUP_PATH]; /* of the group with the least room, in the
				   hierarchy: "/vms/a" */
	uint64_t max; /* its limit, in bytes */
	uint64_t left; /* of that: free, or page cache that can be dropped, or
			  what can be swapped out */
};

/*
 * Finds the group with the least room.
 *
 * @procfs, @cgroupfs: HOST_PROCFS and CGROUP_FS, or those of a test
 * @swap: what the host's swap space has room for, in bytes
 *
 * Returns false if none of the groups has a limit, or the kernel does not tell.
 * Thread: any.
 */
bool cgroup_room(const char *procfs, const char *cgroupfs, uint64_t swap,
		 struct cgroup_room *ret);

#endif
