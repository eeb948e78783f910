/*
 * vmm/test/modules.h - the modules of a kernel that a guest of `vmm test` needs
 * before it has a root. [pure]
 *
 * depmod(8) made the list that is read here. A module that is not in it is
 * taken for built in: what is missing in the end, init will say.
 */
#ifndef VMM_TEST_MODULES_H
#define VMM_TEST_MODULES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define MODULES_MAX 64

struct module_file {
	char *name; /* owned; without a folder, and as of a plain file */
	uint8_t *data; /* owned; decompressed */
	size_t size;
};

struct modules {
	struct module_file file[MODULES_MAX]; /* in an order to load them */
	size_t count;
};

/*
 * The version that a kernel says it has ("6.12.1-amd64").
 *
 * @path: of a kernel; as kernel_image_open() takes them
 *
 * Returns 0; -ENOENT if there is no such word in it; or what
 * kernel_image_open() returns.
 */
#define MODULES_VERSION 128
int modules_version(const char *path, char ret[MODULES_VERSION],
		    struct err *err);

/*
 * Reads modules, and those that they need.
 *
 * @dir:   folder of modules.dep
 * @names: of modules, '-' and '_' being the same; ends with NULL
 *
 * Returns 0; -ENOENT if there is no modules.dep, a fault of the user's; what
 * file_read_all() returns; -EBADMSG if a module is damaged; -ENOTSUP if one is
 * compressed in a way that is not known; -ENOSPC if they are more than
 * MODULES_MAX. modules_finish() is needed either way.
 */
int modules_read(struct modules *ret, const char *dir, const char *const *names,
		 struct err *err);
void modules_finish(struct modules *modules);

#endif
