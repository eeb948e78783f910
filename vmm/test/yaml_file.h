/*
 * vmm/test/yaml_file.h - a file of YAML, by libyaml, with the lines that its
 * values stand in. [pure]
 *
 * What is read is not trusted: the caller walks the tree to a depth that it
 * knows, so that an alias of what it stands in leads nowhere.
 */
#ifndef VMM_TEST_YAML_FILE_H
#define VMM_TEST_YAML_FILE_H

#include <stddef.h>

#include <yaml.h>

#include "base/err.h"

struct yaml_file {
	const char *path; /* borrowed */
	yaml_document_t document;
	struct err *err; /* borrowed; where faults are told */
};

/*
 * Parses a text that is one document.
 *
 * @path: what errors call it
 * @err:  for this call, and those below
 *
 * Returns 0; -EINVAL if it is no YAML, empty, or more than one document: a
 * fault of the user's; -ENOMEM. yaml_file_finish() is needed after 0 alone.
 */
int yaml_file_parse(struct yaml_file *ret, const char *path, const void *text,
		    size_t size, struct err *err);
void yaml_file_finish(struct yaml_file *file);

/* The outermost value. */
yaml_node_t *yaml_root(struct yaml_file *file);

/* Sets the error, behind file and line of a value. Returns -EINVAL. */
int yaml_refuse(struct yaml_file *file, const yaml_node_t *node,
		const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts file and line of a value before the error that is set. Returns @code. */
int yaml_wrap(struct yaml_file *file, const yaml_node_t *node, int code);

/* The text of a value, which @what names ("key", "command"); NULL, with the
 * error set, if it is not one, or has a NUL. */
const char *yaml_text(struct yaml_file *file, const yaml_node_t *node,
		      const char *what);

/* True if a value is left out: "key:" and nothing. */
bool yaml_is_empty(const yaml_node_t *node);

/*
 * Calls @each with the items of a list, or with the one value that is none.
 *
 * Returns 0, or the first failure of @each.
 */
int yaml_each_item(struct yaml_file *file, yaml_node_t *node,
		   int (*each)(void *ctx, yaml_node_t *item), void *ctx);

/*
 * Calls @each with the keys and values of a mapping.
 *
 * Returns 0; -EINVAL if it is no mapping, which @what names, or has a key
 * twice; or the first failure of @each.
 */
int yaml_each_key(struct yaml_file *file, yaml_node_t *node, const char *what,
		  int (*each)(void *ctx, const yaml_node_t *key,
			      const char *name, yaml_node_t *value),
		  void *ctx);

#endif
