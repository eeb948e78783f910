/* vmm/control/panic.h - what follows a panic of the guest (--on-panic). */
#ifndef VMM_CONTROL_PANIC_H
#define VMM_CONTROL_PANIC_H

#include <stdbool.h>

struct control;

/*
 * The run has ended with OUTCOME_PANIC. Pauses the guest, or begins a core, if
 * that is what is wanted; the outcome is none again then. At the end of a core,
 * and if there can be none, it is OUTCOME_PANIC for good.
 *
 * Returns true if the loop is to go on. Thread: the loop's, outside loop_run().
 */
bool control_panicked(struct control *control);

#endif
