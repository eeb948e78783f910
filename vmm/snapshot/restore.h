/*
 * vmm/snapshot/restore.h - brings a machine to where a snapshot stands.
 *
 * The machine was made of the words that the snapshot carries. Its memory is
 * loaded first, then its devices; KVM's part is vm_load()'s. [pure]
 * Thread: setup.
 */
#ifndef VMM_SNAPSHOT_RESTORE_H
#define VMM_SNAPSHOT_RESTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/state.h"
#include "vmm/snapshot/chain.h"

struct machine;

/* A snapshot that a guest goes on from. */
struct restore {
	struct snapshot_chain chain; /* owned */
	uint8_t *data; /* owned; the state's bytes */
	struct state_view state; /* of @data */
	bool paused; /* the guest waits for `vmm resume` */
};

/*
 * Opens a snapshot and its state.
 *
 * @arch: arch_name
 *
 * Returns 0; what snapshot_chain_open(), snapshot_chain_state() and
 * state_open() return. Nothing is owned on failure.
 */
int restore_open(struct restore *ret, const char *path, const char *arch,
		 struct err *err);
void restore_close(struct restore *restore); /* zeroed is fine */

/*
 * Reads all of guest memory but flashes, and compares its checksums.
 *
 * @machine: new, without devices
 *
 * Returns 0; -EXDEV if the machine's memory is not the snapshot's; what
 * machine_load_memory() and image_chain_load() return.
 */
int restore_memory(struct restore *restore, struct machine *machine,
		   struct err *err);

/*
 * Writes what flashes held to their files, which are the user's: called when
 * nothing else can fail any more.
 *
 * Returns 0; -EROFS if a flash that is only read has changed since; what
 * image_chain_load() and file_write_at() return.
 */
int restore_flashes(const struct restore *restore,
		    const struct machine *machine, struct err *err);

#endif
