/* vmm/test/spec_keys.h - the keys of a case in a file of cases. [pure] */
#ifndef VMM_TEST_SPEC_KEYS_H
#define VMM_TEST_SPEC_KEYS_H

#include "vmm/test/spec_case.h"
#include "vmm/test/spec_reader.h"

/* The keys of a case. */
extern const struct spec_keys spec_case_keys;

/* Takes back what was read of a case. */
void spec_case_finish(struct spec_case *one);

#endif
