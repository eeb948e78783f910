/* host/port_fd.c - a port whose other end is a descriptor of this process. */
#include "host/port_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>

#include "base/cleanup.h"

static struct port_fd *port_fd_of(struct port *port)
{
	return container_of(port, struct port_fd, port);
}

static void port_fd_ready(struct loop_watch *watch, uint32_t events)
{
	struct port_fd *port = container_of(watch, struct port_fd, watch);

	(void)events;
	if (port->in)
		port->user->arrived(port->user);
	else
		port->user->drained(port->user);
}

static void port_fd_detach(struct port *base)
{
	struct port_fd *port = port_fd_of(base);

	if (port->loop)
		loop_remove(port->loop, &port->watch);
	port->loop = NULL;
	tty_end_close(&port->end);
}

/* Edge-triggered: what is left over stays until the guest asks again, and a
 * pipe without a writer is told of once. */
static int port_fd_attach(struct port *base, struct loop *loop,
			  struct port_user *user, struct err *err)
{
	struct port_fd *port = port_fd_of(base);
	const uint32_t events = port->in ? EPOLLIN : EPOLLOUT;
	struct err always = { 0 };
	int r;

	port->user = user;
	if (port->fd < 0)
		return 0;
	r = tty_end_open(&port->end, port->fd, port->in ? O_RDONLY : O_WRONLY,
			 err);
	if (r < 0)
		return err_wrap(err, "%s", port->port.name);
	port->watch = (struct loop_watch){ .fd = port->end.fd,
					   .lock = user->lock,
					   .ready = port_fd_ready };
	r = loop_add(loop, &port->watch, events | EPOLLET, &always);
	if (r == -EPERM) /* a file is always ready */
		return 0;
	if (r < 0) {
		*err = always;
		return err_wrap(err, "%s", port->port.name);
	}
	port->loop = loop;
	return 0;
}

static ssize_t port_fd_receive(struct port *base, uint8_t *buf, size_t len)
{
	struct port_fd *port = port_fd_of(base);
	const ssize_t n = port->in ? tty_end_read(&port->end, buf, len) : 0;

	if (n > 0)
		return n;
	return n == -EAGAIN || !port->in ? 0 : -EPIPE;
}

static ssize_t port_fd_send(struct port *base, const uint8_t *buf, size_t len)
{
	struct port_fd *port = port_fd_of(base);
	const ssize_t n = port->in ? (ssize_t)len
				   : tty_end_write(&port->end, buf, len);

	if (n >= 0)
		return n;
	port->failed = (int)-n;
	return -EPIPE;
}

static void port_fd_opened(struct port *base, bool open)
{
	struct port_fd *port = port_fd_of(base);

	port->open = open;
	if (!open && port->closed)
		port->closed(port->ctx);
}

static const struct port_ops port_fd_ops = {
	.attach = port_fd_attach,
	.detach = port_fd_detach,
	.receive = port_fd_receive,
	.send = port_fd_send,
	.opened = port_fd_opened,
};

void port_fd_init(struct port_fd *ret, const char *name, int fd, bool in)
{
	*ret = (struct port_fd){
		.port = { .ops = &port_fd_ops, .name = name },
		.fd = fd,
		.in = in,
		.end.fd = -1,
	};
}
