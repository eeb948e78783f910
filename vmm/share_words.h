/* vmm/share_words.h - the value of --share. [pure] */
#ifndef VMM_SHARE_WORDS_H
#define VMM_SHARE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "host/fs/fs.h"

#define SHARE_MAX 8
#define SHARE_TAG_MAX 36 /* VIRTIO_FS_TAG_MAX */

/* --share DIR[,tag=T][,ro|rw][,uid=map|same]. */
struct share_spec {
	char *text; /* owned; the two below may point into it */
	const char *path;
	const char *tag; /* no two have the same */
	bool rw;
	bool ro; /* it was said; else it is so unless @rw */
	enum fs_owners owners;
	bool flat; /* struct fs_options; no word says it */
};

/*
 * Parses a value, and adds it to a list with room for SHARE_MAX.
 * share_words_finish() frees what each of them owns, one that failed included.
 *
 * Returns 0; -EINVAL, -EEXIST or -ENOSPC with @err naming what is wrong; or
 * -ENOMEM. Thread: setup.
 */
int share_words_add(struct share_spec *list, size_t *count, const char *value,
		    struct err *err);
void share_words_finish(struct share_spec *spec);

#endif
