/* vmm/machine/prealloc.c - takes all of the memory that --mem wants taken at
 * once. */
#include "vmm/machine/prealloc.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/signal_fd.h"
#include "mem/populate.h"

#define TICK_MS 100
#define QUIET_TICKS 3 /* before the bar is shown */
#define BAR 30 /* cells of it */

struct bar {
	int fd; /* -1: none */
	unsigned ticks;
	bool shown;
};

static void show_bar(struct bar *bar, const struct populate *p)
{
	const uint64_t done = populate_done(p) >> 20;
	const uint64_t total = populate_total(p) >> 20;
	char cells[BAR + 1];

	if (bar->fd < 0 || ++bar->ticks < QUIET_TICKS)
		return;
	for (unsigned i = 0; i < BAR; i++)
		cells[i] = done * BAR > i * total ? '#' : ' ';
	cells[BAR] = '\0';
	(void)dprintf(bar->fd,
		      "\rmemory [%s] %" PRIu64 " of %" PRIu64 " MiB\033[K",
		      cells, done, total);
	bar->shown = true;
}

static void clear_bar(const struct bar *bar)
{
	if (bar->shown)
		(void)dprintf(bar->fd, "\r\033[K");
}

/* Waits for the end. Returns 0, a signal's number, or a negative errno. */
static int wait_end(struct populate *p, int signals, struct bar *bar,
		    struct err *err)
{
	struct pollfd fds[] = {
		{ .fd = populate_fd(p), .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
	};

	for (;;) {
		const int n = poll(fds, 2, bar->fd < 0 ? -1 : TICK_MS);
		int signal;

		if (n < 0 && errno != EINTR)
			return err_sys(err, "poll");
		if (n > 0 && fds[0].revents)
			return 0;
		signal = n > 0 && fds[1].revents ? signal_fd_take(signals) : 0;
		if (signal > 0)
			return signal;
		show_bar(bar, p);
	}
}

int prealloc(const struct mem_map *map, int signals, int terminal,
	     struct err *err)
{
	struct bar bar = { .fd = terminal };
	struct populate *p;
	struct err late = { 0 };
	int r;
	int end;

	r = populate_start(&p, map, err);
	if (r < 0 || !p)
		return r;
	r = wait_end(p, signals, &bar, err);
	if (r != 0)
		populate_stop(p);
	end = populate_finish(p, &late);
	clear_bar(&bar);
	if (r == 0 && end < 0) {
		*err = late;
		r = end;
	}
	return r;
}
