/* vmm/gdb_words.h - the value of --gdb. [pure] */
#ifndef VMM_GDB_WORDS_H
#define VMM_GDB_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* --gdb PATH|PORT[,wait]. */
struct gdb_spec {
	char *text; /* owned; @place points into it */
	const char *place; /* a path with a '/', or a port; NULL: none */
	uint16_t port; /* of loopback; 0: @place is a path */
	bool wait; /* the guest does not begin before gdb has it go on */
};

/*
 * Parses a value, over what was given before it. gdb_words_finish() frees what
 * the spec owns, after a failure, too.
 *
 * Returns 0; -EINVAL or -ERANGE with @err saying what is wrong; or -ENOMEM.
 * Thread: setup.
 */
int gdb_words_parse(struct gdb_spec *ret, const char *value, struct err *err);
void gdb_words_finish(struct gdb_spec *spec);

#endif
