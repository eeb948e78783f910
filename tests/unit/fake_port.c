/* tests/unit/fake_port.c - a port whose other end is a test. */
#include "tests/unit/fake_port.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"

static struct fake_port *fake_port_of(struct port *port)
{
	return container_of(port, struct fake_port, port);
}

static int fake_port_attach(struct port *port, struct loop *loop,
			    struct port_user *user, struct err *err)
{
	(void)loop;
	(void)err;
	fake_port_of(port)->user = user;
	return 0;
}

static void fake_port_detach(struct port *port)
{
	fake_port_of(port)->user = NULL;
}

static ssize_t fake_port_receive(struct port *port, uint8_t *buf, size_t len)
{
	struct fake_port *fake = fake_port_of(port);
	const size_t n = len < fake->left ? len : fake->left;

	if (n == 0)
		return fake->ended ? -EPIPE : 0;
	memcpy(buf, fake->input, n);
	fake->input += n;
	fake->left -= n;
	return (ssize_t)n;
}

static ssize_t fake_port_send(struct port *port, const uint8_t *buf, size_t len)
{
	struct fake_port *fake = fake_port_of(port);
	const size_t n = len < fake->takes ? len : fake->takes;

	if (fake->gone)
		return -EPIPE;
	for (size_t i = 0; i < n && fake->total + i < sizeof(fake->out); i++)
		fake->out[fake->total + i] = (char)buf[i];
	fake->total += n;
	fake->takes -= n;
	return (ssize_t)n;
}

static void fake_port_opened(struct port *port, bool open)
{
	struct fake_port *fake = fake_port_of(port);

	fake->open = open;
	if (open)
		fake->opens++;
	else
		fake->closes++;
	if (!open)
		fake->at_close = fake->total;
}

static const struct port_ops fake_port_ops = {
	.attach = fake_port_attach,
	.detach = fake_port_detach,
	.receive = fake_port_receive,
	.send = fake_port_send,
	.opened = fake_port_opened,
};

void fake_port_init(struct fake_port *fake, const char *name)
{
	memset(fake, 0, sizeof(*fake));
	fake->port = (struct port){ .ops = &fake_port_ops, .name = name };
	fake->takes = SIZE_MAX;
}

void fake_port_type(struct fake_port *fake, const char *text)
{
	GUARD(fake->user->lock);
	fake->input = text;
	fake->left = strlen(text);
	fake->user->arrived(fake->user);
}
