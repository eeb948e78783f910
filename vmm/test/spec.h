/*
 * vmm/test/spec.h - a file of cases for `vmm test`: SPEC.yaml. [pure]
 *
 * docs/TEST.md has its keys, and docs/vmm-test.schema.json says them to
 * editors. The file is the user's: what is wrong with it is told with its line.
 */
#ifndef VMM_TEST_SPEC_H
#define VMM_TEST_SPEC_H

#include <stddef.h>

#include "base/err.h"
#include "vmm/test/spec_case.h"

#define SPEC_MAX_CASES 1000

struct spec {
	struct spec_case *item; /* owned */
	size_t count;
};

/*
 * Adds the cases of a file, or of its text.
 *
 * @ret: begins zeroed; to be finished in any case
 *
 * Returns 0; what file_read_all() returns; -EINVAL, -ENOSPC or -ERANGE if the
 * text is no such file, a fault of the user's; -ENOMEM. Thread: setup.
 */
int spec_read(struct spec *ret, const char *path, struct err *err);
int spec_parse(struct spec *ret, const char *path, const void *text,
	       size_t size, struct err *err);
void spec_finish(struct spec *spec);

#endif
