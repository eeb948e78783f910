/* vmm/test/early.h - the modules that init of a guest of `vmm test` loads:
 * without them there is no root, and nothing that it is given. [pure] */
#ifndef VMM_TEST_EARLY_H
#define VMM_TEST_EARLY_H

#include "base/err.h"
#include "vmm/test/modules.h"
#include "vmm/test/words.h"

/* Reads them from words->modules, or where the kernel's version says; none if
 * it has none there. Returns what modules_read() returns; modules_finish() is
 * needed either way. */
int early_modules_read(struct modules *ret, const struct test_words *words,
		       struct err *err);

#endif
