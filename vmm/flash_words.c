/* vmm/flash_words.c - the value of --flash. */
#include "vmm/flash_words.h"

#include <stdlib.h>

#include "base/opt.h"

int flash_words_parse(struct flash_spec *ret, const char *value,
		      struct err *err)
{
	static const struct opt table[] = {
		OPT("path", OPT_STR, struct flash_spec, path, .required = true,
		    .first = true),
		OPT("ro", OPT_BOOL, struct flash_spec, ro),
	};

	return opt_parse_copy(table, sizeof(table) / sizeof(*table), value,
			      &ret->text, ret, err);
}

void flash_words_finish(struct flash_spec *spec)
{
	free(spec->text);
}
