/* vmm/snapshot/disks.c - the disks that a snapshot refers to. */
#include "vmm/snapshot/disks.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "devices/virtio/blk.h"
#include "vmm/config.h"
#include "vmm/machine/machine.h"

static void note_stamp(struct snapshot_disk *ret,
		       const struct disk_stamp *stamp)
{
	*ret = (struct snapshot_disk){ .size = stamp->size,
				       .seconds = stamp->seconds,
				       .ns = stamp->ns };
}

int snapshot_disks_can_refer(const struct config *config, struct err *err)
{
	for (size_t i = 0; i < config->disks; i++)
		if (config->disk[i].temp || config->disk[i].copied)
			return err_set(err, -EOPNOTSUPP,
				       "--disk %s: what the guest has written "
				       "is in no file that a snapshot could "
				       "refer to; --disks copy keeps it",
				       config->disk[i].path);
	return 0;
}

int snapshot_disks_note(struct snapshot_about *about,
			const struct machine *machine,
			const struct disk_copies *copies, struct err *err)
{
	_Static_assert(SNAPSHOT_MAX_DISKS >= CONFIG_MAX_DISKS,
		       "each disk of a guest is noted");
	about->disks = 0;
	for (size_t i = 0; i < machine->disks; i++) {
		struct disk_stamp stamp = { 0 };
		const int r = virtio_blk_stamp(machine->disk[i], &stamp, err);

		if (r < 0)
			return err_wrap(err, "--disk");
		note_stamp(&about->disk[about->disks++], &stamp);
	}
	for (size_t i = 0; copies && i < copies->count; i++)
		about->disk[copies->at[i].index] = (struct snapshot_disk){
			.size = copies->at[i].size,
			.copied = true,
		};
	return 0;
}

int snapshot_disks_log(struct disk_copies *ret, const struct machine *machine,
		       bool all, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < machine->disks; i++) {
		struct disk *disk = virtio_blk_disk(machine->disk[i]);

		if (!disk->ro)
			r = disk_copies_add(ret, (unsigned)i, disk, all, err);
	}
	return r < 0 ? err_wrap(err, "--disk") : 0;
}

static int look_at_disk(const char *path, struct snapshot_disk *ret)
{
	_cleanup_(fd_closep) int fd = open(path,
					   O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct disk_stamp stamp = { 0 };
	const int r = fd < 0 ? -errno : disk_stamp(fd, &stamp);

	note_stamp(ret, &stamp);
	return r;
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
		int r;

		if (was->copied)
			continue;
		r = look_at_disk(config->disk[i].path, &is);
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
