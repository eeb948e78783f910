/* mem/shortage.c - whether the host has memory for what is to be taken. */
#include "mem/shortage.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "mem/cgroup.h"
#include "mem/host.h"

int shortage_check(const char *word, uint64_t need, struct err *err)
{
	struct cgroup_room room;
	uint64_t available;

	if (cgroup_room(HOST_PROCFS, CGROUP_FS, host_swap_free(HOST_PROCFS),
			&room) &&
	    need > room.left)
		return err_set(err, -ENOMEM,
			       "%s: %" PRIu64 " MiB are asked for, of "
			       "the %" PRIu64 " MiB of control group %s "
			       "(memory.max) %" PRIu64 " MiB are left",
			       word, need >> 20, room.max >> 20, room.path,
			       room.left >> 20);
	if (!host_available(HOST_PROCFS, &available) || need <= available)
		return 0;
	return err_set(err, -ENOMEM,
		       "%s: %" PRIu64 " MiB are asked for, the host "
		       "has %" PRIu64 " MiB available",
		       word, need >> 20, available >> 20);
}

uint64_t shortage_of_file(int fd, uint64_t size)
{
	struct statfs fs;
	struct stat st;
	uint64_t has;

	if (fstatfs(fd, &fs) < 0 || fs.f_type != TMPFS_MAGIC ||
	    fstat(fd, &st) < 0)
		return 0;
	has = (uint64_t)st.st_blocks * 512;
	return has < size ? size - has : 0;
}
