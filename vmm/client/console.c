/* vmm/client/console.c - vmm console. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "devices/tty_end.h"
#include "devices/tty_key.h"
#include "vmm/client/client.h"
#include "vmm/client/commands.h"
#include "vmm/client/words.h"

struct console_words {
	struct client_words client;
	bool force;
};

// clang-format off
static const struct cli_option console_options[] = {
	{ .name = "force", .letter = 'f',
	  .help = "take the console from who has it",
	  .set = cli_set_true,
	  .offset = offsetof(struct console_words, force) },
};
// clang-format on

const struct cli_command console_command = {
	.name = "console",
	.summary = "Be the console of a guest",
	.usage = "[OPTION]... NAME",
	.options = console_options,
	.option_count = sizeof(console_options) / sizeof(*console_options),
	.word = client_set_name,
	.notes = "Of one that was started with 'vmm run --terminal socket'. "
		 "On a terminal,\n"
		 "Ctrl-a x leaves the guest alone again, Ctrl-a h tells the "
		 "other keys.\n",
};

/* Between the terminal, or what else there is, and the guest. */
struct pump {
	int fd; /* borrowed: the connection */
	int signals; /* owned: a signalfd */
	bool terminal; /* on the standard input: keys have meanings */
	bool escape; /* state of tty_key() */
	bool typing; /* the standard input has not ended */
	bool over;
	int status;
	size_t len; /* bytes of buf that are not sent yet */
	uint8_t buf[1024];
};

static void pump_finish(struct pump *pump)
{
	fd_closep(&pump->signals);
}

/* They come by a descriptor, so that the terminal is restored first. */
static int catch_signals(struct pump *pump, struct err *err)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGQUIT);
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	pump->signals = signalfd(-1, &set, SFD_CLOEXEC);
	return pump->signals < 0 ? err_sys(err, "signalfd") : 0;
}

static int write_all(const char *buf, size_t len, struct err *err)
{
	while (len > 0) {
		const ssize_t n = write(STDOUT_FILENO, buf, len);

		if (n < 0 && errno != EINTR)
			return err_sys(err, "standard output");
		if (n > 0) {
			buf += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

static int from_guest(struct pump *pump, struct err *err)
{
	char buf[4096];
	const ssize_t n = recv(pump->fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0)
		pump->over = true;
	return n <= 0 ? 0 : write_all(buf, (size_t)n, err);
}

/*
 * The machine knows the keys as well, and does what they mean; only to leave is
 * decided here, where it works even if the machine hangs.
 */
static bool leaves(struct pump *pump, const uint8_t *buf, size_t len)
{
	for (size_t i = 0; pump->terminal && i < len; i++) {
		uint8_t byte = buf[i];

		if (tty_key(&pump->escape, &byte) == TTY_KEY_QUIT)
			return true;
	}
	return false;
}

static int from_user(struct pump *pump, struct err *err)
{
	const ssize_t n = read(STDIN_FILENO, pump->buf, sizeof(pump->buf));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 0;
	if (n < 0 && errno != EIO) /* a terminal that is gone */
		return err_sys(err, "standard input");
	if (n <= 0) {
		pump->typing = false;
		(void)shutdown(pump->fd, SHUT_WR);
		return 0;
	}
	pump->over = leaves(pump, pump->buf, (size_t)n);
	pump->len = pump->over ? 0 : (size_t)n;
	return 0;
}

static void to_guest(struct pump *pump)
{
	const ssize_t n = send(pump->fd, pump->buf, pump->len,
			       MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n <= 0)
		return; /* that it has ended, reading tells */
	pump->len -= (size_t)n;
	memmove(pump->buf, pump->buf + n, pump->len);
}

static void take_signal(struct pump *pump)
{
	struct signalfd_siginfo info;

	if (read(pump->signals, &info, sizeof(info)) != sizeof(info))
		return;
	pump->status = 128 + (int)info.ssi_signo;
	pump->over = true;
}

static int run(struct pump *pump, struct err *err)
{
	int r = 0;

	while (r == 0 && !pump->over) {
		struct pollfd p[] = {
			{ pump->signals, POLLIN, 0 },
			{ pump->fd, POLLIN, 0 },
			{ STDIN_FILENO, POLLIN, 0 },
		};

		if (pump->len > 0)
			p[1].events |= POLLOUT;
		if (!pump->typing || pump->len > 0)
			p[2].fd = -1;
		if (poll(p, 3, -1) < 0 && errno != EINTR)
			return err_sys(err, "poll");
		if (p[0].revents)
			take_signal(pump);
		if (p[1].revents & POLLOUT)
			to_guest(pump);
		if (p[1].revents & ~POLLOUT)
			r = from_guest(pump, err);
		if (r == 0 && p[2].revents && !pump->over)
			r = from_user(pump, err);
	}
	return r;
}

static int attach(struct client *client, bool keys, bool force, struct err *err)
{
	const int r = client_run(
		client, "x-vmm-console-attach",
		json_pack("{s:b, s:b}", "keys", keys, "force", force), NULL,
		err);

	return r < 0 ? r : client_end_line(client, err);
}

/* With the terminal raw, and restored whatever happens. */
static int talk(struct client *client, struct pump *pump, struct err *err)
{
	struct tty_mode mode = { 0 };
	int r = 0;

	if (pump->terminal)
		r = tty_mode_raw(&mode, STDIN_FILENO, err);
	/* What came right behind the reply was read with it. */
	if (r == 0)
		r = write_all(client->chunk + client->at,
			      client->len - client->at, err);
	if (r == 0)
		r = run(pump, err);
	tty_mode_restore(&mode, STDIN_FILENO);
	if (pump->terminal)
		(void)fputs("\n", stderr);
	return r;
}

int console_main(int argc, char *const argv[], int *ret_status, struct err *err)
{
	_cleanup_(client_close) struct client client = { .fd = -1 };
	_cleanup_(pump_finish) struct pump pump = { .signals = -1,
						    .typing = true };
	struct console_words words = { 0 };
	int r;

	r = client_parse(&console_command, argc, argv, &words.client, err);
	if (r != 0)
		return r;
	pump.terminal = isatty(STDIN_FILENO) && tty_mode_ours(STDIN_FILENO);
	r = client_open(&client, words.client.name, CLIENT_PATIENCE_MS, err);
	if (r == 0)
		r = catch_signals(&pump, err);
	if (r == 0)
		r = attach(&client, pump.terminal, words.force, err);
	if (r < 0)
		return r;
	pump.fd = client.fd;
	if (pump.terminal)
		(void)fprintf(stderr, "The console of %s; Ctrl-a x leaves.\n",
			      client.name);
	r = talk(&client, &pump, err);
	*ret_status = pump.status;
	return r;
}
