/* vmm/snapshot/disks.c - the disks that a snapshot refers to. */
#include "vmm/snapshot/disks.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "vmm/config.h"

static int look_at_disk(const char *path, struct snapshot_disk *ret,
			struct err *err)
{
	_cleanup_(fd_closep) int fd = -1;
	struct stat st;

	if (stat(path, &st) < 0)
		return err_sys(err, "--disk %s", path);
	if (!S_ISBLK(st.st_mode)) {
		*ret = (struct snapshot_disk){
			.size = (uint64_t)st.st_size,
			.seconds = st.st_mtim.tv_sec,
			.ns = (uint32_t)st.st_mtim.tv_nsec,
		};
		return 0;
	}
	*ret = (struct snapshot_disk){ 0 };
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || ioctl(fd, BLKGETSIZE64, &ret->size) < 0)
		return err_sys(err, "--disk %s", path);
	return 0;
}

int snapshot_disks_note(struct snapshot_about *about,
			const struct config *config, struct err *err)
{
	_Static_assert(SNAPSHOT_MAX_DISKS >= CONFIG_MAX_DISKS,
		       "each disk of a guest is noted");
	about->disks = 0;
	for (size_t i = 0; i < config->disks; i++) {
		const int r = look_at_disk(config->disk[i].path,
					   &about->disk[i], err);

		if (r < 0)
			return r;
		about->disks++;
	}
	return 0;
}

int snapshot_disks_check(const struct snapshot_about *about,
			 const struct config *config, struct err *err)
{
	if (config->disks != about->disks)
		return err_input(err, -ESTALE,
				 "the snapshot is of a guest with other disks");
	for (size_t i = 0; i < config->disks; i++) {
		const struct snapshot_disk *was = &about->disk[i];
		struct snapshot_disk is;
		const int r = look_at_disk(config->disk[i].path, &is, err);

		if (r < 0)
			return err_input(err, r, "the snapshot's --disk %s: %s",
					 config->disk[i].path,
					 strerrordesc_np(-r));
		if (is.size != was->size || is.seconds != was->seconds ||
		    is.ns != was->ns)
			return err_input(err, -ESTALE,
					 "--disk %s: has changed since the "
					 "snapshot was made",
					 config->disk[i].path);
	}
	return 0;
}
