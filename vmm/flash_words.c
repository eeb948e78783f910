/* vmm/flash_words.c - the value of --flash. */
#include "vmm/flash_words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/opt.h"

int flash_words_parse(struct flash_spec *ret, const char *value,
		      struct err *err)
{
	static const struct opt table[] = {
		OPT("path", OPT_STR, struct flash_spec, path, .required = true,
		    .first = true),
		OPT("ro", OPT_BOOL, struct flash_spec, ro),
	};
	int r;

	ret->text = strdup(value);
	if (!ret->text)
		return err_set(err, -ENOMEM, "out of memory");
	r = opt_parse(table, sizeof(table) / sizeof(*table), ret->text, ret,
		      err);
	if (r < 0)
		err->input = true;
	return r;
}

void flash_words_finish(struct flash_spec *spec)
{
	free(spec->text);
}
