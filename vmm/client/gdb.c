/* vmm/client/gdb.c - vmm gdb. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "vmm/client/client.h"
#include "vmm/client/commands.h"
#include "vmm/client/words.h"

const struct cli_command gdb_command = {
	.name = "gdb",
	.summary = "Connect gdb with a guest",
	.usage = "NAME",
	.word = client_set_name,
	.notes = "Speaks gdb's remote protocol on its standard input and "
		 "output. In gdb:\n"
		 "  target remote | vmm gdb NAME\n"
		 "  target remote | ssh HOST vmm gdb NAME\n"
		 "The guest stands until gdb continues it, and goes on when "
		 "gdb leaves.\n",
};

/* Writes all. Returns false if the other side is gone. */
static bool write_gdb_bytes(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		const ssize_t n = write(fd, bytes, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

/* Passes on what is there. Returns false at the end. */
static bool pass_gdb_bytes(int from, int to)
{
	char bytes[4096];
	const ssize_t n = read(from, bytes, sizeof(bytes));

	if (n < 0 && errno == EINTR)
		return true;
	return n > 0 && write_gdb_bytes(to, bytes, (size_t)n);
}

/* Between gdb and the machine, until one of them leaves. */
static int relay_gdb(int machine, struct err *err)
{
	struct pollfd p[] = { { .fd = STDIN_FILENO, .events = POLLIN },
			      { .fd = machine, .events = POLLIN } };

	for (;;) {
		if (poll(p, 2, -1) < 0) {
			if (errno == EINTR)
				continue;
			return err_sys(err, "poll");
		}
		if (p[0].revents && !pass_gdb_bytes(STDIN_FILENO, machine))
			return 0;
		if (p[1].revents && !pass_gdb_bytes(machine, STDOUT_FILENO))
			return 0;
	}
}

int gdb_main(int argc, char *const argv[], int *ret_status, struct err *err)
{
	_cleanup_(client_close) struct client client = { .fd = -1 };
	struct client_words words = { 0 };
	int r = client_parse(&gdb_command, argc, argv, &words, err);

	(void)ret_status;
	if (r != 0)
		return r;
	r = client_open(&client, words.name, CLIENT_PATIENCE_MS, err);
	if (r == 0)
		r = client_run(&client, "x-vmm-gdb-attach", NULL, NULL, err);
	if (r == 0)
		r = client_end_line(&client, err);
	if (r < 0)
		return r;
	(void)signal(SIGPIPE, SIG_IGN);
	/* gdb takes Ctrl-C itself, and asks the guest to stop. */
	(void)signal(SIGINT, SIG_IGN);
	return relay_gdb(client.fd, err);
}
