/* vmm/control/outbox.c - JSON messages on their way to a socket. */
#include "vmm/control/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define FIRST_SPACE 1024

/* Makes room behind what is there. */
static int reserve_outbox(struct outbox *out, size_t len)
{
	size_t space = out->space ? out->space : FIRST_SPACE;
	char *text;

	if (out->start > 0)
		memmove(out->text, out->text + out->start, out->len);
	out->start = 0;
	while (space - out->len < len)
		space *= 2;
	if (space == out->space)
		return 0;
	text = realloc(out->text, space);
	if (!text)
		return -ENOMEM;
	out->text = text;
	out->space = space;
	return 0;
}

static int append_outbox(const char *text, size_t len, void *ctx)
{
	struct outbox *out = ctx;

	if (out->space - out->start - out->len < len &&
	    reserve_outbox(out, len) < 0)
		return -1;
	memcpy(out->text + out->start + out->len, text, len);
	out->len += len;
	return 0;
}

int outbox_add(struct outbox *out, const json_t *message)
{
	if (!message ||
	    json_dump_callback(message, append_outbox, out, JSON_ENSURE_ASCII) <
		    0 ||
	    append_outbox("\r\n", 2, out) < 0)
		return -ENOMEM;
	return 0;
}

int outbox_send(struct outbox *out, int fd)
{
	while (out->len > 0) {
		const ssize_t n = send(fd, out->text + out->start, out->len,
				       MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			out->start += (size_t)n;
			out->len -= (size_t)n;
		}
	}
	out->start = 0;
	return 0;
}

void outbox_finish(struct outbox *out)
{
	free(out->text);
	*out = (struct outbox){ 0 };
}
