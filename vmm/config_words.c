/* vmm/config_words.c - a configuration as words that make it again. */
#include "vmm/config_words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "vmm/cli.h"
#include "vmm/config.h"

/* What an option's value is to this file. */
enum value_kind {
	VALUE_PLAIN, /* means the same everywhere */
	VALUE_PATH, /* a path */
	VALUE_ITEMS, /* "PATH,key=value...": a comma of the path is doubled */
	VALUE_AT, /* "PATH@ADDRESS" */
	VALUE_NET, /* "unix:PATH,key=value...", as VALUE_ITEMS, or no path */
	VALUE_MEMORY, /* has a path behind "backing=file:", if at all */
	VALUE_HOST, /* concerns this run alone: is left out */
};

/* Options that are not here are VALUE_PLAIN. */
static const struct {
	const char *option;
	enum value_kind kind;
} kinds[] = {
	{ "kernel", VALUE_HOST }, /* it may be a word without an option */
	{ "initrd", VALUE_PATH },   { "firmware", VALUE_PATH },
	{ "dtb", VALUE_PATH },	    { "hugetlbfs", VALUE_PATH },
	{ "disk", VALUE_ITEMS },    { "flash", VALUE_ITEMS },
	{ "share", VALUE_ITEMS },   { "rom", VALUE_AT },
	{ "mem", VALUE_MEMORY },    { "net", VALUE_NET },
	{ "dump-dtb", VALUE_HOST }, { "name", VALUE_HOST },
	{ "control", VALUE_HOST },  { "terminal", VALUE_HOST },
	{ "timeout", VALUE_HOST },  { "loglevel", VALUE_HOST },
	{ "debug", VALUE_HOST },    { "vcpu-affinity", VALUE_HOST },
	{ "dev", VALUE_HOST },	    { "console-log", VALUE_HOST },
	{ "on-panic", VALUE_HOST }, { "gdb", VALUE_HOST },
	{ "incoming", VALUE_HOST },
};

static enum value_kind kind_of(const struct cli_option *option)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(kinds[i].option, option->name) == 0)
			return kinds[i].kind;
	return VALUE_PLAIN;
}

/* Where a path begins in a value; NULL: there is none. */
static const char *find_path(enum value_kind kind, const char *value)
{
	static const char item[] = "path=", file[] = "backing=file:";
	static const char backend[] = "backend=", local[] = "unix:";
	const char *at;

	switch (kind) {
	case VALUE_PATH:
	case VALUE_AT:
		return value;
	case VALUE_ITEMS:
		at = strncmp(value, item, sizeof(item) - 1) == 0 ? value : NULL;
		return at ? at + sizeof(item) - 1 : value;
	case VALUE_NET:
		at = strncmp(value, backend, sizeof(backend) - 1) == 0
			   ? value + sizeof(backend) - 1
			   : value;
		return strncmp(at, local, sizeof(local) - 1) == 0
			     ? at + sizeof(local) - 1
			     : NULL;
	case VALUE_MEMORY:
		at = strstr(value, file);
		return at ? at + sizeof(file) - 1 : NULL;
	default:
		return NULL;
	}
}

/* Copies a folder's path and a slash. @doubled: commas become two. */
static char *put_folder(char *to, const char *folder, bool doubled)
{
	for (; *folder; folder++) {
		*to++ = *folder;
		if (doubled && *folder == ',')
			*to++ = ',';
	}
	*to++ = '/';
	return to;
}

/* A value whose path is absolute. Returns NULL if there is no memory. */
static char *make_absolute(enum value_kind kind, const char *value,
			   const char *here)
{
	const bool list = kind == VALUE_ITEMS || kind == VALUE_NET ||
			  kind == VALUE_MEMORY;
	const char *path = find_path(kind, value);
	char *ret, *at;

	if (!path || *path == '/' || *path == '\0')
		return strdup(value);
	ret = malloc(strlen(value) + 2 * strlen(here) + 2);
	if (!ret)
		return NULL;
	memcpy(ret, value, (size_t)(path - value));
	at = put_folder(ret + (path - value), here, list);
	memcpy(at, path, strlen(path) + 1);
	return ret;
}

static int add_word(struct config_words *words, char *word, struct err *err)
{
	char **grown = word ? reallocarray(words->word, words->count + 2,
					   sizeof(*grown))
			    : NULL;

	if (!grown) {
		free(word);
		return err_set(err, -ENOMEM, "configuration: out of memory");
	}
	words->word = grown;
	words->word[words->count++] = word;
	words->word[words->count] = NULL;
	return 0;
}

/* Adds "--NAME=VALUE", "--NAME" or "--no-NAME". */
static int add_option(struct config_words *words, const char *name,
		      const char *value, bool unset, struct err *err)
{
	char *word;

	if (asprintf(&word, "--%s%s%s%s", unset ? "no-" : "", name,
		     value ? "=" : "", value ? value : "") < 0)
		word = NULL;
	return add_word(words, word, err);
}

static int add_given(struct config_words *words, const struct cli_given *given,
		     const char *here, struct err *err)
{
	const enum value_kind kind = kind_of(given->option);
	_cleanup_(freep) char *value = NULL;

	if (kind == VALUE_HOST)
		return 0;
	if (given->value) {
		value = make_absolute(kind, given->value, here);
		if (!value)
			return err_set(err, -ENOMEM,
				       "configuration: out of memory");
	}
	return add_option(words, given->option->name, value, given->unset, err);
}

int config_check_saved(const struct config *config, struct err *err)
{
	if (config->attendant.ports > 0)
		return err_input(
			err, -ENOTSUP,
			"a guest of 'vmm test' cannot be saved, as its "
			"command's streams are this process'");
	return 0;
}

int config_words_of(struct config_words *ret, const struct config *config,
		    const char *here, struct err *err)
{
	struct config_words words = { 0 };
	_cleanup_(freep) char *kernel = NULL;
	int r = config_check_saved(config, err);

	if (r < 0)
		return r;
	if (config->givens.count > CLI_MAX_GIVEN)
		return err_set(err, -E2BIG,
			       "more than %d options cannot be saved",
			       CLI_MAX_GIVEN);
	if (config->kernel) {
		kernel = make_absolute(VALUE_PATH, config->kernel, here);
		r = kernel ? add_option(&words, "kernel", kernel, false, err)
			   : err_set(err, -ENOMEM, "out of memory");
	}
	for (size_t i = 0; r == 0 && i < config->givens.count; i++)
		r = add_given(&words, &config->givens.given[i], here, err);
	if (r < 0)
		config_words_finish(&words);
	else
		*ret = words;
	return r;
}

int config_words_check(const struct config *config, struct err *err)
{
	const struct cli_givens *givens = &config->givens;

	if (givens->count > CLI_MAX_GIVEN)
		return err_input(err, -E2BIG, "more than %d options",
				 CLI_MAX_GIVEN);
	for (size_t i = 0; i < givens->count; i++) {
		const struct cli_option *option = givens->given[i].option;

		if (kind_of(option) == VALUE_HOST &&
		    strcmp(option->name, "kernel") != 0)
			return err_input(err, -EPERM,
					 "--%s is no option of a guest's",
					 option->name);
	}
	return config_check_saved(config, err);
}

int config_words_parse(struct config *ret, char *const *word, size_t count,
		       struct err *err)
{
	char run[] = "run";
	_cleanup_(freep) char **argv = calloc(count + 2, sizeof(*argv));
	int r;

	if (!argv)
		return err_set(err, -ENOMEM, "out of memory");
	argv[0] = run;
	for (size_t i = 0; i < count; i++)
		argv[1 + i] = word[i];
	/* A configuration is large: it is not copied once more. */
	r = config_parse(ret, (int)count + 1, argv, err);
	if (r > 0)
		return err_input(err, -EPERM,
				 "--help is no option of a guest's");
	if (r < 0)
		return r;
	r = config_words_check(ret, err);
	if (r < 0)
		config_finish(ret);
	return r;
}

void config_words_finish(struct config_words *words)
{
	for (size_t i = 0; i < words->count; i++)
		free(words->word[i]);
	free(words->word);
	*words = (struct config_words){ 0 };
}
