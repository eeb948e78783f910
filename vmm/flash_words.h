/* vmm/flash_words.h - the value of --flash. [pure] */
#ifndef VMM_FLASH_WORDS_H
#define VMM_FLASH_WORDS_H

#include <stdbool.h>

#include "base/err.h"

/* One --flash FILE[,ro]. */
struct flash_spec {
	char *text; /* owned; path points into it */
	const char *path;
	bool ro;
};

/*
 * Parses a value into @ret, which is zeroed; flash_words_finish() frees what it
 * owns, failure included. Returns 0, -EINVAL with @err naming the key, or
 * -ENOMEM. Thread: setup.
 */
int flash_words_parse(struct flash_spec *ret, const char *value,
		      struct err *err);
void flash_words_finish(struct flash_spec *spec);

#endif
