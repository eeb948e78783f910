/*
 * vmm/migrate/stream.h - what the two sides of a migration say to each other.
 * [pure]
 *
 * docs/MIGRATION.md specifies it to the byte. A hello, then messages: a header
 * of 16 bytes and a content. All integers are little-endian. Neither side takes
 * anything on trust: lengths are checked before anything is read.
 */
#ifndef VMM_MIGRATE_STREAM_H
#define VMM_MIGRATE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/state.h"
#include "mem/image_state.h"
#include "vmm/migrate/channel.h"

/* The newest. A migration says the oldest that has what it needs, so that the
 * release before reads it. */
#define STREAM_VERSION 3
#define STREAM_HELLO_SIZE 24
#define STREAM_HEADER_SIZE 16
#define STREAM_PAGES_SIZE 24 /* in front of the pages themselves */
#define STREAM_DATA_MAX ((uint64_t)1 << 20) /* bytes of pages in a message */
#define STREAM_TEXT_MAX 512 /* bytes of a reason */
#define STREAM_STATE_HEAD 8 /* flags, in front of the state itself */
#define STREAM_KEY_SIZE \
	16 /* by which a connection is told to be the source's */
#define STREAM_JOIN_SIZE 24
#define STREAM_RUN_SIZE 24
#define STREAM_RUNS_MAX 512 /* in a message */
#define STREAM_STATE_PAUSED 1 /* one: the guest's user had paused it */

/* What a migration needs beside what version 1 has: flags. */
enum stream_needs {
	STREAM_POSTCOPY_NEEDED = 1, /* memory may follow the guest; the first
				       connection says STREAM_POSTCOPY */
	STREAM_PACKED_NEEDED = 2, /* there may be STREAM_PACKED */
};

enum stream_type {
	/* From the source. */
	STREAM_ABOUT = 1, /* what a snapshot's vm.json holds */
	STREAM_PLACE = 2, /* where the source's control socket is */
	STREAM_FILES = 3, /* its disks and flashes */
	STREAM_REGIONS = 4, /* its memory */
	STREAM_PAGES = 5,
	STREAM_PASS = 6, /* a pass has ended */
	STREAM_STATE = 7, /* what KVM and the devices hold */
	STREAM_GO = 8, /* the guest is the target's */
	STREAM_GIVE_UP = 9, /* there is no migration; why */
	STREAM_POSTCOPY = 10, /* memory may come later; the key */
	STREAM_STALE = 11, /* pages that have changed since they were sent */
	STREAM_STALE_END = 12,
	STREAM_JOIN = 13, /* the first of a further connection */
	STREAM_ALL = 14, /* all that was missing was sent */
	STREAM_BYE = 15, /* after STREAM_ARRIVED: it does not come again */
	STREAM_PACKED = 16, /* pages that hold data, compressed */
	/* From the target. */
	STREAM_ACCEPTED = 101, /* this guest can be had here, so far */
	STREAM_PASSED = 102, /* all of the pass is in memory */
	STREAM_READY = 103, /* all is loaded and checked */
	STREAM_RUNNING = 104, /* it has taken the guest */
	STREAM_FAILED = 105, /* there is no migration; why */
	STREAM_MISSING = 106, /* pages that it has not */
	STREAM_MISSING_END = 107,
	STREAM_REQUEST = 108, /* pages that somebody waits for */
	STREAM_JOINED = 109, /* after STREAM_JOIN */
	STREAM_ARRIVED = 110, /* after STREAM_ALL: nothing is missing */
};

struct stream_message {
	enum stream_type type;
	uint64_t len; /* bytes of its content */
};

/* Pages of a region. */
struct stream_pages {
	uint32_t region; /* place in STREAM_REGIONS */
	enum image_state state; /* but IMAGE_PARENT */
	uint64_t first, count; /* pages of IMAGE_PAGE; count is not 0 */
};

/* Pages of a region, without their content. */
struct stream_run {
	uint32_t region; /* place in STREAM_REGIONS */
	uint64_t first, count; /* count is not 0 */
};

/* What a further connection is for. */
enum stream_join {
	JOIN_PAGES = 1, /* requests, and their answers */
	JOIN_RESUME = 2, /* in the place of a first one that broke */
};

/*
 * The hello, by which both know that the other is a vmm of this architecture.
 *
 * @arch:  arch_name
 * @needs: of enum stream_needs
 *
 * stream_read_hello() returns 0; -EBADMSG if it is none; -ENOTSUP for a newer
 * version; -EXDEV for another architecture; or what channel_read() returns.
 */
int stream_send_hello(struct channel *channel, const char *arch, uint32_t needs,
		      struct err *err);
int stream_read_hello(struct channel *channel, const char *arch,
		      uint32_t *ret_needs, struct err *err);

/* Sends a message. Returns what channel_write() returns. */
int stream_send(struct channel *channel, enum stream_type type,
		const void *content, size_t len, struct err *err);

/* Sends STREAM_STATE. @flags: STREAM_STATE_PAUSED or 0 */
int stream_send_state(struct channel *channel, uint64_t flags,
		      const struct state *state, struct err *err);

/* Sends pages. @host: their content; NULL unless IMAGE_DATA, which are at most
 * STREAM_DATA_MAX bytes. */
int stream_send_pages(struct channel *channel, const struct stream_pages *pages,
		      const uint8_t *host, struct err *err);

/* Sends STREAM_PACKED. @frame: the pages as one frame of zstd, of fewer bytes
 * than they have */
int stream_send_packed(struct channel *channel,
		       const struct stream_pages *pages, const uint8_t *frame,
		       size_t size, struct err *err);

/* Sends STREAM_GIVE_UP or STREAM_FAILED with a reason. What cannot be sent is
 * not said: the other side finds out. */
void stream_send_reason(struct channel *channel, enum stream_type type,
			const struct err *why);

/*
 * Reads the header of the next message.
 *
 * Returns 0; -EBADMSG if it is none, or longer than one of its type is; or what
 * channel_read() returns. If it is the other side's STREAM_FAILED or
 * STREAM_GIVE_UP, its reason is read, too: -EREMOTEIO with it in @err.
 */
int stream_read_header(struct channel *channel, struct stream_message *ret,
		       struct err *err);

/* The same, for a message of one type: -EBADMSG if it is another. */
int stream_expect(struct channel *channel, enum stream_type type,
		  struct stream_message *ret, struct err *err);

/*
 * Reads all of a message's content.
 *
 * @ret: and one byte 0 behind it; freed by the caller
 *
 * Returns 0; -ENOMEM; or what channel_read() returns.
 */
int stream_read_content(struct channel *channel,
			const struct stream_message *message, uint8_t **ret,
			struct err *err);

/*
 * Reads what is in front of the pages of a STREAM_PAGES or STREAM_PACKED. For
 * IMAGE_DATA, which the latter's are, the bytes of the pages follow in the
 * channel, or their frame: not more than STREAM_DATA_MAX, as the pages are.
 *
 * Returns 0; -EBADMSG; or what channel_read() returns.
 */
int stream_read_pages(struct channel *channel,
		      const struct stream_message *message,
		      struct stream_pages *ret, struct err *err);

/* Sends a message of @count runs, at most STREAM_RUNS_MAX. */
int stream_send_runs(struct channel *channel, enum stream_type type,
		     const struct stream_run *run, size_t count,
		     struct err *err);

/*
 * Reads its content.
 *
 * Returns 0; -EBADMSG if it holds none, or one that is empty; or what
 * channel_read() returns.
 */
int stream_read_runs(struct channel *channel,
		     const struct stream_message *message,
		     struct stream_run ret[STREAM_RUNS_MAX], size_t *ret_count,
		     struct err *err);

/* A further connection: hello and STREAM_JOIN. stream_read_join() reads both,
 * and returns 0; -EPERM if the key is another one; -EBADMSG; or what
 * stream_read_hello() and stream_expect() return. */
int stream_send_join(struct channel *channel, const char *arch,
		     const uint8_t key[STREAM_KEY_SIZE], enum stream_join what,
		     struct err *err);
int stream_read_join(struct channel *channel, const char *arch,
		     const uint8_t key[STREAM_KEY_SIZE], enum stream_join *ret,
		     struct err *err);

#endif
