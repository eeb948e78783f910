/* vmm/test/spec_reader.c - what reads the keys of a file of cases. */
#include "vmm/test/spec_reader.h"

#include <errno.h>
#include <string.h>

#include "base/closest.h"
#include "vmm/test/spec_option.h"

#define SPEC_MAX_STRINGS 256 /* of a list */

int spec_lack_memory(struct spec_reader *reader)
{
	return err_set(reader->yaml.err, -ENOMEM, "out of memory");
}

int spec_take_key(struct spec_reader *reader, const struct spec_keys *keys,
		  const yaml_node_t *at, const char *name, yaml_node_t *value)
{
	const struct spec_key *outer = reader->key;
	struct closest near = { .word = name };

	for (size_t i = 0; i < keys->count; i++) {
		closest_try(&near, keys->key[i].name);
		if (strcmp(keys->key[i].name, name) != 0)
			continue;
		reader->key = &keys->key[i];
		const int r = keys->key[i].set(reader, value);
		reader->key = outer;
		return r;
	}
	return yaml_wrap(&reader->yaml, at,
			 closest_refuse(&near, "key", reader->yaml.err));
}

int spec_add_string(struct spec_reader *reader, struct strings *to,
		    const yaml_node_t *at, const char *text)
{
	if (to->count == SPEC_MAX_STRINGS)
		return yaml_refuse(&reader->yaml, at, "%s: at most %d",
				   reader->key->name, SPEC_MAX_STRINGS);
	return strings_add(to, text) < 0 ? spec_lack_memory(reader) : 0;
}

int spec_add_checked(struct spec_reader *reader, struct strings *to,
		     const yaml_node_t *at, const char *word)
{
	const bool listed = strcmp(reader->key->name, "options") == 0;
	const int r = option_check(word, listed, reader->yaml.err);

	if (r < 0)
		return yaml_wrap(&reader->yaml, at, r);
	return spec_add_string(reader, to, at, word);
}
