/* vmm/panic_words.h - the value of --on-panic. [pure] */
#ifndef VMM_PANIC_WORDS_H
#define VMM_PANIC_WORDS_H

#include "base/err.h"

/* What follows a panic of the guest. */
enum panic_action {
	PANIC_EXIT, /* the run ends */
	PANIC_PAUSE, /* the guest is paused */
	PANIC_DUMP, /* a core is written, and the run ends */
};

/* --on-panic exit|pause|dump=FILE. */
struct panic_spec {
	enum panic_action action;
	const char *word; /* the value as given; NULL: none was */
	const char *file; /* PANIC_DUMP: points into @word */
};

/*
 * Parses a value.
 *
 * @value: stays the caller's, and outlives @ret
 *
 * Returns 0, or -EINVAL with @err saying what is wrong. Thread: setup.
 */
int panic_words_parse(struct panic_spec *ret, const char *value,
		      struct err *err);

#endif
