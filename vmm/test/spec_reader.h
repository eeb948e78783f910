/* vmm/test/spec_reader.h - what reads the keys of a file of cases. [pure] */
#ifndef VMM_TEST_SPEC_READER_H
#define VMM_TEST_SPEC_READER_H

#include <stdbool.h>
#include <stddef.h>

#include "vmm/test/spec_case.h"
#include "vmm/test/yaml_file.h"

struct spec;
struct spec_key;

/* What is being read, and into which case. */
struct spec_reader {
	struct yaml_file yaml;
	struct spec *spec;
	struct spec_case *one;
	yaml_node_t *defaults; /* keys of every case; NULL: none */
	yaml_node_t *cases; /* NULL: none */
	bool in_defaults; /* these are read */
	/* Of what is looked at: */
	const struct spec_key *key;
	enum output output;
	bool lacks;
	struct strings *list; /* that is filled */
};

/* A key of a mapping. */
struct spec_key {
	const char *name;
	int (*set)(struct spec_reader *reader, yaml_node_t *value);
	size_t offset; /* of the member of struct spec_case, for some */
};

struct spec_keys {
	const struct spec_key *key;
	size_t count;
};

#define SPEC_KEYS(table)                                \
	{                                               \
		table, sizeof(table) / sizeof(*(table)) \
	}

/*
 * Hands the value of a key to the function of the table that knows it.
 *
 * Returns 0; -EINVAL, -ERANGE or -ENOSPC with the error naming file, line, and
 * what is wrong or the closest key: a fault of the user's; -ENOMEM.
 */
int spec_take_key(struct spec_reader *reader, const struct spec_keys *keys,
		  const yaml_node_t *at, const char *name, yaml_node_t *value);

/* Sets the error of what has no memory. Returns -ENOMEM. */
int spec_lack_memory(struct spec_reader *reader);

/* Adds a text to a list, which is not without end. Returns 0, -EINVAL or
 * -ENOMEM, with the error set. */
int spec_add_string(struct spec_reader *reader, struct strings *to,
		    const yaml_node_t *at, const char *text);

/* Adds an option in the same way, once option_check() has tried it. */
int spec_add_checked(struct spec_reader *reader, struct strings *to,
		     const yaml_node_t *at, const char *word);

#endif
