/*
 * vmm/test/plan.h - the initramfs of a guest of `vmm test`: init, the modules
 * it loads, and what it is to do. [pure]
 */
#ifndef VMM_TEST_PLAN_H
#define VMM_TEST_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vmm/test/modules.h"
#include "vmm/test/user.h"
#include "vmm/test/words.h"

/* What the guest makes of a folder of the host's. */
enum plan_use {
	PLAN_ROOT, /* its root, whose changes go to memory */
	PLAN_OVER, /* a folder, in the same way */
	PLAN_RO,
	PLAN_RW,
	PLAN_FETCH, /* where files of the guest go at the end */
};

struct plan_share {
	enum plan_use use;
	const char *dir; /* on the host; borrowed */
	const char *guest; /* the place in the guest; borrowed */
};

#define PLAN_MAX_SHARES (TEST_MAX_FOLDERS + 3)

/* All is borrowed. */
struct plan {
	const uint8_t *init; /* the program */
	size_t init_size;
	const struct modules *modules;
	const struct test_words *words;
	const struct test_user *user;
	struct plan_share share[PLAN_MAX_SHARES]; /* one of the first kind, if
						     any, is the first */
	size_t shares;
	const char *pwd; /* in the guest */
	bool terminal; /* stdin and stdout are one */
	bool separate; /* stderr is not that terminal */
	unsigned rows, columns; /* of the terminal */
};

/* The name by which the guest mounts the @i-th folder. */
#define PLAN_TAG_SIZE 16
void plan_tag(char tag[PLAN_TAG_SIZE], size_t i);

/*
 * Writes an initramfs, behind an archive that may be there already.
 *
 * @fd: at its end, where all is to go
 *
 * Returns 0; -ENOMEM; -EINVAL if a variable of --env is not set here, a fault
 * of the user's; or the errno of write(2).
 */
int plan_write(const struct plan *plan, int fd, struct err *err);

#endif
