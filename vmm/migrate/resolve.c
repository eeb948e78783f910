/* vmm/migrate/resolve.c - the addresses of a host. */
#include "vmm/migrate/resolve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/aside.h"
#include "base/cleanup.h"
#include "base/clock.h"

/* getaddrinfo(3), which nothing interrupts. */
struct question {
	struct aside aside;
	char *host, *port; /* owned */
	int flags;
	struct addrinfo *found; /* owned */
	int code;
};

static void ask_for_host(struct aside *aside)
{
	struct question *q = container_of(aside, struct question, aside);
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
					.ai_flags = AI_NUMERICSERV | q->flags };

	q->code = getaddrinfo(q->host, q->port, &hints, &q->found);
}

static void free_question(struct aside *aside)
{
	struct question *q = container_of(aside, struct question, aside);

	if (q->found)
		freeaddrinfo(q->found);
	free(q->host);
	free(q->port);
	free(q);
}

static struct question *make_question(const char *host, const char *port,
				      int flags)
{
	struct question *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->aside = (struct aside)ASIDE(ask_for_host, free_question);
	q->host = strdup(host);
	q->port = strdup(port);
	q->flags = flags;
	if (q->host && q->port)
		return q;
	free_question(&q->aside);
	return NULL;
}

static uint64_t patience_end(const struct channel *wait)
{
	const uint64_t patience =
		wait->patience_ms < 0
			? 0
			: clock_ns() + (uint64_t)wait->patience_ms * NS_PER_MS;

	if (!patience || (wait->deadline && wait->deadline < patience))
		return wait->deadline;
	return patience;
}

struct addrinfo *resolve_host(const char *host, const char *port, int flags,
			      const struct channel *wait, struct err *err)
{
	struct question *q = make_question(host, port, flags);
	struct addrinfo *found = NULL;
	int r;

	if (!q) {
		(void)err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	r = aside_start(&q->aside, err);
	if (r == 0)
		r = aside_wait(&q->aside, wait->stop, patience_end(wait), err);
	if (r == 0 && q->code != 0)
		r = err_input(err, -EHOSTUNREACH, "%s", gai_strerror(q->code));
	if (r == 0)
		found = TAKE_PTR(q->found);
	else
		(void)err_wrap(err, "tcp:%s:%s", host, port);
	aside_leave(&q->aside);
	return found;
}
