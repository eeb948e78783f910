/* vmm/test/spec_steps.c - the steps on a console, in a file of cases. */
#include "vmm/test/spec_steps.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"

/* A step is an option, so that the command line has it, too. */
static int add_step_word(struct spec_reader *reader, const char *option,
			 yaml_node_t *value)
{
	const char *text = yaml_text(&reader->yaml, value, option);
	_cleanup_(freep) char *word = NULL;

	if (!text)
		return -EINVAL;
	if (asprintf(&word, "--%s=%s", option, text) < 0) {
		word = NULL;
		return spec_lack_memory(reader);
	}
	return spec_add_checked(reader, &reader->one->steps, value, word);
}

static int add_step_expect(struct spec_reader *reader, yaml_node_t *value)
{
	return add_step_word(reader, "expect", value);
}

static int add_step_send(struct spec_reader *reader, yaml_node_t *value)
{
	return add_step_word(reader, "send", value);
}

static int add_step_limit(struct spec_reader *reader, yaml_node_t *value)
{
	return add_step_word(reader, "step-timeout", value);
}

static const struct spec_key step_keys[] = {
	{ "expect", add_step_expect, 0 },
	{ "send", add_step_send, 0 },
	{ "timeout", add_step_limit, 0 },
};

static int take_step_key(void *ctx, const yaml_node_t *at, const char *name,
			 yaml_node_t *value)
{
	static const struct spec_keys keys = SPEC_KEYS(step_keys);

	return spec_take_key(ctx, &keys, at, name, value);
}

static int add_step_item(void *ctx, yaml_node_t *item)
{
	struct spec_reader *reader = ctx;

	if (item->type == YAML_MAPPING_NODE &&
	    item->data.mapping.pairs.top - item->data.mapping.pairs.start != 1)
		return yaml_refuse(&reader->yaml, item,
				   "a step: one of expect, send and timeout");
	return yaml_each_key(&reader->yaml, item, "a step", take_step_key,
			     reader);
}

int spec_set_steps(struct spec_reader *reader, yaml_node_t *value)
{
	strings_finish(&reader->one->command);
	strings_finish(&reader->one->steps);
	if (value->type != YAML_SEQUENCE_NODE ||
	    value->data.sequence.items.start == value->data.sequence.items.top)
		return yaml_refuse(&reader->yaml, value,
				   "expect: a list of steps");
	return yaml_each_item(&reader->yaml, value, add_step_item, reader);
}
