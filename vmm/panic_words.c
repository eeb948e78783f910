/* vmm/panic_words.c - the value of --on-panic. */
#include "vmm/panic_words.h"

#include <errno.h>
#include <string.h>

int panic_words_parse(struct panic_spec *ret, const char *value,
		      struct err *err)
{
	static const char dump[] = "dump=";
	struct panic_spec spec = { .word = value };

	if (strcmp(value, "pause") == 0) {
		spec.action = PANIC_PAUSE;
	} else if (strncmp(value, dump, sizeof(dump) - 1) == 0) {
		spec.action = PANIC_DUMP;
		spec.file = value + sizeof(dump) - 1;
		if (!*spec.file)
			return err_input(err, -EINVAL,
					 "dump= needs the name of a file");
	} else if (strcmp(value, "exit") != 0) {
		return err_input(err, -EINVAL,
				 "none of exit, pause and dump=FILE");
	}
	*ret = spec;
	return 0;
}
