/*
 * vmm/snapshot/chain.h - a snapshot with all that it stands on. [pure]
 *
 * A diff names its parent by its identity and by the path of its folder. The
 * parent is looked for at that path, and then beside the diff, so that a set of
 * snapshots may be moved together. A folder with another identity is never
 * taken for the parent. Nothing in the folders is trusted. Thread: one at a
 * time for each chain.
 */
#ifndef VMM_SNAPSHOT_CHAIN_H
#define VMM_SNAPSHOT_CHAIN_H

#include "base/err.h"
#include "mem/image_chain.h"
#include "vmm/snapshot/about.h"

#define SNAPSHOT_MAX_CHAIN 256

/* Zeroed, it is none. */
struct snapshot_chain {
	struct snapshot_about about; /* of the snapshot itself */
	struct image_chain memory; /* the full image first */
	char id[SNAPSHOT_MAX_CHAIN][SNAPSHOT_ID_SIZE]; /* of each image of
							  @memory */
	char *full_path; /* owned; of the snapshot, absolute */
	int fd; /* owned; the snapshot's folder; valid if @full_path is set */
};

/*
 * Opens a snapshot and its parents, up to the full one.
 *
 * @arch: as of snapshot_about_read()
 *
 * Returns 0; what snapshot_dir_open(), snapshot_about_read(), image_open() and
 * image_chain_add() return; -ENOENT if a parent is not there, -ELOOP if there
 * are more than SNAPSHOT_MAX_CHAIN. The message begins with the path of the
 * folder that is wrong. Nothing is left open on failure.
 */
int snapshot_chain_open(struct snapshot_chain *ret, const char *path,
			const char *arch, struct err *err);

/* Opens the snapshot alone: the chain has one image, which may be a diff's.
 * Returns what snapshot_chain_open() returns, but for what is said of parents.
 */
int snapshot_chain_open_top(struct snapshot_chain *ret, const char *path,
			    const char *arch, struct err *err);

void snapshot_chain_finish(struct snapshot_chain *chain); /* zeroed is fine */

/*
 * Reads and compares all checksums, of every image of the chain, and whether
 * the state is one. Returns 0, or what image_chain_verify() or state_open()
 * returns.
 */
int snapshot_chain_verify(const struct snapshot_chain *chain, struct err *err);

/*
 * Reads the state of KVM and of the devices.
 *
 * @ret: freed by the caller; not trusted
 *
 * Returns what file_read_in() returns.
 */
int snapshot_chain_state(const struct snapshot_chain *chain, uint8_t **ret,
			 size_t *ret_size, struct err *err);

/*
 * Writes a full snapshot that is the chain in one folder. Its identity is the
 * chain's own, so that diffs on top of the chain are diffs on top of it.
 *
 * @level: of image_writer_compress(); 0: not compressed
 *
 * Returns 0; what snapshot_dir_begin(), image_chain_merge() and
 * snapshot_dir_commit() return. On failure nothing is left.
 */
int snapshot_chain_merge(const struct snapshot_chain *chain, const char *path,
			 int level, struct err *err);

#endif
