/* vmm/test/link.c - the port over which vmm and the guest's init speak. */
#include "vmm/test/link.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

static struct link *link_of(struct port *port)
{
	return container_of(port, struct link, port);
}

static int link_attach(struct port *port, struct loop *loop,
		       struct port_user *user, struct err *err)
{
	(void)loop;
	(void)err;
	link_of(port)->user = user;
	return 0;
}

static void link_detach(struct port *port)
{
	link_of(port)->user = NULL;
}

static ssize_t link_receive(struct port *port, uint8_t *buf, size_t len)
{
	struct link *link = link_of(port);

	if (len > link->out_len)
		len = link->out_len;
	memcpy(buf, link->out, len);
	link->out_len -= len;
	memmove(link->out, link->out + len, link->out_len);
	return (ssize_t)len;
}

static ssize_t link_send(struct port *port, const uint8_t *buf, size_t len)
{
	struct link *link = link_of(port);

	for (size_t i = 0; i < len; i++) {
		if (buf[i] != '\n') {
			if (link->len < LINK_LINE - 1)
				link->line[link->len++] = (char)buf[i];
			continue;
		}
		link->line[link->len] = '\0';
		link->len = 0;
		link->said(link->ctx, link->line);
	}
	return (ssize_t)len;
}

static void link_opened(struct port *port, bool open)
{
	(void)port;
	(void)open;
}

static const struct port_ops link_ops = {
	.attach = link_attach,
	.detach = link_detach,
	.receive = link_receive,
	.send = link_send,
	.opened = link_opened,
};

void link_init(struct link *ret, void (*said)(void *ctx, const char *line),
	       void *ctx)
{
	*ret = (struct link){
		.port = { .ops = &link_ops, .name = "control" },
		.said = said,
		.ctx = ctx,
	};
}

void link_say(struct link *link, const char *format, ...)
{
	char line[LINK_LINE];
	va_list ap;
	size_t len;

	va_start(ap, format);
	(void)vsnprintf(line, sizeof(line) - 1, format, ap);
	va_end(ap);
	len = strlen(line);
	line[len++] = '\n';
	if (len > LINK_OUT - link->out_len)
		return;
	memcpy(link->out + link->out_len, line, len);
	link->out_len += len;
	if (link->user)
		link->user->arrived(link->user);
}
