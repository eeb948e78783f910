/*
 * vmm/restore_words.h - the words of `vmm restore` or `vmm receive`, and those
 * that a saved guest carries, as one configuration. [pure]
 */
#ifndef VMM_RESTORE_WORDS_H
#define VMM_RESTORE_WORDS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "vmm/config.h"

struct cli_command;

/* Options of one run that may be given anew. */
#define RESTORE_MAX_WORDS 32

struct restore_words {
	const char *dir; /* the snapshot; or the URI of `vmm receive` */
	bool paused;
	bool json;
	bool record;
	unsigned memory; /* enum restore_way */
	char *word[RESTORE_MAX_WORDS]; /* owned; for `vmm run` */
	size_t words;
	char *disk[CONFIG_MAX_DISKS]; /* owned; values of --disk */
	size_t disks;
};

extern const struct cli_command restore_command;
extern const struct cli_command receive_command;

/*
 * Parses the words after `vmm restore`.
 *
 * Returns 0; 1 if --help was printed; -EINVAL with @err naming the word that is
 * wrong; -ENOSPC if there are too many; -ENOMEM. Thread: setup.
 */
int restore_words_parse(struct restore_words *ret, int argc, char *const argv[],
			struct err *err);

/* The same for those after `vmm receive`. */
int receive_words_parse(struct restore_words *ret, int argc, char *const argv[],
			struct err *err);
void restore_words_finish(struct restore_words *words);

/*
 * Makes the configuration of a guest that goes on.
 *
 * @saved: @count words that the snapshot carries, not trusted; outlive @ret
 * @words: what this run adds; outlives @ret
 *
 * Returns 0; what config_parse() and config_words_check() return, with the
 * snapshot in @err if its words are wrong; what restore_disks_apply() returns.
 * Thread: setup.
 */
int restore_words_config(struct config *ret, char *const *saved, size_t count,
			 const struct restore_words *words, struct err *err);

#endif
