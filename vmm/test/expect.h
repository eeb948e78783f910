/*
 * vmm/test/expect.h - waits for a text on a console. [pure]
 *
 * The guest writes what is looked at, and none of it is trusted. Of what was
 * not waited for yet, the last EXPECT_KEPT bytes at least are looked at.
 */
#ifndef VMM_TEST_EXPECT_H
#define VMM_TEST_EXPECT_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define EXPECT_KEPT 16384

struct expect {
	char text[2 * EXPECT_KEPT + 1]; /* ends with NUL */
	size_t len;
};

/* Compiles an extended regular expression, in which ^ and $ are at the ends of
 * lines. Returns 0; -ENOMEM; -EINVAL if it is none, or an empty one: a fault of
 * the user's. regfree() is needed after 0. */
int expect_compile(regex_t *ret, const char *text, struct err *err);

/* Takes what the console said next. @expect: begins zeroed */
void expect_read(struct expect *expect, const char *buf, size_t len);

/* True if there is a match: it and what precedes it is gone then. */
bool expect_met(struct expect *expect, const regex_t *regex);

#endif
