/* vmm/client/words.c - words that several commands take. */
#include "vmm/client/words.h"

#include <errno.h>

#include "base/size.h"

#define MS_NS 1000000u

int client_set_name(void *ctx, const char *word, struct err *err)
{
	struct client_words *words = ctx;

	if (words->name)
		return err_input(err, -EINVAL,
				 "'%s': one virtual machine at a time", word);
	if (!*word)
		return err_input(err, -EINVAL,
				 "'': a virtual machine has a name");
	words->name = word;
	return 0;
}

int client_parse(const struct cli_command *command, int argc,
		 char *const argv[], struct client_words *words,
		 struct err *err)
{
	const int r = cli_parse(command, argc, argv, words, err);

	if (r == 0 && !words->name)
		return err_input(err, -EINVAL,
				 "%s needs the name of a virtual machine "
				 "('vmm list' tells them)",
				 command->name);
	return r;
}

int client_parse_interval(const char *value, uint64_t *ret_ns, struct err *err)
{
	const int r = duration_parse(value, ret_ns);

	if (r == -EINVAL)
		return err_input(err, r, "not a duration, as in 2s or 500ms");
	if (r < 0)
		return err_input(err, -ERANGE, "too long");
	if (*ret_ns == 0)
		return err_input(err, -ERANGE, "longer than nothing");
	return 0;
}

int client_set_timeout(void *ctx, const struct cli_option *option,
		       const char *value, struct err *err)
{
	struct client_timeout *timeout = (void *)((char *)ctx + option->offset);
	uint64_t ns;
	const int r = client_parse_interval(value, &ns, err);

	if (r < 0)
		return r;
	if (ns / MS_NS >= INT32_MAX)
		return err_input(err, -ERANGE, "too long");
	timeout->text = value;
	timeout->ms = (int)((ns + MS_NS - 1) / MS_NS);
	return 0;
}
