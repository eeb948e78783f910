/* vmm/balloon_words.c - the words that ask for a balloon. */
#include "vmm/balloon_words.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/opt.h"

#define MIB (UINT64_C(1) << 20)

int balloon_words_set(void *ctx, const struct cli_option *option,
		      const char *value, struct err *err)
{
	static const struct opt table[] = {
		OPT("size", OPT_SIZE, struct balloon_spec, size, .unit = MIB,
		    .min = 4096, .first = true),
		OPT("reporting", OPT_BOOL, struct balloon_spec, reporting),
		OPT("deflate-on-oom", OPT_BOOL, struct balloon_spec,
		    deflate_on_oom),
	};
	struct balloon_spec spec = { .on = true,
				     .reporting = true,
				     .deflate_on_oom = true };
	_cleanup_(freep) char *text = strdup(value ? value : "");
	int r;

	if (!text)
		return err_set(err, -ENOMEM, "out of memory");
	r = opt_parse(table, sizeof(table) / sizeof(*table), text, &spec, err);
	if (r < 0) {
		err->input = true;
		return r;
	}
	*(struct balloon_spec *)((char *)ctx + option->offset) = spec;
	return 0;
}

void balloon_words_unset(void *ctx, const struct cli_option *option)
{
	*(struct balloon_spec *)((char *)ctx +
				 option->offset) = (struct balloon_spec){ 0 };
}
