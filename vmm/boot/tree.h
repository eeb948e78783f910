/*
 * vmm/boot/tree.h - brings the device tree, the user's or the machine's, to
 * guest memory. [pure]
 *
 * For architectures whose guests take one: --dtb and --dump-dtb are theirs to
 * judge and to obey. Nothing else knows of trees.
 */
#ifndef VMM_BOOT_TREE_H
#define VMM_BOOT_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/range.h"
#include "mem/map.h"

/* A machine's tree. Paths are borrowed. */
struct tree {
	const char *user; /* the user's own tree; NULL: the machine's */
	const char *dump; /* file for the first one; NULL: none */
	struct range at; /* the user's tree, or room for the machine's */
	bool dumped;
};

/*
 * Judges --dtb together with other words. For arch_check_config().
 *
 * @user: NULL: there is none
 *
 * Returns 0, or -EINVAL, a fault of the user's: a tree brings a command line of
 * its own.
 */
int tree_check_words(const char *user, const char *cmdline, struct err *err);

/* A tree that is to be loaded. */
struct tree_file {
	uint8_t *dtb; /* owned; the user's; NULL: the machine's comes later */
	uint64_t size; /* of the one, or of the room for the other */
};

/* What a tree has to fit. All is borrowed. */
struct tree_limits {
	size_t space; /* bytes that the machine's tree takes */
	size_t most; /* bytes of a tree of either kind */
	const struct range *ram; /* the guest's, in any order */
	size_t rams;
};

/*
 * Reads the user's tree, which is not trusted, and may change while it is read.
 *
 * @path: NULL: there is none, and @ret tells the room for the machine's
 *
 * Returns 0; what file_read_all() and dtb_memory_check() return; -EBADMSG if it
 * is no tree; or -E2BIG if the machine's would be too large. Thread: setup.
 */
int tree_file_open(struct tree_file *ret, const char *path,
		   const struct tree_limits *limits, struct err *err);
void tree_file_finish(struct tree_file *file); /* a zeroed one is fine */

/* Copies the user's tree, if there is one, to @at, which is RAM. */
void tree_file_copy(const struct tree_file *file, const struct mem_map *mem,
		    struct range at);

/*
 * Puts the tree into @mem at tree->at, if the user's is not there already; and
 * the first time, writes what is there to tree->dump.
 *
 * @write: writes the machine's tree to @at, @size bytes of host memory. Returns
 *         0 or a negative errno with @err set
 *
 * Returns 0, what @write returns, or file_write_all(). For arch_vm_boot().
 */
int tree_write(struct tree *tree, const struct mem_map *mem,
	       int (*write)(void *ctx, void *at, size_t size, struct err *err),
	       void *ctx, struct err *err);

#endif
