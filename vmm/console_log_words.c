/* vmm/console_log_words.c - the value of --console-log. */
#include "vmm/console_log_words.h"

#include <errno.h>
#include <stdlib.h>

#include "base/opt.h"

#define SMALLEST 4096

int console_log_words_parse(struct console_log_spec *ret, const char *value,
			    struct err *err)
{
	static const struct opt table[] = {
		OPT("path", OPT_STR, struct console_log_spec, path,
		    .required = true, .first = true),
		OPT("max", OPT_SIZE, struct console_log_spec, max),
	};
	int r;

	console_log_words_finish(ret);
	*ret = (struct console_log_spec){ 0 };
	r = opt_parse_copy(table, sizeof(table) / sizeof(*table), value,
			   &ret->text, ret, err);
	if (r < 0)
		return r;
	if (ret->max && ret->max < SMALLEST)
		return err_input(err, -ERANGE, "max: at least 4K");
	return 0;
}

void console_log_words_finish(struct console_log_spec *spec)
{
	free(spec->text);
}
