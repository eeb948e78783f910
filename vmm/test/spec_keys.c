/* vmm/test/spec_keys.c - the keys of a case in a file of cases. */
#include "vmm/test/report_file.h"
#include "vmm/test/spec_keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/closest.h"
#include "base/size.h"
#include "vmm/test/spec_option.h"
#include "vmm/test/spec_steps.h"

#define MIB (UINT64_C(1) << 20)

static void *member_of(const struct spec_reader *reader)
{
	return (char *)reader->one + reader->key->offset;
}

/* An option with a value, of the key's name. */
static int add_option_value(struct spec_reader *reader, yaml_node_t *value)
{
	const char *name = reader->key->name;
	const char *text = yaml_text(&reader->yaml, value, name);
	_cleanup_(freep) char *word = NULL;

	if (!text)
		return -EINVAL;
	if (asprintf(&word, "--%s=%s", name, text) < 0) {
		word = NULL;
		return spec_lack_memory(reader);
	}
	return spec_add_checked(reader, &reader->one->options, value, word);
}

static int add_option_item(void *ctx, yaml_node_t *item)
{
	return add_option_value(ctx, item);
}

static int add_option_values(struct spec_reader *reader, yaml_node_t *value)
{
	return yaml_each_item(&reader->yaml, value, add_option_item, reader);
}

/* Takes an option without a value, or takes it back. */
static int set_flag(struct spec_reader *reader, yaml_node_t *value)
{
	const char *name = reader->key->name;
	const char *text = yaml_text(&reader->yaml, value, name);
	_cleanup_(freep) char *word = NULL;

	if (!text)
		return -EINVAL;
	if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return yaml_refuse(&reader->yaml, value,
				   "%s: '%.64s' is neither true nor false",
				   name, text);
	if (asprintf(&word, "--%s", name) < 0) {
		word = NULL;
		return spec_lack_memory(reader);
	}
	strings_drop(&reader->one->options, word);
	return *text == 't' ? spec_add_checked(reader, &reader->one->options,
					       value, word)
			    : 0;
}

/* Makes a text the only one of a list. */
static int replace_strings(struct spec_reader *reader, struct strings *list,
			   const char *text)
{
	strings_finish(list);
	return strings_add(list, text) < 0 ? spec_lack_memory(reader) : 0;
}

/* Checks the value of an option that the matrix may have, too. */
static int check_choice(struct spec_reader *reader, const yaml_node_t *value,
			const char *text)
{
	_cleanup_(freep) char *word = NULL;
	int r;

	if (asprintf(&word, "--%s=%s", reader->key->name, text) < 0) {
		word = NULL;
		return spec_lack_memory(reader);
	}
	r = option_check(word, false, reader->yaml.err);
	return r < 0 ? yaml_wrap(&reader->yaml, value, r) : 0;
}

static int set_choice(struct spec_reader *reader, yaml_node_t *value)
{
	const char *text = yaml_text(&reader->yaml, value, reader->key->name);

	if (!text || check_choice(reader, value, text) < 0)
		return reader->yaml.err->code;
	return replace_strings(reader, member_of(reader), text);
}

static int add_choice_item(void *ctx, yaml_node_t *item)
{
	struct spec_reader *reader = ctx;
	struct strings *list = member_of(reader);
	const char *text = yaml_text(&reader->yaml, item, reader->key->name);

	if (!text || check_choice(reader, item, text) < 0)
		return reader->yaml.err->code;
	if (list->count == SPEC_MAX_CHOICES)
		return yaml_refuse(&reader->yaml, item, "%s: at most %d",
				   reader->key->name, SPEC_MAX_CHOICES);
	return strings_add(list, text) < 0 ? spec_lack_memory(reader) : 0;
}

static int set_choices(struct spec_reader *reader, yaml_node_t *value)
{
	strings_finish(member_of(reader));
	if (value->type != YAML_SEQUENCE_NODE ||
	    value->data.sequence.items.start == value->data.sequence.items.top)
		return yaml_refuse(&reader->yaml, value, "%s: a list of values",
				   reader->key->name);
	return yaml_each_item(&reader->yaml, value, add_choice_item, reader);
}

static int add_word_item(void *ctx, yaml_node_t *item)
{
	struct spec_reader *reader = ctx;
	const char *text = yaml_text(&reader->yaml, item, reader->key->name);

	if (!text)
		return -EINVAL;
	return spec_add_checked(reader, reader->list, item, text);
}

static int add_options(struct spec_reader *reader, yaml_node_t *value)
{
	reader->list = &reader->one->options;
	return yaml_each_item(&reader->yaml, value, add_word_item, reader);
}

/* A row of the matrix: options that go together. */
static int add_choice_options(void *ctx, yaml_node_t *item)
{
	struct spec_reader *reader = ctx;
	struct spec_case *one = reader->one;

	if (one->choices == SPEC_MAX_CHOICES)
		return yaml_refuse(&reader->yaml, item, "options: at most %d",
				   SPEC_MAX_CHOICES);
	reader->list = &one->choice[one->choices++];
	return yaml_each_item(&reader->yaml, item, add_word_item, reader);
}

static void drop_choices(struct spec_case *one)
{
	while (one->choices > 0)
		strings_finish(&one->choice[--one->choices]);
}

static int set_choice_options(struct spec_reader *reader, yaml_node_t *value)
{
	drop_choices(reader->one);
	if (value->type != YAML_SEQUENCE_NODE)
		return yaml_refuse(&reader->yaml, value,
				   "options: a list of values");
	return yaml_each_item(&reader->yaml, value, add_choice_options, reader);
}

#define AT(member) offsetof(struct spec_case, member)

static const struct spec_key matrix_keys[] = {
	{ "kernel", set_choices, AT(kernel) },
	{ "cpus", set_choices, AT(cpus) },
	{ "mem", set_choices, AT(mem) },
	{ "cmdline", set_choices, AT(cmdline) },
	{ "options", set_choice_options, 0 },
};

static int take_matrix_key(void *ctx, const yaml_node_t *at, const char *name,
			   yaml_node_t *value)
{
	static const struct spec_keys keys = SPEC_KEYS(matrix_keys);

	return spec_take_key(ctx, &keys, at, name, value);
}

static int set_matrix(struct spec_reader *reader, yaml_node_t *value)
{
	return yaml_each_key(&reader->yaml, value, "matrix", take_matrix_key,
			     reader);
}

/* A name is that of a folder, too, and stays a line. */
static int set_name(struct spec_reader *reader, yaml_node_t *value)
{
	static const char valid[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOP"
				    "QRSTUVWXYZ0123456789._-";
	const char *text = yaml_text(&reader->yaml, value, "name");
	char *copy;

	if (!text)
		return -EINVAL;
	if (reader->in_defaults)
		return yaml_refuse(&reader->yaml, value,
				   "name: each case has its own");
	if (!*text || *text == '.' || *text == '-' ||
	    strlen(text) > SPEC_NAME || text[strspn(text, valid)])
		return yaml_refuse(&reader->yaml, value,
				   "name: '%.64s': up to %d letters, digits, "
				   "'.', '_' and '-', a letter or digit first",
				   text, SPEC_NAME);
	if (strcmp(text, SUITE_REPORT) == 0)
		return yaml_refuse(&reader->yaml, value,
				   "name: '%s' is that of the report", text);
	copy = strdup(text);
	if (!copy)
		return spec_lack_memory(reader);
	free(reader->one->name);
	reader->one->name = copy;
	return 0;
}

static int add_command_item(void *ctx, yaml_node_t *item)
{
	struct spec_reader *reader = ctx;
	const char *text = yaml_text(&reader->yaml, item, "command");

	if (!text)
		return -EINVAL;
	return spec_add_string(reader, &reader->one->command, item, text);
}

/* A list is a command's words; a text is the shell's. */
static int set_command(struct spec_reader *reader, yaml_node_t *value)
{
	struct strings *command = &reader->one->command;
	int r = 0;

	strings_finish(command);
	strings_finish(&reader->one->steps);
	if (yaml_is_empty(value))
		return yaml_refuse(&reader->yaml, value,
				   "command: a text, or a list of words");
	if (value->type != YAML_SEQUENCE_NODE) {
		r = strings_add(command, "sh");
		r = r == 0 ? strings_add(command, "-c") : r;
		if (r < 0)
			return spec_lack_memory(reader);
	}
	r = yaml_each_item(&reader->yaml, value, add_command_item, reader);
	if (r == 0 && (command->count == 0 || !*command->item[0]))
		r = yaml_refuse(&reader->yaml, value,
				"command: a text, or a list of words");
	return r;
}

static int take_variable(void *ctx, const yaml_node_t *at, const char *name,
			 yaml_node_t *value)
{
	struct spec_reader *reader = ctx;
	const char *text = yaml_text(&reader->yaml, value, "env");
	const bool given = !yaml_is_empty(value);
	_cleanup_(freep) char *word = NULL;

	if (!text)
		return -EINVAL;
	if (strchr(name, '='))
		return yaml_refuse(&reader->yaml, at,
				   "env: '%.64s' is no name of a variable",
				   name);
	if (asprintf(&word, "--env=%s%s%s", name, given ? "=" : "", text) < 0) {
		word = NULL;
		return spec_lack_memory(reader);
	}
	return spec_add_checked(reader, &reader->one->options, at, word);
}

static int set_env(struct spec_reader *reader, yaml_node_t *value)
{
	return yaml_each_key(&reader->yaml, value, "env", take_variable,
			     reader);
}

static int read_spec_number(struct spec_reader *reader, yaml_node_t *value,
			    unsigned least, unsigned most, unsigned *ret)
{
	const char *name = reader->key->name;
	const char *text = yaml_text(&reader->yaml, value, name);
	uint64_t number;

	if (!text)
		return -EINVAL;
	if (number_parse(text, &number) < 0 || number < least || number > most)
		return yaml_refuse(&reader->yaml, value,
				   "%s: '%.64s' is no number from %u to %u",
				   name, text, least, most);
	*ret = (unsigned)number;
	return 0;
}

static int set_expected_status(struct spec_reader *reader, yaml_node_t *value)
{
	unsigned status = 0;
	const int r = read_spec_number(reader, value, 0, 255, &status);

	if (r == 0)
		reader->one->status = (int)status;
	return r;
}

static int set_repeat(struct spec_reader *reader, yaml_node_t *value)
{
	return read_spec_number(reader, value, 1, SPEC_MAX_COUNT,
				&reader->one->repeat);
}

static int set_retries(struct spec_reader *reader, yaml_node_t *value)
{
	return read_spec_number(reader, value, 0, SPEC_MAX_COUNT,
				&reader->one->retries);
}

static int add_pattern(void *ctx, yaml_node_t *item)
{
	struct spec_reader *reader = ctx;
	const char *text = yaml_text(&reader->yaml, item, reader->key->name);
	int r;

	if (!text)
		return -EINVAL;
	if (!*text)
		return yaml_refuse(&reader->yaml, item,
				   "%s: an empty expression is everywhere",
				   reader->key->name);
	r = outputs_add(&reader->one->outputs, reader->output, reader->lacks,
			text, reader->yaml.err);
	return r < 0 ? yaml_wrap(&reader->yaml, item, r) : 0;
}

static int add_has(struct spec_reader *reader, yaml_node_t *value)
{
	reader->lacks = false;
	return yaml_each_item(&reader->yaml, value, add_pattern, reader);
}

static int add_lacks(struct spec_reader *reader, yaml_node_t *value)
{
	reader->lacks = true;
	return yaml_each_item(&reader->yaml, value, add_pattern, reader);
}

static const struct spec_key output_keys[] = {
	{ "has", add_has, 0 },
	{ "lacks", add_lacks, 0 },
};

static int take_output_key(void *ctx, const yaml_node_t *at, const char *name,
			   yaml_node_t *value)
{
	static const struct spec_keys keys = SPEC_KEYS(output_keys);

	return spec_take_key(ctx, &keys, at, name, value);
}

static int set_output(struct spec_reader *reader, yaml_node_t *value)
{
	const char *name = reader->key->name;

	reader->output = OUTPUT_STDOUT;
	while (strcmp(output_names[reader->output], name) != 0)
		reader->output++;
	return yaml_each_key(&reader->yaml, value, name, take_output_key,
			     reader);
}

static int add_need_item(void *ctx, yaml_node_t *item)
{
	struct spec_reader *reader = ctx;
	const char *text = yaml_text(&reader->yaml, item, reader->key->name);

	if (!text)
		return -EINVAL;
	if (!*text)
		return yaml_refuse(&reader->yaml, item, "%s: '': no value",
				   reader->key->name);
	return spec_add_string(reader, member_of(reader), item, text);
}

static int set_need_list(struct spec_reader *reader, yaml_node_t *value)
{
	strings_finish(member_of(reader));
	return yaml_each_item(&reader->yaml, value, add_need_item, reader);
}

static int set_need_arch(struct spec_reader *reader, yaml_node_t *value)
{
	static const char *const known[] = { "arm64", "mips", "x86_64" };
	const int r = set_need_list(reader, value);
	const struct strings *archs = &reader->one->needs.archs;

	for (size_t i = 0; r == 0 && i < archs->count; i++) {
		struct closest near = { .word = archs->item[i] };
		bool is_known = false;

		for (size_t j = 0; j < sizeof(known) / sizeof(*known); j++) {
			closest_try(&near, known[j]);
			is_known |= strcmp(known[j], archs->item[i]) == 0;
		}
		if (!is_known)
			return yaml_wrap(&reader->yaml, value,
					 closest_refuse(&near, "architecture",
							reader->yaml.err));
	}
	return r;
}

static int set_need_cpus(struct spec_reader *reader, yaml_node_t *value)
{
	unsigned cpus = 0;
	const int r = read_spec_number(reader, value, 1, 65536, &cpus);

	if (r == 0)
		reader->one->needs.cpus = cpus;
	return r;
}

static int set_need_mem(struct spec_reader *reader, yaml_node_t *value)
{
	const char *text = yaml_text(&reader->yaml, value, "mem");

	if (!text)
		return -EINVAL;
	if (size_parse(text, MIB, &reader->one->needs.mem) < 0)
		return yaml_refuse(&reader->yaml, value,
				   "mem: '%.64s' is no size, as in 2G", text);
	return 0;
}

static const struct spec_key need_keys[] = {
	{ "arch", set_need_arch, AT(needs.archs) },
	{ "cpus", set_need_cpus, 0 },
	{ "mem", set_need_mem, 0 },
	{ "program", set_need_list, AT(needs.programs) },
	{ "file", set_need_list, AT(needs.files) },
};

static int take_need_key(void *ctx, const yaml_node_t *at, const char *name,
			 yaml_node_t *value)
{
	static const struct spec_keys keys = SPEC_KEYS(need_keys);

	return spec_take_key(ctx, &keys, at, name, value);
}

static int set_needs(struct spec_reader *reader, yaml_node_t *value)
{
	return yaml_each_key(&reader->yaml, value, "needs", take_need_key,
			     reader);
}

static const struct spec_key case_keys[] = {
	{ "name", set_name, 0 },
	{ "kernel", set_choice, AT(kernel) },
	{ "root", add_option_value, 0 },
	{ "initrd", add_option_value, 0 },
	{ "modules", add_option_value, 0 },
	{ "cmdline", set_choice, AT(cmdline) },
	{ "cpus", set_choice, AT(cpus) },
	{ "mem", set_choice, AT(mem) },
	{ "disk", add_option_values, 0 },
	{ "net", add_option_values, 0 },
	{ "command", set_command, 0 },
	{ "expect", spec_set_steps, 0 },
	{ "rwdir", add_option_values, 0 },
	{ "rodir", add_option_values, 0 },
	{ "pwd", add_option_value, 0 },
	{ "env", set_env, 0 },
	{ "user", add_option_value, 0 },
	{ "fetch", add_option_values, 0 },
	{ "timeout", add_option_value, 0 },
	{ "boot-timeout", add_option_value, 0 },
	{ "ignore-warnings", set_flag, 0 },
	{ "options", add_options, 0 },
	{ "matrix", set_matrix, 0 },
	{ "repeat", set_repeat, 0 },
	{ "retries", set_retries, 0 },
	{ "status", set_expected_status, 0 },
	{ "stdout", set_output, 0 },
	{ "stderr", set_output, 0 },
	{ "console", set_output, 0 },
	{ "needs", set_needs, 0 },
};

const struct spec_keys spec_case_keys = SPEC_KEYS(case_keys);

void spec_case_finish(struct spec_case *one)
{
	free(one->name);
	strings_finish(&one->options);
	strings_finish(&one->kernel);
	strings_finish(&one->cpus);
	strings_finish(&one->mem);
	strings_finish(&one->cmdline);
	drop_choices(one);
	strings_finish(&one->command);
	strings_finish(&one->steps);
	outputs_finish(&one->outputs);
	needs_finish(&one->needs);
}
