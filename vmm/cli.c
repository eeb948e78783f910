/* vmm/cli.c - a command's options, as one table that is all there is to know.
 */
#include "vmm/cli.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/closest.h"

/* Where the help of an option begins. */
#define COLUMN 26

static const struct cli_option help_option = { .name = "help",
					       .letter = 'h',
					       .help = "print this text" };

/* The words not yet looked at. */
struct words {
	const struct cli_command *command;
	int argc;
	char *const *argv;
	int next;
	void *ctx; /* the callbacks' */
};

static void *option_member(void *ctx, const struct cli_option *option)
{
	return (char *)ctx + option->offset;
}

int cli_set_true(void *ctx, const struct cli_option *option, const char *value,
		 struct err *err)
{
	(void)value;
	(void)err;
	*(bool *)option_member(ctx, option) = true;
	return 0;
}

int cli_set_text(void *ctx, const struct cli_option *option, const char *value,
		 struct err *err)
{
	(void)err;
	*(const char **)option_member(ctx, option) = value;
	return 0;
}

int cli_set_string(void *ctx, const struct cli_option *option,
		   const char *value, struct err *err)
{
	if (!*value)
		return err_input(err, -EINVAL, "must not be empty");
	return cli_set_text(ctx, option, value, err);
}

int cli_set_word(void *ctx, const struct cli_option *option, const char *value,
		 struct err *err)
{
	unsigned i = 0;

	(void)err;
	while (strcmp(option->words[i], value) != 0)
		i++;
	*(unsigned *)option_member(ctx, option) = i;
	return 0;
}

void cli_unset_bool(void *ctx, const struct cli_option *option)
{
	*(bool *)option_member(ctx, option) = false;
}

void cli_unset_string(void *ctx, const struct cli_option *option)
{
	*(const char **)option_member(ctx, option) = NULL;
}

/* Rows of a command's tables, and the one that each command has. */
static size_t option_count(const struct cli_command *command)
{
	return command->option_count + command->more_count + 1;
}

static const struct cli_option *option_at(const struct cli_command *command,
					  size_t i)
{
	if (i < command->option_count)
		return &command->options[i];
	i -= command->option_count;
	return i < command->more_count ? &command->more[i] : &help_option;
}

/* @word: as typed, dashes and any "=value" included */
static int refuse_option(const struct cli_command *command, const char *word,
			 struct err *err)
{
	const char *name = word + strspn(word, "-");
	const size_t len = strcspn(name, "=");
	const int shown = (int)(name - word + (ptrdiff_t)len);
	char typed[CLOSEST_MAX_LEN + 2] = "";
	struct closest near = { .word = typed };
	const struct cli_refusal *known = command->refusals;

	if (len < sizeof(typed))
		memcpy(typed, name, len);
	for (; known && known->name; known++)
		if (!strcmp(known->name, typed))
			return err_input(err, -EINVAL, "--%s: %s", typed,
					 known->why);
	for (size_t i = 0; i < option_count(command); i++)
		if (option_at(command, i)->name)
			closest_try(&near, option_at(command, i)->name);
	if (!near.best)
		return err_input(err, -EINVAL, "unknown option '%.*s'", shown,
				 word);
	return err_input(err, -EINVAL,
			 "unknown option '%.*s' (did you mean '--%s'?)", shown,
			 word, near.best);
}

static int refuse_value(const char *const *words, const char *value,
			struct err *err)
{
	struct closest near = { .word = value };
	char all[128] = "";
	size_t len = 0;

	for (; *words; words++) {
		closest_try(&near, *words);
		if (len < sizeof(all))
			len += (size_t)snprintf(all + len, sizeof(all) - len,
						"%s%s", len ? ", " : "",
						*words);
	}
	if (!near.best)
		return err_input(err, -EINVAL, "not one of %s", all);
	return err_input(err, -EINVAL, "not one of %s (did you mean '%s'?)",
			 all, near.best);
}

static int check_value(const char *const *words, const char *value,
		       struct err *err)
{
	for (const char *const *word = words; *word; word++)
		if (!strcmp(value, *word))
			return 0;
	return refuse_value(words, value, err);
}

/* Notes an option that was taken. */
static void note_option(const struct words *w, const struct cli_option *option,
			const char *value, bool unset)
{
	struct cli_givens *givens;

	if (w->command->givens == 0)
		return;
	givens = (struct cli_givens *)((char *)w->ctx + w->command->givens);
	if (givens->count < CLI_MAX_GIVEN)
		givens->given[givens->count] =
			(struct cli_given){ option, value, unset };
	givens->count++;
}

static int set_option(const struct words *w, const struct cli_option *option,
		      const char *value, struct err *err)
{
	const int r = option->set(w->ctx, option, value, err);

	if (r >= 0)
		note_option(w, option, value, false);
	return r;
}

/*
 * Takes an option with its value, if it has one: @attached, or the next word.
 * @typed: begins with the option as typed, which is of @len bytes
 */
static int take_option(struct words *w, const struct cli_option *option,
		       const char *typed, int len, const char *attached,
		       struct err *err)
{
	const char *value = attached;
	int r = 0;

	if (!option->arg || (option->optional && !value))
		return set_option(w, option, NULL, err);
	if (!value && w->next == w->argc)
		return err_input(err, -EINVAL, "%.*s needs a value", len,
				 typed);
	if (!value)
		value = w->argv[w->next++];
	if (option->words)
		r = check_value(option->words, value, err);
	if (r == 0)
		r = set_option(w, option, value, err);
	if (r < 0)
		return err_wrap(err, "%.*s %s", len, typed,
				*value ? value : "''");
	return 0;
}

/* The meaning of a long name. */
struct meaning {
	const struct cli_option *option; /* NULL: none */
	bool unset; /* it has "no-" before the option's */
};

/* Whether @name, of @len bytes, is @whole; or, if @part, begins it. */
static bool names_option(const char *name, size_t len, const char *whole,
			 bool part)
{
	/* The first letter spares most names the call, at each start. */
	return *whole == *name && !strncmp(whole, name, len) &&
	       (part || !whole[len]);
}

/* The same with "no-" before @whole, of which @part may be left. */
static bool unsets_option(const char *name, size_t len, const char *whole,
			  bool part)
{
	static const char no[] = "no-";
	const size_t prefix = sizeof(no) - 1;

	if (*name != *no)
		return false;
	if (len <= prefix)
		return part && names_option(name, len, no, true);
	return names_option(no, prefix, name, true) &&
	       names_option(name + prefix, len - prefix, whole, part);
}

static const struct cli_option *find_row(const struct cli_option *table,
					 size_t count, const char *name,
					 size_t len)
{
	for (size_t i = 0; i < count; i++)
		if (table[i].name &&
		    names_option(name, len, table[i].name, false))
			return &table[i];
	return NULL;
}

/* Finds an option by its whole name, as nearly all are given. */
static const struct cli_option *find_whole(const struct cli_command *command,
					   const char *name, size_t len)
{
	const struct cli_option *found = find_row(
		command->options, command->option_count, name, len);

	if (!found)
		found = find_row(command->more, command->more_count, name, len);
	return found ? found : find_row(&help_option, 1, name, len);
}

/*
 * Finds the meanings of a name, or of the beginning of one.
 *
 * @ret: the first two of them
 *
 * Returns how many there are; 2 for more than two.
 */
static unsigned find_meanings(const struct words *w, const char *name,
			      size_t len, bool part, struct meaning ret[2])
{
	const struct cli_command *command = w->command;
	unsigned found = 0;

	for (size_t i = 0; i < option_count(command) && found < 2; i++) {
		const struct cli_option *option = option_at(command, i);

		if (!option->name)
			continue;
		if (names_option(name, len, option->name, part))
			ret[found++] = (struct meaning){ option, false };
		else if (option->unset &&
			 unsets_option(name, len, option->name, part))
			ret[found++] = (struct meaning){ option, true };
	}
	return found;
}

/*
 * Finds what @word means, whose name is of @len bytes. Returns 0, or -EINVAL
 * if it means nothing or two things.
 */
static int find_long(const struct words *w, const char *word, size_t len,
		     struct meaning *ret, struct err *err)
{
	const char *name = word + 2;
	struct meaning found[2];
	unsigned count;

	*ret = (struct meaning){ find_whole(w->command, name, len), false };
	if (ret->option)
		return 0;
	count = find_meanings(w, name, len, false, found);
	if (count == 0 && len > 0)
		count = find_meanings(w, name, len, true, found);
	if (count == 0) {
		(void)refuse_option(w->command, word, err);
		return -EINVAL;
	}
	if (count == 2)
		return err_input(
			err, -EINVAL, "'--%.*s' could be --%s%s or --%s%s",
			(int)len, name, found[0].unset ? "no-" : "",
			found[0].option->name, found[1].unset ? "no-" : "",
			found[1].option->name);
	*ret = found[0];
	return 0;
}

static int parse_long(struct words *w, const char *word, struct err *err)
{
	const char *name = word + 2;
	const size_t len = strcspn(name, "=");
	const char *value = name[len] ? name + len + 1 : NULL;
	const struct cli_option *option;
	struct meaning meaning = { 0 };
	const int r = find_long(w, word, len, &meaning, err);

	if (r < 0)
		return r;
	option = meaning.option;
	if ((!option->arg || meaning.unset) && value)
		return err_input(err, -EINVAL, "--%s%s takes no value",
				 meaning.unset ? "no-" : "", option->name);
	if (option == &help_option)
		return 1;
	if (meaning.unset) {
		option->unset(w->ctx, option);
		note_option(w, option, NULL, true);
		return 0;
	}
	return take_option(w, option, word, (int)len + 2, value, err);
}

static const struct cli_option *find_letter(const struct cli_command *command,
					    char letter)
{
	for (size_t i = 0; i < option_count(command); i++)
		if (option_at(command, i)->letter == letter)
			return option_at(command, i);
	return NULL;
}

/* "-h", "-k FILE" or "-kFILE". No letters are bundled: only -h takes none. */
static int parse_letter(struct words *w, const char *word, struct err *err)
{
	const struct cli_option *option = find_letter(w->command, word[1]);

	/* Else -kernel would be a kernel named "ernel". */
	if (word[2] && find_whole(w->command, word + 1, strlen(word + 1)))
		option = NULL;
	if (!option || (!option->arg && word[2]))
		return refuse_option(w->command, word, err);
	if (option == &help_option)
		return 1;
	return take_option(w, option, word, 2, word[2] ? word + 2 : NULL, err);
}

int cli_parse(const struct cli_command *command, int argc, char *const argv[],
	      void *ctx, struct err *err)
{
	struct words w = { command, argc, argv, 1, ctx };
	bool options = true;
	int r = 0;

	while (w.next < argc && r == 0) {
		const char *word = argv[w.next++];

		if (options && !strcmp(word, "--"))
			options = false;
		else if (options && !strncmp(word, "--", 2))
			r = parse_long(&w, word, err);
		else if (options && word[0] == '-' && word[1])
			r = parse_letter(&w, word, err);
		else if (command->word) {
			r = command->word(ctx, word, err);
			options = options && !command->word_ends;
		} else
			r = err_input(err, -EINVAL,
				      "'%s': %s takes no such word", word,
				      command->name);
	}
	if (r <= 0)
		return r;
	r = cli_help(command, err);
	return r < 0 ? r : 1;
}

static const char *option_separator(const struct cli_option *option)
{
	if (!option->arg)
		return "";
	return option->optional ? "[=" : " ";
}

static void print_option(const struct cli_option *option)
{
	const char *line = option->help;
	int width = 0;

	if (!option->name) {
		(void)printf("\n%s:\n", option->help);
		return;
	}
	if (option->letter)
		width = printf("  -%c, ", option->letter);
	else
		width = printf("      ");
	width += printf("--%s%s%s%s", option->name, option_separator(option),
			option->arg ? option->arg : "",
			option->optional ? "]" : "");
	if (width > COLUMN - 2) {
		(void)printf("\n");
		width = 0;
	}
	while (line) {
		const size_t len = strcspn(line, "\n");

		(void)printf("%*s%.*s\n", COLUMN - width, "", (int)len, line);
		line = line[len] ? line + len + 1 : NULL;
		width = 0;
	}
}

int cli_help(const struct cli_command *command, struct err *err)
{
	(void)printf("Usage: vmm %s%s%s\n%s.\n", command->name,
		     command->usage ? " " : "",
		     command->usage ? command->usage : "", command->summary);
	if (!command->option_count || command->options[0].name)
		(void)printf("\n");
	for (size_t i = 0; i < option_count(command); i++)
		print_option(option_at(command, i));
	if (command->notes)
		(void)printf("\n%s", command->notes);
	return cli_flush(err);
}

int cli_flush(struct err *err)
{
	if (fflush(stdout) || ferror(stdout))
		return err_sys(err, "standard output");
	return 0;
}

int cli_print_json(const json_t *json, bool line, struct err *err)
{
	if (json_dumpf(json, stdout, line ? 0 : JSON_INDENT(2)) < 0)
		return err_sys(err, "standard output");
	(void)putchar('\n');
	return cli_flush(err);
}
