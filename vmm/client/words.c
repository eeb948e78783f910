/* vmm/client/words.c - words that several commands take. */
#include "vmm/client/words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/size.h"
#include "base/zstd_frame.h"
#include "vmm/control/socket.h"

int client_set_name(void *ctx, const char *word, struct err *err)
{
	struct client_words *words = ctx;

	if (words->name)
		return err_input(err, -EINVAL,
				 "'%s': one virtual machine at a time", word);
	if (!*word)
		return err_input(err, -EINVAL,
				 "'': a virtual machine has a name");
	words->name = word;
	return 0;
}

int client_set_two_words(void *ctx, const char *word, struct err *err)
{
	struct client_words *words = ctx;

	if (!words->name)
		return client_set_name(ctx, word, err);
	if (words->second)
		return err_input(err, -EINVAL, "'%s': two words are all", word);
	words->second = word;
	return 0;
}

int client_absolute_path(const char *path, char **ret, struct err *err)
{
	_cleanup_(freep) char *here = NULL;

	if (path[0] == '/') {
		*ret = strdup(path);
		return *ret ? 0 : err_set(err, -ENOMEM, "out of memory");
	}
	here = realpath(".", NULL);
	if (!here)
		return err_sys(err, "working directory");
	if (asprintf(ret, "%s/%s", here, path) >= 0)
		return 0;
	*ret = NULL;
	return err_set(err, -ENOMEM, "out of memory");
}

int client_parse_level(const char *text, int *ret, struct err *err)
{
	uint64_t level;

	if (number_parse(text, &level) < 0 || level == 0 ||
	    level > ZSTD_FRAME_LEVEL_MAX)
		return err_input(err, -EINVAL,
				 "not a level: 1 (fast) to %d (small)",
				 ZSTD_FRAME_LEVEL_MAX);
	*ret = (int)level;
	return 0;
}

int client_set_nothing(void *ctx, const struct cli_option *option,
		       const char *value, struct err *err)
{
	(void)ctx;
	(void)option;
	(void)value;
	(void)err;
	return 0;
}

int client_set_name_option(void *ctx, const struct cli_option *option,
			   const char *value, struct err *err)
{
	(void)option;
	return client_set_name(ctx, value, err);
}

int client_each(const struct client_words *words,
		int (*act)(const char *name, void *ctx, struct err *err),
		void *ctx, struct err *err)
{
	_cleanup_(control_names_finish) struct control_names all = { 0 };
	int first, r;

	if (!words->all)
		return act(words->name, ctx, err);
	first = control_names(&all, err);
	for (size_t i = 0; i < all.count; i++) {
		struct err one = { 0 };

		r = act(all.name[i], ctx, &one);
		if (r >= 0 || r == -ENOENT)
			continue;
		if (first < 0) {
			log_error("%s", one.msg);
			continue;
		}
		first = r;
		*err = one;
	}
	return first;
}

int client_parse(const struct cli_command *command, int argc,
		 char *const argv[], struct client_words *words,
		 struct err *err)
{
	const int r = cli_parse(command, argc, argv, words, err);

	if (r == 0 && words->all && words->name)
		return err_input(err, -EINVAL,
				 "--all: '%s' is a virtual machine alone",
				 words->name);
	if (r == 0 && !words->name && !words->all)
		return err_input(err, -EINVAL,
				 "%s needs the name of a virtual machine "
				 "('vmm list' tells them)",
				 command->name);
	return r;
}

/* How long to wait: not for nothing. */
static int parse_wait(const char *value, uint64_t *ret_ns, struct err *err)
{
	const int r = duration_parse(value, ret_ns);

	if (r == -EINVAL)
		return err_input(err, r, "not a duration, as in 2s or 500ms");
	if (r < 0)
		return err_input(err, -ERANGE, "too long");
	if (*ret_ns == 0)
		return err_input(err, -ERANGE, "longer than nothing");
	return 0;
}

void client_add_ms(json_t *args, const char *name, uint64_t ns)
{
	if (args && ns > 0)
		(void)json_object_set_new(
			args, name,
			json_integer((json_int_t)((ns + NS_PER_MS - 1) /
						  NS_PER_MS)));
}

int client_set_interval(void *ctx, const struct cli_option *option,
			const char *value, struct err *err)
{
	struct client_watch *watch = (void *)((char *)ctx + option->offset);

	watch->on = true;
	return parse_wait(value, &watch->ns, err);
}

int client_set_duration(void *ctx, const struct cli_option *option,
			const char *value, struct err *err)
{
	return parse_wait(value, (void *)((char *)ctx + option->offset), err);
}

void client_watch_wait(const struct client_watch *watch)
{
	const uint64_t ns = watch->ns ? watch->ns : NS_PER_SECOND;
	const struct timespec t = { .tv_sec = (time_t)(ns / NS_PER_SECOND),
				    .tv_nsec = (long)(ns % NS_PER_SECOND) };

	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

int client_set_timeout(void *ctx, const struct cli_option *option,
		       const char *value, struct err *err)
{
	struct client_timeout *timeout = (void *)((char *)ctx + option->offset);
	uint64_t ns;
	const int r = parse_wait(value, &ns, err);

	if (r < 0)
		return r;
	if (ns / NS_PER_MS >= INT32_MAX)
		return err_input(err, -ERANGE, "too long");
	timeout->text = value;
	timeout->ms = (int)((ns + NS_PER_MS - 1) / NS_PER_MS);
	return 0;
}
