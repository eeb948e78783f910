/* host/port_tty.c - two ports whose other end is the terminal. */
#include "host/port_tty.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

static struct port_tty *port_tty_of_user(struct tty_user *user)
{
	return container_of(user, struct port_tty, user);
}

static size_t port_tty_room(struct tty_user *user)
{
	return PORT_TTY_TYPED - port_tty_of_user(user)->len;
}

static void port_tty_typed(struct tty_user *user, const uint8_t *buf,
			   size_t len)
{
	struct port_tty *port = port_tty_of_user(user);

	memcpy(port->typed + port->len, buf, len);
	port->len += len;
	port->reader->arrived(port->reader);
}

static void port_tty_drained(struct tty_user *user)
{
	struct port_tty *port = port_tty_of_user(user);

	if (port->writer)
		port->writer->drained(port->writer);
}

static void port_tty_resized(struct tty_user *user, struct tty_size size)
{
	struct port_tty *port = port_tty_of_user(user);

	port->resized(port->ctx, size);
}

static int attach_typed(struct port *base, struct loop *loop,
			struct port_user *user, struct err *err)
{
	struct port_tty *port = container_of(base, struct port_tty, in);
	const int r = tty_new(&port->tty, loop, STDIN_FILENO, STDOUT_FILENO,
			      port->escape, err);

	if (r < 0)
		return r;
	port->reader = user;
	port->user = (struct tty_user){
		.lock = user->lock,
		.room = port_tty_room,
		.input = port_tty_typed,
		.drained = port_tty_drained,
		.resized = port_tty_resized,
	};
	tty_attach(port->tty, &port->user);
	return 0;
}

static void detach_typed(struct port *base)
{
	struct port_tty *port = container_of(base, struct port_tty, in);

	if (port->tty)
		tty_attach(port->tty, NULL);
	port->tty = tty_free(port->tty);
}

static ssize_t receive_typed(struct port *base, uint8_t *buf, size_t len)
{
	struct port_tty *port = container_of(base, struct port_tty, in);

	if (len > port->len)
		len = port->len;
	memcpy(buf, port->typed, len);
	port->len -= len;
	memmove(port->typed, port->typed + len, port->len);
	if (len > 0)
		tty_room(port->tty);
	return (ssize_t)len;
}

static ssize_t refuse_output(struct port *base, const uint8_t *buf, size_t len)
{
	(void)base;
	(void)buf;
	return (ssize_t)len;
}

static void typed_opened(struct port *base, bool open)
{
	(void)base;
	(void)open;
}

static int attach_shown(struct port *base, struct loop *loop,
			struct port_user *user, struct err *err)
{
	(void)loop;
	(void)err;
	container_of(base, struct port_tty, out)->writer = user;
	return 0;
}

static void detach_shown(struct port *base)
{
	container_of(base, struct port_tty, out)->writer = NULL;
}

static ssize_t receive_nothing(struct port *base, uint8_t *buf, size_t len)
{
	(void)base;
	(void)buf;
	(void)len;
	return 0;
}

static ssize_t send_shown(struct port *base, const uint8_t *buf, size_t len)
{
	struct port_tty *port = container_of(base, struct port_tty, out);

	return (ssize_t)(port->tty ? tty_write(port->tty, buf, len) : len);
}

static void shown_opened(struct port *base, bool open)
{
	struct port_tty *port = container_of(base, struct port_tty, out);

	port->open = open;
	if (!open)
		port->closed(port->ctx);
}

static const struct port_ops typed_ops = {
	.attach = attach_typed,
	.detach = detach_typed,
	.receive = receive_typed,
	.send = refuse_output,
	.opened = typed_opened,
};

static const struct port_ops shown_ops = {
	.attach = attach_shown,
	.detach = detach_shown,
	.receive = receive_nothing,
	.send = send_shown,
	.opened = shown_opened,
};

void port_tty_init(struct port_tty *ret)
{
	*ret = (struct port_tty){
		.in = { .ops = &typed_ops, .name = "stdin" },
		.out = { .ops = &shown_ops, .name = "stdout" },
	};
}
