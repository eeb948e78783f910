/* vmm/test/yaml_file.c - a file of YAML, by libyaml. */
#include "vmm/test/yaml_file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define YAML_KEYS 256 /* of a mapping */

/* "FILE:LINE: the problem" of what libyaml did not take. */
static int refuse_yaml(const yaml_parser_t *parser, const char *path,
		       struct err *err)
{
	if (parser->error == YAML_MEMORY_ERROR)
		return err_set(err, -ENOMEM, "out of memory");
	if (parser->error == YAML_READER_ERROR)
		return err_input(err, -EINVAL, "%s: byte %zu: %s", path,
				 parser->problem_offset, parser->problem);
	return err_input(err, -EINVAL, "%s:%zu: %s", path,
			 parser->problem_mark.line + 1,
			 parser->problem ? parser->problem : "is no YAML");
}

/* True if nothing follows the document. */
static int check_end(yaml_parser_t *parser, const char *path, struct err *err)
{
	yaml_document_t more;
	int r = 0;

	if (!yaml_parser_load(parser, &more))
		return refuse_yaml(parser, path, err);
	if (yaml_document_get_root_node(&more))
		r = err_input(err, -EINVAL,
			      "%s:%zu: a second document begins here", path,
			      more.start_mark.line + 1);
	yaml_document_delete(&more);
	return r;
}

static int load_document(struct yaml_file *file, yaml_parser_t *parser)
{
	int r;

	if (!yaml_parser_load(parser, &file->document))
		return refuse_yaml(parser, file->path, file->err);
	if (!yaml_document_get_root_node(&file->document))
		r = err_input(file->err, -EINVAL, "%s: is empty", file->path);
	else
		r = check_end(parser, file->path, file->err);
	if (r < 0)
		yaml_document_delete(&file->document);
	return r;
}

int yaml_file_parse(struct yaml_file *ret, const char *path, const void *text,
		    size_t size, struct err *err)
{
	yaml_parser_t parser;
	int r;

	*ret = (struct yaml_file){ .path = path, .err = err };
	if (!yaml_parser_initialize(&parser))
		return err_set(err, -ENOMEM, "out of memory");
	yaml_parser_set_input_string(&parser, text, size);
	r = load_document(ret, &parser);
	yaml_parser_delete(&parser);
	return r;
}

void yaml_file_finish(struct yaml_file *file)
{
	yaml_document_delete(&file->document);
}

yaml_node_t *yaml_root(struct yaml_file *file)
{
	return yaml_document_get_root_node(&file->document);
}

int yaml_refuse(struct yaml_file *file, const yaml_node_t *node,
		const char *format, ...)
{
	char text[ERR_MSG_MAX];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	return err_input(file->err, -EINVAL, "%s:%zu: %s", file->path,
			 node->start_mark.line + 1, text);
}

int yaml_wrap(struct yaml_file *file, const yaml_node_t *node, int code)
{
	(void)err_wrap(file->err, "%s:%zu", file->path,
		       node->start_mark.line + 1);
	return code;
}

const char *yaml_text(struct yaml_file *file, const yaml_node_t *node,
		      const char *what)
{
	const char *text;

	if (node->type != YAML_SCALAR_NODE) {
		(void)yaml_refuse(file, node, "%s: a text or a number", what);
		return NULL;
	}
	text = (const char *)node->data.scalar.value;
	if (strlen(text) == node->data.scalar.length)
		return text;
	(void)yaml_refuse(file, node, "%s: there is a NUL in it", what);
	return NULL;
}

bool yaml_is_empty(const yaml_node_t *node)
{
	return node->type == YAML_SCALAR_NODE &&
	       node->data.scalar.length == 0 &&
	       node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

int yaml_each_item(struct yaml_file *file, yaml_node_t *node,
		   int (*each)(void *ctx, yaml_node_t *item), void *ctx)
{
	const yaml_node_item_t *item;
	int r = 0;

	if (node->type != YAML_SEQUENCE_NODE)
		return each(ctx, node);
	for (item = node->data.sequence.items.start;
	     r == 0 && item < node->data.sequence.items.top; item++)
		r = each(ctx, yaml_document_get_node(&file->document, *item));
	return r;
}

/* The name of the @i-th key, or NULL with the error set. */
static const char *name_key(struct yaml_file *file, const yaml_node_t *node,
			    size_t i, const char *what)
{
	const yaml_node_pair_t *pairs = node->data.mapping.pairs.start;
	const yaml_node_t *key = yaml_document_get_node(&file->document,
							pairs[i].key);
	const char *name = yaml_text(file, key, what);

	for (size_t j = 0; name && j < i; j++) {
		const yaml_node_t *other = yaml_document_get_node(
			&file->document, pairs[j].key);

		if (other->data.scalar.length == key->data.scalar.length &&
		    strcmp((const char *)other->data.scalar.value, name) == 0) {
			(void)yaml_refuse(file, key,
					  "key '%s' is in line %zu already",
					  name, other->start_mark.line + 1);
			return NULL;
		}
	}
	return name;
}

int yaml_each_key(struct yaml_file *file, yaml_node_t *node, const char *what,
		  int (*each)(void *ctx, const yaml_node_t *key,
			      const char *name, yaml_node_t *value),
		  void *ctx)
{
	size_t count;
	int r = 0;

	if (node->type != YAML_MAPPING_NODE)
		return yaml_refuse(file, node, "%s: keys and values", what);
	count = (size_t)(node->data.mapping.pairs.top -
			 node->data.mapping.pairs.start);
	if (count > YAML_KEYS)
		return yaml_refuse(file, node, "%s: at most %d keys", what,
				   YAML_KEYS);
	for (size_t i = 0; r == 0 && i < count; i++) {
		const yaml_node_pair_t *pair =
			&node->data.mapping.pairs.start[i];
		const char *name = name_key(file, node, i, what);

		r = name ? each(ctx,
				yaml_document_get_node(&file->document,
						       pair->key),
				name,
				yaml_document_get_node(&file->document,
						       pair->value))
			 : -EINVAL;
	}
	return r;
}
