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
#include "vmm/config.h"
#include "vmm/snapshot/chain.h"

struct image_map;
struct lazy;
struct machine;

/* How a guest gets the memory that it had. */
enum restore_way {
	RESTORE_AUTO, /* the fastest that this host and its memory allow */
	RESTORE_COPY, /* all is read and compared with its checksums, first */
	RESTORE_MAP, /* mapped from the files: mem/image_map.h */
	RESTORE_LAZY, /* comes when it is touched: vmm/snapshot/lazy.h */
};

/* A snapshot that a guest goes on from. */
struct restore {
	struct snapshot_chain chain; /* owned */
	uint8_t *data; /* owned; the state's bytes */
	struct state_view state; /* of @data */
	bool paused; /* the guest waits for `vmm resume` */
	bool record; /* notes the order in which memory is asked for;
			RESTORE_LAZY alone */
	bool tell; /* restore_tell() has something to do */
	enum restore_way way; /* as the user wants it; after restore_memory()
				 what it has become, never RESTORE_AUTO */
	struct err slower; /* why the way is not a faster one; code 0: it is */
	/* Memory cannot be had, and the guest must not run on: see
	 * lazy_new(). Set before restore_memory(). */
	void (*lost)(void *ctx);
	void *lost_ctx;
	struct lazy *lazy; /* owned */
	struct image_map *map[MEM_MAX_REGIONS]; /* owned */
	size_t maps;
	/* Of each flash of the configuration, what it held; owned; from
	 * restore_memory() to restore_flashes(). */
	uint8_t *flash[CONFIG_MAX_FLASHES];
};

/*
 * Opens a snapshot and its state.
 *
 * @ret:  zeroed
 * @arch: arch_name
 *
 * Returns 0; what snapshot_chain_open(), snapshot_chain_state() and
 * state_open() return. Nothing is owned on failure.
 */
int restore_open(struct restore *ret, const char *path, const char *arch,
		 struct err *err);
/* The machine's memory is gone. Zeroed is fine. */
void restore_close(struct restore *restore);

/* The words for the ways, by enum restore_way, then NULL. */
extern const char *const restore_ways[];

/*
 * Gives the machine all of its memory by the way that is wanted, and notes in
 * restore->way which it was. What flashes held is read, not written.
 *
 * @machine: new, without devices
 * @stop:    a descriptor; once it is readable, a copy ends; -1: none
 *
 * Returns 0; -EXDEV if the machine's memory is not the snapshot's; -ENOTSUP if
 * the way that is wanted is not one for this memory; -EINTR if @stop is
 * readable; what machine_load_memory(), image_chain_load() and image_map_new()
 * return.
 */
int restore_memory(struct restore *restore, struct machine *machine, int stop,
		   struct err *err);

/* The guest runs: what is still to be fetched may be fetched beside it. */
void restore_runs(struct restore *restore);

/* Returns 0, or why memory could not be had meanwhile. Thread: any. */
int restore_error(const struct restore *restore, struct err *err);

/* Nothing touches the guest's memory any more. Zeroed is fine. */
void restore_stop(struct restore *restore);

/* Prints one line of JSON on the standard output, if restore->tell: what `vmm
 * restore --json` says. Returns 0 or the errno of writing it. */
int restore_tell(const struct restore *restore, struct err *err);

/*
 * Writes what flashes held to their files, which are the user's: called when
 * nothing else can fail any more.
 *
 * Returns 0; -EROFS if a flash that is only read has changed since; the errno
 * of fdatasync(2); what file_write_at() returns.
 */
int restore_flashes(struct restore *restore, struct machine *machine,
		    struct err *err);

#endif
