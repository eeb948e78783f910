/*
 * vmm/snapshot/disks.h - the disks that a snapshot refers to. [pure]
 *
 * A snapshot names the disks of its guest and does not copy them. It notes of
 * each what it was like when the guest was held, and a restore is refused if a
 * disk is not like that any more: its guest would find another disk than the
 * one that it knows in its memory.
 */
#ifndef VMM_SNAPSHOT_DISKS_H
#define VMM_SNAPSHOT_DISKS_H

#include "base/err.h"
#include "vmm/snapshot/about.h"
#include "vmm/snapshot/disk_copy.h"

struct config;
struct machine;

/*
 * Finds out whether all disks of a guest can be referred to, before the guest
 * is held. Returns 0, or -EOPNOTSUPP with the disk in @err.
 */
int snapshot_disks_can_refer(const struct config *config, struct err *err);

/*
 * Notes the disks of a guest, in the order of the configuration: the images
 * that it has open, whatever their paths lead to by now.
 *
 * @copies: those that are copied; NULL: none is
 *
 * Returns what virtio_blk_stamp() returns, with the disk in @err. Thread: loop.
 */
int snapshot_disks_note(struct snapshot_about *about,
			const struct machine *machine,
			const struct disk_copies *copies, struct err *err);

/*
 * Begins to log the disks that the guest can write, to copy them.
 *
 * @ret: zeroed; disk_copies_finish() ends it, failure included
 * @all: as of disk_copies_add()
 *
 * Returns what disk_copies_add() returns. Thread: loop.
 */
int snapshot_disks_log(struct disk_copies *ret, const struct machine *machine,
		       bool all, struct err *err);

/*
 * Compares the disks of a guest that is to go on with what was noted. A block
 * device is compared by its size alone, and one that was copied not at all.
 *
 * Returns 0; -ESTALE, with the disk in @err; or the errno of open(2) or
 * fstat(2).
 */
int snapshot_disks_check(const struct snapshot_about *about,
			 const struct config *config, struct err *err);

#endif
