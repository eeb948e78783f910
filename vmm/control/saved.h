/*
 * vmm/control/saved.h - the running guest as something that can be saved: what
 * a snapshot and a migration share.
 *
 * Thread: the loop's, if nothing else is said.
 */
#ifndef VMM_CONTROL_SAVED_H
#define VMM_CONTROL_SAVED_H

#include "base/err.h"
#include "base/state.h"

struct control;
struct page_copy;
struct snapshot_about;

/*
 * Says what guest this is, but for parent and disks.
 *
 * @ret: to be finished, failure included
 *
 * Returns 0; -ENOMEM; what config_words_of() returns; or the errno of finding
 * the working directory or random numbers.
 */
int saved_about(const struct control *control, struct snapshot_about *ret,
		struct err *err);

/*
 * Holds the guest and writes its state. control_release() lets it go on.
 *
 * Returns 0; -ECANCELED if the guest has ended; or what vm_save() returns, and
 * the guest is not held then.
 */
int saved_hold(struct control *control, struct state *state, struct err *err);

/*
 * Tells a copy of the memory that the guest gave up. The guest is held.
 *
 * Returns 0; -EFAULT if a page was lost; or what page_copy_drop() returns.
 * Thread: any.
 */
int saved_drop(const struct control *control, struct page_copy *copy,
	       struct err *err);

#endif
