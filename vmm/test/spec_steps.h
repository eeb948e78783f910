/* vmm/test/spec_steps.h - the steps on a console, in a file of cases. [pure] */
#ifndef VMM_TEST_SPEC_STEPS_H
#define VMM_TEST_SPEC_STEPS_H

#include "vmm/test/spec_reader.h"

/* Takes the key "expect" of a case, which takes the place of a command. Returns
 * what spec_take_key() returns. */
int spec_set_steps(struct spec_reader *reader, yaml_node_t *value);

#endif
