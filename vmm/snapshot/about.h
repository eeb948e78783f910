/*
 * vmm/snapshot/about.h - what a snapshot says of itself: its vm.json. [pure]
 *
 * docs/SNAPSHOT.md lists the members. Members that are not known are ignored,
 * so that a later vmm may add some; a change that an older reader would get
 * wrong makes a new format number. The file is not trusted.
 */
#ifndef VMM_SNAPSHOT_ABOUT_H
#define VMM_SNAPSHOT_ABOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/err.h"

#define SNAPSHOT_FORMAT 1
#define SNAPSHOT_ID_SIZE 37 /* a UUID as text, and its end */
#define SNAPSHOT_MAX_WORDS 512
#define SNAPSHOT_ABOUT_MAX ((size_t)1 << 20) /* bytes of vm.json */

#define SNAPSHOT_MAX_DISKS 64

/* A disk as it was when the guest was held. */
struct snapshot_disk {
	uint64_t size; /* in bytes */
	int64_t seconds; /* when it was last written, since 1970; 0: a block
			    device */
	uint32_t ns; /* and beside the seconds */
	bool copied; /* its bytes are in the snapshot; @size is the guest's, and
			the time means nothing */
};

/* Zeroed, it owns nothing. */
struct snapshot_about {
	char id[SNAPSHOT_ID_SIZE]; /* of this snapshot; made anew for each */
	char parent_id[SNAPSHOT_ID_SIZE]; /* "": it is a full one */
	char *parent; /* owned; path of the parent's folder, absolute or
			 relative to this snapshot's folder; NULL: full */
	char *architecture; /* owned; arch_name of the host that made it */
	char *name; /* owned; of the virtual machine */
	char *vmm; /* owned; version of the program that made it */
	int64_t made; /* seconds since 1970, UTC */
	uint64_t page; /* of the host that made it, in bytes */
	char **word; /* owned; the guest's configuration in the words of
			`vmm run`, ended by NULL */
	size_t words;
	struct snapshot_disk disk[SNAPSHOT_MAX_DISKS]; /* in the order of the
							  configuration */
	size_t disks;
};

/* Makes a new identity: a random UUID. Returns 0 or the errno of getrandom(2).
 */
int snapshot_make_id(char id[SNAPSHOT_ID_SIZE], struct err *err);

/* Makes the object of vm.json. Returns NULL for no memory, or if a text is no
 * UTF-8. */
json_t *snapshot_about_encode(const struct snapshot_about *about);

/*
 * Checks that snapshot_about_read() would take what is to be written. Returns
 * 0; -ENOMEM; or a fault of the user's: -EILSEQ if a text is no UTF-8, -E2BIG
 * if there are too many words or bytes, -EBADMSG for any other member that it
 * would refuse.
 */
int snapshot_about_check(const struct snapshot_about *about, struct err *err);

/*
 * Makes the text of vm.json.
 *
 * @ret: terminated; freed by the caller
 *
 * Returns what snapshot_about_check() returns.
 */
int snapshot_about_text(const struct snapshot_about *about, char **ret,
			struct err *err);

/*
 * Checks a text that may be a vm.json: of @size bytes, and not trusted.
 *
 * @arch: arch_name of this program; NULL takes any
 *
 * Returns 0; -ENOMEM; -EBADMSG if it is not what docs/SNAPSHOT.md says;
 * -ENOTSUP for another format, -EXDEV for another architecture. Nothing is
 * owned then.
 */
int snapshot_about_parse(struct snapshot_about *ret, const char *text,
			 size_t size, const char *arch, struct err *err);

/*
 * Writes vm.json to a snapshot's folder. Returns 0; what snapshot_about_check()
 * returns; or what snapshot_file_write() returns.
 */
int snapshot_about_write(const struct snapshot_about *about, int dir,
			 struct err *err);

/* Reads vm.json and checks it. Returns 0; or what file_read_in() and
 * snapshot_about_parse() return. Nothing is owned then. */
int snapshot_about_read(struct snapshot_about *ret, int dir, const char *arch,
			struct err *err);

void snapshot_about_finish(struct snapshot_about *about);

#endif
