/* vmm/console_log_words.h - the value of --console-log. [pure] */
#ifndef VMM_CONSOLE_LOG_WORDS_H
#define VMM_CONSOLE_LOG_WORDS_H

#include <stdint.h>

#include "base/err.h"

/* --console-log FILE[,max=SIZE]. */
struct console_log_spec {
	char *text; /* owned; path points into it */
	const char *path; /* NULL: there is no log */
	uint64_t max; /* bytes of all its files; 0: as many as come */
};

/*
 * Parses a value, over what was given before it. console_log_words_finish()
 * frees what the spec owns, after a failure, too.
 *
 * Returns 0; -EINVAL or -ERANGE with @err saying what is wrong; or -ENOMEM.
 * Thread: setup.
 */
int console_log_words_parse(struct console_log_spec *ret, const char *value,
			    struct err *err);
void console_log_words_finish(struct console_log_spec *spec);

#endif
