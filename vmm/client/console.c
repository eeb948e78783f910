/* vmm/client/console.c - vmm console. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/signal_fd.h"
#include "host/tty_end.h"
#include "host/tty_key.h"
#include "host/tty_mode.h"
#include "host/tty_size.h"
#include "vmm/client/client.h"
#include "vmm/client/commands.h"
#include "vmm/client/console_log.h"
#include "vmm/client/words.h"
#include "vmm/control/qmp.h"

/* Time limit for telling a machine the new size. The console waits for that. */
#define SIZE_PATIENCE_MS 1000

struct console_words {
	struct client_words client;
	bool force;
	bool once;
	bool log;
};

// clang-format off
static const struct cli_option console_options[] = {
	{ .name = "force", .letter = 'f',
	  .help = "take the console from its client",
	  .set = cli_set_true,
	  .offset = offsetof(struct console_words, force) },
	{ .name = "once",
	  .help = "end when the input has, and the guest took all of it",
	  .set = cli_set_true,
	  .offset = offsetof(struct console_words, once) },
	{ .name = "log",
	  .help = "print what the files of --console-log have, and end",
	  .set = cli_set_true,
	  .offset = offsetof(struct console_words, log) },
	CLIENT_JSON,
};
// clang-format on

const struct cli_command console_command = {
	.name = "console",
	.summary = "Be the console of a guest",
	.usage = "[OPTION]... NAME",
	.options = console_options,
	.option_count = sizeof(console_options) / sizeof(*console_options),
	.word = client_set_name,
	.notes = "The guest was started with 'vmm run --terminal socket'. "
		 "On a terminal,\n"
		 "Ctrl-a x leaves the guest alone again, Ctrl-a h tells the "
		 "other keys.\n"
		 "--json tells on the standard error how it ended.\n",
};

/*
 * Between the terminal, or what else there is, and the guest. Nothing here
 * waits but poll(), so that the console can be left whatever hangs.
 */
struct pump {
	const char *name; /* borrowed: the machine's */
	int fd; /* borrowed: the connection */
	int signals; /* owned: a signalfd */
	struct tty_end keyboard; /* owned: the standard input */
	struct tty_end screen; /* owned: the standard output */
	struct tty_mode mode; /* of the terminal */
	bool terminal; /* on the standard input: keys have meanings */
	bool away; /* the terminal is with another job */
	bool escape; /* state of tty_key() */
	bool typing; /* the standard input has not ended */
	bool ended; /* the connection has */
	bool left; /* what the guest says is not shown to its end */
	int status;
	struct tty_size size; /* of the terminal; what the machine was told */
	size_t in_len; /* bytes of in, on their way to the guest */
	size_t out_at, out_len; /* of out, on its way to the standard output */
	uint8_t in[1024];
	/* At first, what came behind the reply. */
	uint8_t out[sizeof(((struct client *)0)->chunk)];
};

static void pump_finish(struct pump *pump)
{
	tty_end_close(&pump->keyboard);
	tty_end_close(&pump->screen);
	fd_closep(&pump->signals);
}

/* They come by a descriptor, so that the terminal is restored first. */
static int catch_console_signals(struct pump *pump, struct err *err)
{
	static const int caught[] = { SIGINT,  SIGTERM, SIGHUP,
				      SIGQUIT, SIGCONT, SIGWINCH };
	sigset_t set;

	(void)sigemptyset(&set);
	for (size_t i = 0; i < sizeof(caught) / sizeof(*caught); i++)
		(void)sigaddset(&set, caught[i]);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	(void)signal(SIGPIPE, SIG_IGN);
	pump->signals = signalfd(-1, &set, SFD_CLOEXEC);
	return pump->signals < 0 ? err_sys(err, "signalfd") : 0;
}

static void leave_console(struct pump *pump, int signal)
{
	pump->left = true;
	pump->status = 128 + signal;
}

/*
 * Tells the machine the terminal's size, if that has changed. This takes a
 * connection of its own, as the other one is the console. If the machine does
 * not answer, the guest does without.
 */
static void tell_size(struct pump *pump)
{
	_cleanup_(client_close) struct client client = { .fd = -1 };
	struct tty_size size = pump->size;
	struct err err = { 0 };

	if (!tty_size_get(pump->screen.fd, &size) ||
	    tty_size_equal(size, pump->size))
		return;
	pump->size = size;
	if (client_open(&client, pump->name, SIZE_PATIENCE_MS, &err) == 0)
		(void)client_run(&client, "x-vmm-console-resize",
				 json_pack("{s:i, s:i}", "columns",
					   (int)size.columns, "rows",
					   (int)size.rows),
				 NULL, &err);
}

/* In the foreground the terminal is made raw. In the background the mode and
 * the input are the other job's. */
static int look_at_terminal(struct pump *pump, struct err *err)
{
	pump->away = tty_mode_background(pump->keyboard.fd);
	if (pump->away)
		return 0;
	/* SIGWINCH goes to the foreground only. */
	tell_size(pump);
	return tty_mode_raw(&pump->mode, pump->keyboard.fd, err);
}

static void pump_take_signal(struct pump *pump)
{
	const int signal = signal_fd_take(pump->signals);

	if (signal == 0)
		return;
	/* The shell may have changed the mode; run_console() looks. */
	if (signal == SIGCONT)
		pump->away = pump->terminal;
	else if (signal == SIGWINCH)
		tell_size(pump);
	else
		leave_console(pump, signal);
}

static void from_guest(struct pump *pump)
{
	const ssize_t n = recv(pump->fd, pump->out, sizeof(pump->out),
			       MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	pump->ended = n <= 0;
	pump->out_at = 0;
	pump->out_len = n > 0 ? (size_t)n : 0;
}

static int to_user(struct pump *pump, struct err *err)
{
	const ssize_t n = tty_end_write(&pump->screen, pump->out + pump->out_at,
					pump->out_len);

	if (n == -EPIPE) {
		leave_console(pump, SIGPIPE);
	} else if (n < 0) {
		errno = (int)-n;
		return err_sys(err, "standard output");
	} else {
		pump->out_at += (size_t)n;
		pump->out_len -= (size_t)n;
	}
	return 0;
}

/*
 * The machine knows the keys as well, and does what they mean; only to leave is
 * decided here, where it works even if the machine hangs. Earlier input is
 * still passed on.
 */
static void look_for_keys(struct pump *pump, size_t from)
{
	for (size_t i = from; i < pump->in_len; i++) {
		uint8_t byte = pump->in[i];

		if (tty_key(&pump->escape, &byte) != TTY_KEY_QUIT)
			continue;
		pump->left = true;
		pump->in_len = i > 0 ? i - 1 : 0; /* without the Ctrl-a */
	}
}

/* The guest's machine learns that no more is typed. */
static void tell_console_end(const struct pump *pump)
{
	if (!pump->typing && pump->in_len == 0)
		(void)shutdown(pump->fd, SHUT_WR);
}

static int from_user(struct pump *pump, struct err *err)
{
	const size_t len = pump->in_len;
	const ssize_t n = tty_end_read(&pump->keyboard, pump->in + len,
				       sizeof(pump->in) - len);

	if (n == -EAGAIN)
		return 0;
	if (n == -EIO && pump->terminal)
		pump->away = tty_mode_background(pump->keyboard.fd);
	if (pump->away)
		return 0;
	if (n < 0 && n != -EIO) { /* EIO: a terminal that is gone */
		errno = (int)-n;
		return err_sys(err, "standard input");
	}
	if (n <= 0) {
		pump->typing = false;
		tell_console_end(pump);
		return 0;
	}
	pump->in_len += (size_t)n;
	if (pump->terminal)
		look_for_keys(pump, len);
	return 0;
}

static void to_guest(struct pump *pump)
{
	const ssize_t n = send(pump->fd, pump->in, pump->in_len,
			       MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n > 0) {
		pump->in_len -= (size_t)n;
		memmove(pump->in, pump->in + n, pump->in_len);
		tell_console_end(pump);
	} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
		/* It has ended, as reading tells. */
		pump->in_len = 0;
		pump->typing = false;
	}
}

/* Skips a descriptor without wanted events: it may have hung up. */
static struct pollfd poll_for(int fd, int events)
{
	return (struct pollfd){ events ? fd : -1, (short)events, 0 };
}

static int console_turn(struct pump *pump, struct err *err)
{
	const bool listens = !pump->ended && pump->out_len == 0;
	const bool types = pump->typing && !pump->ended && !pump->away &&
			   pump->in_len < sizeof(pump->in);
	struct pollfd p[] = {
		poll_for(pump->signals, POLLIN),
		poll_for(pump->fd, (listens ? POLLIN : 0) |
					   (pump->in_len > 0 ? POLLOUT : 0)),
		poll_for(pump->keyboard.fd, types ? POLLIN : 0),
		poll_for(pump->screen.fd, pump->out_len > 0 ? POLLOUT : 0),
	};
	int r = 0;

	if (poll(p, sizeof(p) / sizeof(*p),
		 pump->away ? TTY_MODE_LOOK_MS : -1) < 0)
		return errno == EINTR ? 0 : err_sys(err, "poll");
	if (p[0].revents)
		pump_take_signal(pump);
	if (p[1].revents && pump->in_len > 0)
		to_guest(pump);
	if (p[1].revents && listens)
		from_guest(pump);
	if (p[2].revents)
		r = from_user(pump, err);
	if (pump->left)
		to_guest(pump); /* if it goes at once */
	if (r == 0 && p[3].revents)
		r = to_user(pump, err);
	return r;
}

static int run_console(struct pump *pump, struct err *err)
{
	int r = 0;

	while (r == 0 && !pump->left && (!pump->ended || pump->out_len > 0)) {
		if (pump->away)
			r = look_at_terminal(pump, err);
		if (r == 0)
			r = console_turn(pump, err);
	}
	return r;
}

static int attach_console(struct client *client, struct pump *pump,
			  const struct console_words *words, struct err *err)
{
	json_t *args = json_pack("{s:b, s:b}", "keys", pump->terminal, "force",
				 words->force);
	int r;

	/* A terminal that does not know its size has zeroes. */
	(void)tty_size_get(pump->screen.fd, &pump->size);
	if (!tty_size_equal(pump->size, (struct tty_size){ 0 })) {
		(void)json_object_set_new(args, "columns",
					  json_integer(pump->size.columns));
		(void)json_object_set_new(args, "rows",
					  json_integer(pump->size.rows));
	}
	if (words->once) /* an older machine does not know it */
		qmp_add(&args, "once", json_true());
	r = client_run(client, "x-vmm-console-attach", args, NULL, err);
	return r < 0 ? r : client_end_line(client, err);
}

/* Why the console is no longer ours. That the guest has ended and that another
 * client took the console look the same from here. */
static const char *why_ended(const struct pump *pump)
{
	if (pump->status != 0)
		return "signal";
	return pump->left ? "left" : "hung-up";
}

/* On the standard error: the standard output is the guest's. */
static int tell_ended(const struct client *client, const struct pump *pump,
		      struct err *err)
{
	json_auto_t *line = json_pack(
		"{s:o, s:i, s:s}", "name", qmp_string(client->name), "pid",
		(int)client->pid, "ended", why_ended(pump));

	if (json_dumpf(line, stderr, 0) < 0 || fputc('\n', stderr) == EOF)
		return err_sys(err, "standard error");
	return 0;
}

/* With the terminal raw, and restored whatever happens. */
static int talk_raw(struct client *client, struct pump *pump, bool json,
		    struct err *err)
{
	int r;

	pump->fd = client->fd;
	/* What came right behind the reply was read with it. */
	pump->out_len = client->len - client->at;
	memcpy(pump->out, client->chunk + client->at, pump->out_len);
	pump->away = pump->terminal; /* until run_console() has looked */
	r = run_console(pump, err);
	tty_mode_restore(&pump->mode, pump->keyboard.fd);
	if (r == 0 && json)
		return tell_ended(client, pump, err);
	if (pump->terminal)
		(void)fputs("\n", stderr);
	return r;
}

int console_main(int argc, char *const argv[], int *ret_status, struct err *err)
{
	_cleanup_(client_close) struct client client = { .fd = -1 };
	_cleanup_(pump_finish) struct pump pump = { .signals = -1,
						    .keyboard.fd = -1,
						    .screen.fd = -1,
						    .typing = true };
	struct console_words words = { 0 };
	int r;

	r = client_parse(&console_command, argc, argv, &words.client, err);
	if (r != 0)
		return r;
	if (words.log && (words.force || words.once || words.client.json))
		return err_input(err, -EINVAL,
				 "--log prints what was said, and goes with no "
				 "other option");
	r = client_open(&client, words.client.name, CLIENT_PATIENCE_MS, err);
	if (r == 0 && words.log)
		return console_log_print(&client, err);
	if (r == 0)
		r = catch_console_signals(&pump, err);
	if (r == 0)
		r = tty_end_open(&pump.screen, STDOUT_FILENO, O_WRONLY, err);
	if (r == 0)
		r = tty_end_open(&pump.keyboard, STDIN_FILENO, O_RDONLY, err);
	pump.terminal = pump.keyboard.terminal;
	pump.name = words.client.name;
	if (r == 0)
		r = attach_console(&client, &pump, &words, err);
	if (r < 0)
		return r;
	if (pump.terminal && !words.client.json)
		(void)fprintf(stderr, "The console of %s; Ctrl-a x leaves.\n",
			      client.name);
	r = talk_raw(&client, &pump, words.client.json, err);
	*ret_status = pump.status;
	return r;
}
