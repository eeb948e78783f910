/* vmm/client/words.c - words that several commands take. */
#include "vmm/client/words.h"

#include <errno.h>

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
