/* tests/unit/fake_net.c - a network that a test is. */
#include "tests/unit/fake_net.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/cleanup.h"

static struct fake_net *fake_of(struct net *net)
{
	return container_of(net, struct fake_net, net);
}

static int fake_attach(struct net *net, struct net_user *user, struct err *err)
{
	(void)err;
	fake_of(net)->user = user;
	return 0;
}

static size_t fake_receive(struct net *net, uint8_t *buf)
{
	struct fake_net *fake = fake_of(net);
	size_t len;

	if (fake->first == fake->count)
		return 0;
	len = fake->line[fake->first].len;
	memcpy(buf, &fake->line[fake->first].head, NET_HEADER);
	memset(buf + NET_HEADER, fake->line[fake->first].fill, len);
	fake->first++;
	return NET_HEADER + len;
}

static int fake_send(struct net *net, const uint8_t *buf, size_t len)
{
	struct fake_net *fake = fake_of(net);

	assert(!net->full && len > NET_HEADER && len <= NET_BUFFER);
	if (fake->fails)
		return fake->fails;
	memcpy(fake->out, buf, len);
	fake->out_len = len;
	fake->sent++;
	net->full = --fake->takes == 0;
	return 0;
}

static void fake_set_offloads(struct net *net, unsigned offloads)
{
	fake_of(net)->offloads = offloads;
}

static void fake_close(struct net *net)
{
	fake_of(net)->closed = true;
}

static const struct net_ops fake_ops = {
	.attach = fake_attach,
	.receive = fake_receive,
	.send = fake_send,
	.set_offloads = fake_set_offloads,
	.close = fake_close,
};

void fake_net_init(struct fake_net *fake, unsigned offloads)
{
	memset(fake, 0, sizeof(*fake));
	fake->takes = UINT_MAX;
	fake->net = (struct net){ .ops = &fake_ops,
				  .offloads = offloads,
				  .up = true };
}

void fake_net_put(struct fake_net *fake, size_t len, uint8_t fill)
{
	assert(fake->count < FAKE_NET_LINE && len <= NET_FRAME_MAX);
	memset(&fake->line[fake->count].head, 0, NET_HEADER);
	fake->line[fake->count].len = len;
	fake->line[fake->count++].fill = fill;
}
