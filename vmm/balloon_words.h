/* vmm/balloon_words.h - the words that ask for a balloon. [pure] */
#ifndef VMM_BALLOON_WORDS_H
#define VMM_BALLOON_WORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "vmm/cli.h"

/* --balloon[=SIZE][,reporting=on|off][,deflate-on-oom=on|off]. */
struct balloon_spec {
	bool on; /* it was given */
	uint64_t size; /* what the guest is to keep, in bytes; 0: all */
	bool reporting;
	bool deflate_on_oom;
};

/* set() and unset() of --balloon, of which the member is a struct balloon_spec.
 */
int balloon_words_set(void *ctx, const struct cli_option *option,
		      const char *value, struct err *err);
void balloon_words_unset(void *ctx, const struct cli_option *option);

#endif
