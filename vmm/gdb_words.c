/* vmm/gdb_words.c - the value of --gdb. */
#include "vmm/gdb_words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/opt.h"
#include "base/size.h"

int gdb_words_parse(struct gdb_spec *ret, const char *value, struct err *err)
{
	static const struct opt table[] = {
		OPT("path", OPT_STR, struct gdb_spec, place, .required = true,
		    .first = true),
		OPT("wait", OPT_BOOL, struct gdb_spec, wait),
	};
	uint64_t port = 0;
	int r;

	gdb_words_finish(ret);
	*ret = (struct gdb_spec){ 0 };
	r = opt_parse_copy(table, sizeof(table) / sizeof(*table), value,
			   &ret->text, ret, err);
	if (r < 0)
		return r;
	if (strchr(ret->place, '/'))
		return 0;
	if (number_parse(ret->place, &port) < 0)
		return err_input(err, -EINVAL,
				 "neither a port nor a path with a '/' in it");
	if (port == 0 || port > UINT16_MAX)
		return err_input(err, -ERANGE, "ports are from 1 to %u",
				 UINT16_MAX);
	ret->port = (uint16_t)port;
	return 0;
}

void gdb_words_finish(struct gdb_spec *spec)
{
	free(spec->text);
}
