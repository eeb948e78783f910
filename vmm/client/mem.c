/* vmm/client/mem.c - vmm mem. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "vmm/client/client.h"
#include "vmm/client/commands.h"
#include "vmm/client/mem_dirty_rate.h"
#include "vmm/client/mem_pageout.h"
#include "vmm/client/mem_picture.h"
#include "vmm/client/mem_size.h"
#include "vmm/client/words.h"
#include "vmm/control/qmp.h"

#define MAP_CELLS 1024
#define SVG_CELLS (MEM_SVG_ROW * 32)

struct mem_words {
	struct client_words client;
	bool map;
	const char *svg; /* path; NULL: none */
	struct client_watch watch;
	struct mem_pageout pageout;
	uint64_t dirty_rate_ns; /* for how long; 0: not wanted */
	uint64_t size; /* that the guest is to have; 0: not given */
};

static int set_pageout(void *ctx, const struct cli_option *option,
		       const char *value, struct err *err)
{
	(void)option;
	return mem_pageout_parse(&((struct mem_words *)ctx)->pageout, value,
				 err);
}

static int set_mem_size(void *ctx, const struct cli_option *option,
			const char *value, struct err *err)
{
	(void)option;
	return mem_size_parse(value, &((struct mem_words *)ctx)->size, err);
}

static int set_dirty_rate(void *ctx, const struct cli_option *option,
			  const char *value, struct err *err)
{
	struct mem_words *words = ctx;

	(void)option;
	words->dirty_rate_ns = DIRTY_RATE_NS;
	return value ? mem_dirty_rate_parse(value, &words->dirty_rate_ns, err)
		     : 0;
}

/* The name, and behind it, for --dirty-rate, the time. */
static int set_mem_word(void *ctx, const char *word, struct err *err)
{
	struct mem_words *words = ctx;
	int r;

	if (!words->client.name || !words->dirty_rate_ns)
		return client_set_name(ctx, word, err);
	r = mem_dirty_rate_parse(word, &words->dirty_rate_ns, err);
	return r < 0 ? err_wrap(err, "'%s'", word) : 0;
}

// clang-format off
static const struct cli_option mem_options[] = {
	{ .name = "map", .letter = 'm',
	  .help = "draw it, a letter for each so many bytes",
	  .set = cli_set_true, .offset = offsetof(struct mem_words, map) },
	{ .name = "svg", .arg = "FILE", .help = "write it as a picture",
	  .set = cli_set_string, .offset = offsetof(struct mem_words, svg) },
	CLIENT_WATCH(struct mem_words, "look again each second"),
	{ .name = "size", .arg = "SIZE",
	  .help = "have the guest grow or shrink to SIZE, as far as\n"
		  "'vmm run --mem SIZE,max=SIZE' lets it",
	  .set = set_mem_size },
	{ .name = "pageout", .arg = "REGION|cold[:DURATION]", .optional = true,
	  .help = "have the host swap it out: all, a region, or what\n"
		  "is not used for so long (default 10s)",
	  .set = set_pageout },
	{ .name = "dirty-rate", .arg = "SECONDS", .optional = true,
	  .help = "measure how many pages change in a second, for\n"
		  "so long (default 1)",
	  .set = set_dirty_rate },
	CLIENT_JSON,
};
// clang-format on

const struct cli_command mem_command = {
	.name = "mem",
	.summary = "Show a guest's memory: what is where, and what is resident",
	.usage = "[OPTION]... NAME [SECONDS]",
	.options = mem_options,
	.option_count = sizeof(mem_options) / sizeof(*mem_options),
	.word = set_mem_word,
	.notes = "Colours are for a terminal, without NO_COLOR in the "
		 "environment. With --watch\n"
		 "--json is one JSON object to a line, and --svg writes the "
		 "picture again.\n",
};

static size_t terminal_columns(void)
{
	struct winsize size = { 0 };

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
		return 80;
	return size.ws_col;
}

static bool wants_colour(void)
{
	/* No thread sets it. NOLINTNEXTLINE(concurrency-mt-unsafe) */
	const char *no = getenv("NO_COLOR");

	return (!no || !*no) && isatty(STDOUT_FILENO);
}

static int print_mem_json(FILE *out, const struct mem_view *view,
			  const struct client *client, bool line,
			  struct err *err)
{
	json_auto_t *all = json_pack("{s:o, s:i, s:O}", "name",
				     qmp_string(client->name), "pid",
				     (int)client->pid, "regions", view->told);

	if (all && view->merged_known)
		(void)json_object_set_new(
			all, "merged", json_integer((json_int_t)view->merged));
	if (!all || json_dumpf(all, out, line ? 0 : JSON_INDENT(2)) < 0)
		return err_set(err, -ENOMEM, "%s: out of memory", client->name);
	(void)fputc('\n', out);
	return 0;
}

static int write_svg(const char *path, const struct mem_view *view,
		     const char *name, struct err *err)
{
	_cleanup_(freep) char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return err_set(err, -ENOMEM, "%s: out of memory", path);
	mem_svg_draw(out, view, name);
	if (fclose(out) != 0)
		return err_set(err, -ENOMEM, "%s: out of memory", path);
	return file_write_all(path, FILE_FOR_ALL, text, len, err);
}

/* @first: of a watch: nothing is there that it would follow */
static int print_view(FILE *out, const struct mem_view *view,
		      const struct client *client,
		      const struct mem_words *words, bool first,
		      struct err *err)
{
	if (words->client.json)
		return print_mem_json(out, view, client, words->watch.on, err);
	/* A terminal shows the last look alone. */
	if (words->watch.on && isatty(STDOUT_FILENO))
		(void)fputs("\033[H\033[2J", out);
	else if (!first)
		(void)fputc('\n', out);
	if (words->map)
		mem_map_draw(out, view, mem_map_row(view, terminal_columns()),
			     wants_colour());
	else
		mem_table(out, view);
	return 0;
}

/* At once, so that a terminal does not flicker. */
static int print_mem(const struct mem_view *view, const struct client *client,
		     const struct mem_words *words, bool first, struct err *err)
{
	_cleanup_(freep) char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	int r;

	if (!out)
		return err_set(err, -ENOMEM, "%s: out of memory", client->name);
	r = print_view(out, view, client, words, first, err);
	if (fclose(out) != 0 && r == 0)
		r = err_set(err, -ENOMEM, "%s: out of memory", client->name);
	if (r < 0)
		return r;
	(void)fwrite(text, 1, len, stdout);
	return cli_flush(err);
}

static int show_mem(const struct mem_view *view, const struct client *client,
		    const struct mem_words *words, bool first, struct err *err)
{
	const bool text = words->map || words->client.json || !words->svg;
	int r = 0;

	if (words->svg)
		r = write_svg(words->svg, view, client->name, err);
	return r == 0 && text ? print_mem(view, client, words, first, err) : r;
}

static int look_at_mem(struct client *client, const struct mem_words *words,
		       bool first, struct err *err)
{
	_cleanup_(mem_view_finish) struct mem_view view = { 0 };
	const size_t cells = words->svg ? SVG_CELLS
			   : words->map ? MAP_CELLS
					: 0;
	sigset_t interrupts, before;
	int r = mem_view_ask(&view, client, cells, err);

	if (r < 0)
		return r;
	/* Nothing is left half written. */
	(void)sigemptyset(&interrupts);
	(void)sigaddset(&interrupts, SIGINT);
	(void)pthread_sigmask(SIG_BLOCK, &interrupts, &before);
	r = show_mem(&view, client, words, first, err);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

/* Ctrl-C is how a watch is meant to end. */
static void on_interrupt(int number)
{
	(void)number;
	_exit(0);
}

static int watch_mem(struct client *client, const struct mem_words *words,
		     struct err *err)
{
	const struct sigaction action = { .sa_handler = on_interrupt };
	int r;

	(void)sigaction(SIGINT, &action, NULL);
	for (bool first = true;; first = false) {
		r = look_at_mem(client, words, first, err);
		if (r == -ECONNRESET && !first) {
			(void)dprintf(STDERR_FILENO, "%s\n", err->msg);
			return 0;
		}
		if (r < 0)
			return r;
		client_watch_wait(&words->watch);
	}
}

/* Refuses words that contradict each other. */
static int check_words(const struct mem_words *words, struct err *err)
{
	const bool seen = words->map || words->svg || words->watch.on;

	if (words->map && words->client.json)
		return err_input(err, -EINVAL,
				 "--map and --json: one of the two");
	if (words->pageout.on && seen)
		return err_input(err, -EINVAL,
				 "--pageout and %s: one of the two",
				 words->map   ? "--map"
				 : words->svg ? "--svg"
					      : "--watch");
	if (words->dirty_rate_ns && seen)
		return err_input(err, -EINVAL,
				 "--dirty-rate is not drawn, and not watched");
	if (words->size && (seen || words->client.json || words->pageout.on ||
			    words->dirty_rate_ns))
		return err_input(err, -EINVAL,
				 "--size goes alone: it shows nothing");
	if (words->pageout.on && words->dirty_rate_ns)
		return err_input(err, -EINVAL,
				 "--pageout and --dirty-rate: one of the two");
	return 0;
}

int mem_main(int argc, char *const argv[], int *ret_status, struct err *err)
{
	_cleanup_(client_close) struct client client = { .fd = -1 };
	struct mem_words words = { 0 };
	int r;

	(void)ret_status;
	r = client_parse(&mem_command, argc, argv, &words.client, err);
	if (r != 0)
		return r;
	r = check_words(&words, err);
	if (r == 0)
		r = client_open(&client, words.client.name, CLIENT_PATIENCE_MS,
				err);
	if (r < 0)
		return r;
	if (words.size)
		return mem_size_run(&client, words.size, err);
	if (words.pageout.on)
		return mem_pageout_run(&client, &words.pageout,
				       words.client.json, err);
	if (words.dirty_rate_ns)
		return mem_dirty_rate(&client, words.dirty_rate_ns,
				      words.client.json, err);
	return words.watch.on ? watch_mem(&client, &words, err)
			      : look_at_mem(&client, &words, true, err);
}
