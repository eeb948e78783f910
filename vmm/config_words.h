/*
 * vmm/config_words.h - a configuration as words that make it again. [pure]
 *
 * A saved machine carries the words of `vmm run`. They are the options as the
 * user gave them, but for what concerns this run alone and not the guest, and
 * with absolute paths. config_parse() of them makes the same guest.
 */
#ifndef VMM_CONFIG_WORDS_H
#define VMM_CONFIG_WORDS_H

#include <stddef.h>

#include "base/err.h"

struct config;

/* Words, ended by NULL. Zeroed, it is none. */
struct config_words {
	char **word; /* owned */
	size_t count;
};

/*
 * Whether a guest can be saved: returns 0, or -ENOTSUP, a fault of the user's,
 * with @err naming the option that is in the way. Ask before the guest is held.
 */
int config_check_saved(const struct config *config, struct err *err);

/*
 * Makes the words of a configuration.
 *
 * @here: absolute path of the folder that relative paths count from
 *
 * Returns 0; what config_check_saved() does; -E2BIG if more options were given
 * than are kept; -ENOMEM.
 */
int config_words_of(struct config_words *ret, const struct config *config,
		    const char *here, struct err *err);

/*
 * Judges words that somebody else may have written: whether they are of the
 * kind that config_words_of() makes.
 *
 * @config: made of these words, and no others
 *
 * Returns 0; -EPERM with @err naming the option that is none of a guest's; what
 * config_check_saved() does; or -E2BIG if more were given than are kept.
 */
int config_words_check(const struct config *config, struct err *err);

/*
 * Parses words that somebody else may have written, and no others.
 *
 * @word: @count of them; outlive @ret
 *
 * Returns 0; what config_parse() and config_words_check() return; -EPERM if
 * they ask for help. On failure @ret owns nothing. Thread: any.
 */
int config_words_parse(struct config *ret, char *const *word, size_t count,
		       struct err *err);

void config_words_finish(struct config_words *words); /* zeroed is fine */

#endif
