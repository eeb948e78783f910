/* vmm/test/spec.c - a file of cases for `vmm test`. */
#include "vmm/test/spec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "vmm/test/spec_keys.h"
#include "vmm/test/spec_option.h"

#define SPEC_SIZE ((size_t)1 << 20)

static int take_case_key(void *ctx, const yaml_node_t *at, const char *name,
			 yaml_node_t *value)
{
	return spec_take_key(ctx, &spec_case_keys, at, name, value);
}

/* True if a mapping has a key. */
static bool has_key(struct spec_reader *reader, const yaml_node_t *node,
		    const char *name)
{
	const yaml_node_pair_t *pair = node->data.mapping.pairs.start;

	for (; pair < node->data.mapping.pairs.top; pair++) {
		const yaml_node_t *key = yaml_document_get_node(
			&reader->yaml.document, pair->key);

		if (strcmp((const char *)key->data.scalar.value, name) == 0)
			return true;
	}
	return false;
}

/* All words together are what a command line may be. */
static int check_together(struct spec_reader *reader, const yaml_node_t *node)
{
	const struct spec_case *one = reader->one;
	struct strings words = { 0 };
	int r = 0;

	if (one->steps.count == 0)
		return 0;
	for (size_t i = 0; r == 0 && i < one->options.count; i++)
		r = strings_add(&words, one->options.item[i]);
	for (size_t i = 0; r == 0 && i < one->steps.count; i++)
		r = strings_add(&words, one->steps.item[i]);
	r = r < 0 ? err_set(reader->yaml.err, r, "out of memory")
		  : option_check_all(&words, reader->yaml.err);
	strings_finish(&words);
	return r < 0 ? yaml_wrap(&reader->yaml, node, r) : 0;
}

static int check_answer(struct spec_reader *reader, const yaml_node_t *node,
			const char *what)
{
	if (has_key(reader, node, "command") && has_key(reader, node, "expect"))
		return yaml_refuse(&reader->yaml, node,
				   "%s: either command or expect", what);
	return 0;
}

static int check_case(struct spec_reader *reader, const yaml_node_t *node)
{
	const struct spec_case *one = reader->one;

	if (!one->name)
		return yaml_refuse(&reader->yaml, node,
				   "this case has no name");
	for (size_t i = 0; i + 1 < reader->spec->count; i++)
		if (strcmp(reader->spec->item[i].name, one->name) == 0)
			return yaml_refuse(&reader->yaml, node,
					   "another case is called '%s', too",
					   one->name);
	if (reader->defaults &&
	    check_answer(reader, reader->defaults, "defaults") < 0)
		return -EINVAL;
	if (check_answer(reader, node, one->name) < 0)
		return -EINVAL;
	if (one->command.count == 0 && one->steps.count == 0)
		return yaml_refuse(&reader->yaml, node,
				   "case '%s' has no command, nor expect",
				   one->name);
	return check_together(reader, node);
}

static int add_case(void *ctx, yaml_node_t *node)
{
	struct spec_reader *reader = ctx;
	struct spec *spec = reader->spec;
	struct spec_case *more;
	int r = 0;

	if (spec->count == SPEC_MAX_CASES)
		return yaml_refuse(&reader->yaml, node, "at most %d cases",
				   SPEC_MAX_CASES);
	more = reallocarray(spec->item, spec->count + 1, sizeof(*more));
	if (!more)
		return err_set(reader->yaml.err, -ENOMEM, "out of memory");
	spec->item = more;
	reader->one = &more[spec->count++];
	*reader->one = (struct spec_case){
		.file = reader->yaml.path,
		.line = node->start_mark.line + 1,
		.repeat = 1,
	};
	reader->in_defaults = true;
	if (reader->defaults)
		r = yaml_each_key(&reader->yaml, reader->defaults, "defaults",
				  take_case_key, reader);
	reader->in_defaults = false;
	if (r == 0)
		r = yaml_each_key(&reader->yaml, node, "a case", take_case_key,
				  reader);
	return r == 0 ? check_case(reader, node) : r;
}

static int set_defaults(struct spec_reader *reader, yaml_node_t *value)
{
	reader->defaults = value;
	return 0;
}

/* Cases are read once the defaults are known, wherever they stand. */
static int note_cases(struct spec_reader *reader, yaml_node_t *value)
{
	reader->cases = value;
	return 0;
}

static int take_file_key(void *ctx, const yaml_node_t *at, const char *name,
			 yaml_node_t *value)
{
	static const struct spec_key table[] = {
		{ "defaults", set_defaults, 0 },
		{ "cases", note_cases, 0 },
	};
	static const struct spec_keys keys = SPEC_KEYS(table);

	return spec_take_key(ctx, &keys, at, name, value);
}

static int read_cases(struct spec_reader *reader)
{
	yaml_node_t *root = yaml_root(&reader->yaml);
	int r = yaml_each_key(&reader->yaml, root, "a file of cases",
			      take_file_key, reader);

	if (r < 0)
		return r;
	if (!reader->cases || reader->cases->type != YAML_SEQUENCE_NODE ||
	    reader->cases->data.sequence.items.start ==
		    reader->cases->data.sequence.items.top)
		return yaml_refuse(&reader->yaml,
				   reader->cases ? reader->cases : root,
				   "cases: a list of them");
	return yaml_each_item(&reader->yaml, reader->cases, add_case, reader);
}

int spec_parse(struct spec *ret, const char *path, const void *text,
	       size_t size, struct err *err)
{
	struct spec_reader reader = { .spec = ret };
	int r = yaml_file_parse(&reader.yaml, path, text, size, err);

	if (r < 0)
		return r;
	r = read_cases(&reader);
	yaml_file_finish(&reader.yaml);
	return r;
}

int spec_read(struct spec *ret, const char *path, struct err *err)
{
	uint8_t *text = NULL;
	size_t size = 0;
	int r = file_read_all(path, SPEC_SIZE, &text, &size, err);

	if (r < 0)
		return r;
	r = spec_parse(ret, path, text, size, err);
	free(text);
	return r;
}

void spec_finish(struct spec *spec)
{
	for (size_t i = 0; i < spec->count; i++)
		spec_case_finish(&spec->item[i]);
	free(spec->item);
	*spec = (struct spec){ 0 };
}
