/* devices/virtio/net.c - virtio network card. */
#include "devices/virtio/net.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/state_field.h"

/* Source: section 5.1.2. */
enum { RX, TX, CTRL, QUEUES };

/* Up to and with the MTU. Source: section 5.1.4. */
#define CONFIG_LEN offsetof(struct virtio_net_config, speed)

_Static_assert(NET_HEADER == 12, "virtio-net header");
_Static_assert(offsetof(struct virtio_net_config, mtu) == 10, "configuration");

/* A frame on its way to the guest. */
struct arrival {
	size_t len; /* with its header; 0: there is none */
	unsigned turns; /* that ended before it was delivered */
	uint8_t buf[NET_BUFFER];
};

/* The chains that a frame is written to. */
struct merge {
	struct virtq_chain first, next;
	struct virtq_used used[VIRTQ_MAX_SIZE];
	unsigned count; /* of them, that were taken */
	size_t done; /* bytes that were written */
};

struct card {
	struct virtio vio;
	struct virtio_net_config config; /* little-endian */
	uint8_t mac[ETH_ALEN]; /* that it has after a reset */
	struct net *net; /* owned */
	struct net_user user;
	bool plugged;
	bool told; /* the host knows what the driver can do */
	struct virtio_net_count received, sent;
	struct arrival rx;
	struct merge merge;
	struct virtq_chain tx;
	uint8_t out[NET_BUFFER];
};

static struct card *card_of(struct virtio *vio)
{
	return container_of(vio, struct card, vio);
}

/* What was negotiated of what there is one way, as enum net_offload. */
static unsigned find_negotiated(const struct card *card, unsigned csum,
				unsigned tso4, unsigned tso6, unsigned ecn)
{
	return (virtio_has(&card->vio, csum) ? NET_CSUM : 0u) |
	       (virtio_has(&card->vio, tso4) ? NET_TSO4 : 0u) |
	       (virtio_has(&card->vio, tso6) ? NET_TSO6 : 0u) |
	       (virtio_has(&card->vio, ecn) ? NET_ECN : 0u);
}

static unsigned rx_offloads(const struct card *card)
{
	return find_negotiated(card, VIRTIO_NET_F_GUEST_CSUM,
			       VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO6,
			       VIRTIO_NET_F_GUEST_ECN);
}

static unsigned tx_offloads(const struct card *card)
{
	return find_negotiated(card, VIRTIO_NET_F_CSUM, VIRTIO_NET_F_HOST_TSO4,
			       VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_HOST_ECN);
}

static bool is_linked(const struct card *card)
{
	return card->plugged && card->net->up;
}

static bool check_segments(const struct virtio_net_hdr_v1 *head, size_t len,
			   unsigned allowed)
{
	const unsigned type = head->gso_type &
			      ~(unsigned)VIRTIO_NET_HDR_GSO_ECN;
	unsigned needs = NET_CSUM;

	if (head->gso_type & VIRTIO_NET_HDR_GSO_ECN)
		needs |= NET_ECN;
	if (type == VIRTIO_NET_HDR_GSO_TCPV4)
		needs |= NET_TSO4;
	else if (type == VIRTIO_NET_HDR_GSO_TCPV6)
		needs |= NET_TSO6;
	else
		return false;
	return (allowed & needs) == needs &&
	       (head->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) &&
	       head->gso_size != 0 && le16toh(head->hdr_len) <= len;
}

/*
 * Judges the header before @len bytes of a frame, of which only what is in
 * @allowed may be asked for. What has no meaning becomes 0.
 */
static bool check_header(struct virtio_net_hdr_v1 *head, size_t len,
			 unsigned allowed)
{
	head->num_buffers = 0;
	head->flags &= VIRTIO_NET_HDR_F_NEEDS_CSUM;
	if (!head->flags) {
		head->csum_start = head->csum_offset = 0;
	} else if (!(allowed & NET_CSUM) ||
		   (size_t)le16toh(head->csum_start) +
				   le16toh(head->csum_offset) + 2 >
			   len) {
		return false;
	}
	if (head->gso_type != VIRTIO_NET_HDR_GSO_NONE)
		return check_segments(head, len, allowed);
	head->hdr_len = head->gso_size = 0;
	return true;
}

/* The same for a header that stands in a buffer. */
static bool check_frame(uint8_t *buf, size_t len, unsigned allowed)
{
	struct virtio_net_hdr_v1 head;
	bool good;

	memcpy(&head, buf, sizeof(head));
	good = check_header(&head, len - NET_HEADER, allowed);
	memcpy(buf, &head, sizeof(head));
	return good;
}

static void count_frame(struct virtio_net_count *count, size_t len, bool lost)
{
	if (lost) {
		count->dropped++;
		return;
	}
	count->frames++;
	count->bytes += len - NET_HEADER;
}

/* Gets the next frame from the host. Returns false if there is none now, or the
 * turn is over. */
static bool fetch_frame(struct card *card)
{
	struct arrival *rx = &card->rx;
	const bool valid = virtio_has(&card->vio, VIRTIO_NET_F_GUEST_CSUM);
	uint8_t flags;

	while (virtio_turn_left(&card->vio) > 0) {
		const size_t len = card->net->ops->receive(card->net, rx->buf);

		if (len == 0)
			return false;
		virtio_spend(&card->vio, len + VIRTIO_BUFFER_WORK);
		flags = rx->buf[0] & VIRTIO_NET_HDR_F_DATA_VALID;
		if (is_linked(card) &&
		    check_frame(rx->buf, len, rx_offloads(card))) {
			rx->buf[0] |= valid ? flags : 0;
			rx->len = len;
			rx->turns = 0;
			return true;
		}
		count_frame(&card->received, len, true);
	}
	return false;
}

/* Takes a chain and writes the next bytes of the frame to it. */
static bool fill_buffer(struct card *card)
{
	struct merge *merge = &card->merge;
	struct arrival *rx = &card->rx;
	struct virtq_chain *chain = merge->count == 0 ? &merge->first
						      : &merge->next;
	size_t n;

	/* A driver may offer a chain again that was not given back. */
	if (merge->count == VIRTQ_MAX_SIZE) {
		virtio_break(&card->vio, "more buffers than a queue has");
		return false;
	}
	if (!virtio_pop(&card->vio, RX, chain))
		return false;
	n = chain_write(chain, 0, rx->buf + merge->done, rx->len - merge->done);
	merge->used[merge->count++] = (struct virtq_used){ chain->head,
							   (uint32_t)n };
	merge->done += n;
	if (n > 0 && merge->done >= NET_HEADER)
		return true;
	virtio_break(&card->vio, "buffer too small for a frame");
	return false;
}

static void lose_arrival(struct card *card)
{
	count_frame(&card->received, card->rx.len, true);
	card->rx.len = 0;
}

/* Gives the driver the whole frame, which is in the buffers. */
static void finish_frame(struct card *card)
{
	struct merge *merge = &card->merge;
	uint8_t count[2];

	store_le16(count, (uint16_t)merge->count);
	(void)chain_write(&merge->first,
			  offsetof(struct virtio_net_hdr_v1, num_buffers),
			  count, sizeof(count));
	count_frame(&card->received, card->rx.len, false);
	virtio_push_all(&card->vio, RX, merge->used, merge->count);
	card->rx.len = 0;
}

/* True if the frame will never fit: all buffers that the driver can offer, or
 * all that a turn can fill, are too few. */
static bool is_hopeless(struct card *card)
{
	if (card->merge.count >= card->vio.queue[RX].ring.size)
		return true;
	return virtio_turn_left(&card->vio) == 0 && ++card->rx.turns > 1;
}

/* Returns false if the frame waits for more buffers, or for the next turn. */
static bool deliver_frame(struct card *card)
{
	const bool merges = virtio_has(&card->vio, VIRTIO_NET_F_MRG_RXBUF);
	struct merge *merge = &card->merge;

	merge->count = 0;
	merge->done = 0;
	do {
		if (!fill_buffer(card))
			break;
	} while (merges && merge->done < card->rx.len);
	if (merge->done == card->rx.len) {
		finish_frame(card);
		return true;
	}
	/* The buffers are for the next frame, or for another try. */
	virtio_unpop(&card->vio, RX, merge->count);
	if ((merges || merge->count == 0) && !is_hopeless(card))
		return false;
	lose_arrival(card);
	return true;
}

static void receive_frames(struct card *card)
{
	while (card->rx.len > 0 || fetch_frame(card))
		if (!deliver_frame(card))
			return;
}

/* Sends what is in a chain. Returns false if it is lost. */
static bool send_chain(struct card *card)
{
	const size_t len = chain_data(&card->tx);
	const char *why = NULL;

	if (len < NET_HEADER + ETH_HLEN || len > NET_BUFFER)
		why = "no frame of Ethernet";
	else if (chain_read(&card->tx, 0, card->out, len) < len ||
		 !check_frame(card->out, len, tx_offloads(card)))
		why = "a header that asks for what there is not";
	if (why) {
		log_guest(&card->vio.guest_errors, "virtio-net: %s", why);
		return false;
	}
	virtio_spend(&card->vio, len);
	return is_linked(card) &&
	       card->net->ops->send(card->net, card->out, len) == 0;
}

static void send_frames(struct card *card)
{
	/* Without a link frames are lost, however full the way is. */
	while ((!card->net->full || !is_linked(card)) &&
	       virtio_pop(&card->vio, TX, &card->tx)) {
		const bool sent = send_chain(card);

		count_frame(&card->sent, chain_data(&card->tx), !sent);
		virtio_push(&card->vio, TX, &card->tx, 0);
	}
}

static bool set_driver_mac(struct card *card)
{
	uint8_t mac[ETH_ALEN];

	if (!virtio_has(&card->vio, VIRTIO_NET_F_CTRL_MAC_ADDR) ||
	    chain_read(&card->tx, sizeof(struct virtio_net_ctrl_hdr), mac,
		       sizeof(mac)) < sizeof(mac))
		return false;
	memcpy(card->config.mac, mac, sizeof(mac));
	return true;
}

static bool end_announce(struct card *card)
{
	card->config.status &= (uint16_t)~htole16(VIRTIO_NET_S_ANNOUNCE);
	return virtio_has(&card->vio, VIRTIO_NET_F_GUEST_ANNOUNCE);
}

/* Source: section 5.1.6.5. */
static bool obey_command(struct card *card)
{
	struct virtio_net_ctrl_hdr head = { 0 };

	if (chain_read(&card->tx, 0, &head, sizeof(head)) < sizeof(head))
		return false;
	if (head.class == VIRTIO_NET_CTRL_MAC &&
	    head.cmd == VIRTIO_NET_CTRL_MAC_ADDR_SET)
		return set_driver_mac(card);
	if (head.class == VIRTIO_NET_CTRL_ANNOUNCE &&
	    head.cmd == VIRTIO_NET_CTRL_ANNOUNCE_ACK)
		return end_announce(card);
	return false;
}

static void obey_commands(struct card *card)
{
	while (virtio_pop(&card->vio, CTRL, &card->tx)) {
		const uint8_t answer = obey_command(card) ? VIRTIO_NET_OK
							  : VIRTIO_NET_ERR;

		virtio_push(&card->vio, CTRL, &card->tx,
			    (uint32_t)chain_write(&card->tx, 0, &answer, 1));
	}
}

static void net_notify(struct virtio *vio, unsigned queue)
{
	struct card *card = card_of(vio);

	if (!card->told && card->net->ops->set_offloads)
		card->net->ops->set_offloads(card->net, rx_offloads(card));
	card->told = true;
	if (queue == RX)
		receive_frames(card);
	else if (queue == TX)
		send_frames(card);
	else
		obey_commands(card);
}

static void frames_arrived(struct net_user *user)
{
	virtio_kick(&container_of(user, struct card, user)->vio, RX);
}

static void frames_drained(struct net_user *user)
{
	virtio_kick(&container_of(user, struct card, user)->vio, TX);
}

/* Sets the bit that the driver sees. Returns true if that is news. */
static bool update_link(struct card *card)
{
	const uint16_t was = card->config.status;
	const uint16_t up = htole16(VIRTIO_NET_S_LINK_UP);

	card->config.status &= (uint16_t)~up;
	if (is_linked(card))
		card->config.status |= up;
	return card->config.status != was;
}

static void link_changed(struct net_user *user)
{
	struct card *card = container_of(user, struct card, user);

	if (update_link(card))
		virtio_config_changed(&card->vio);
	/* What waits to be sent is lost: the driver must not wait for ever. */
	virtio_kick(&card->vio, TX);
}

static void net_reset(struct virtio *vio)
{
	struct card *card = card_of(vio);

	memcpy(card->config.mac, card->mac, sizeof(card->mac));
	card->config.status &= (uint16_t)~htole16(VIRTIO_NET_S_ANNOUNCE);
	card->rx.len = 0;
	card->told = false;
}

static void net_destroy(struct virtio *vio)
{
	struct card *card = card_of(vio);

	card->net->ops->close(card->net);
	virtio_finish(vio);
	free(card);
}

enum { NET_STATUS = VIRTIO_STATE_DEVICE + 3 };

static const struct state_field net_fields[] = {
	STATE_BYTES(VIRTIO_STATE_DEVICE + 1, struct card, config.mac),
	STATE_BYTES(VIRTIO_STATE_DEVICE + 2, struct card, mac),
};

static void net_save(struct virtio *vio, struct state *state)
{
	const struct card *card = card_of(vio);

	state_put_fields(state, card, net_fields, STATE_COUNT(net_fields));
	state_put_int(state, NET_STATUS, le16toh(card->config.status), 2);
}

/* The link is another one. */
static void net_rejoin(struct card *card, uint16_t was)
{
	card->config.status = 0;
	(void)update_link(card);
	if ((card->vio.status & VIRTIO_DRIVER_OK) &&
	    virtio_has(&card->vio, VIRTIO_NET_F_GUEST_ANNOUNCE))
		card->config.status |= htole16(VIRTIO_NET_S_ANNOUNCE);
	if (card->config.status != htole16(was) ||
	    (was & VIRTIO_NET_S_ANNOUNCE))
		card->vio.config_news = true;
}

static int net_load(struct virtio *vio, struct state_records *from,
		    struct err *err)
{
	struct card *card = card_of(vio);
	uint64_t status = 0;
	int r = state_get_fields(from, card, net_fields,
				 STATE_COUNT(net_fields), err);

	if (r == 0)
		r = state_get(from, NET_STATUS, 2, &status, err);
	if (r < 0)
		return r;
	if (status & ~(uint64_t)(VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE))
		return err_input(err, -EBADMSG,
				 "virtio-net: a link of no known kind");
	net_rejoin(card, (uint16_t)status);
	return 0;
}

static const struct virtio_ops net_ops = {
	.name = "virtio-net",
	.id = VIRTIO_ID_NET,
	VIRTIO_OPS(net),
	.reset = net_reset,
};

/* Which features stand for what the host can do. */
static const struct {
	unsigned offload;
	unsigned bits[2]; /* for frames to the guest, and from it */
} offload_features[] = {
	{ NET_CSUM, { VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_CSUM } },
	{ NET_TSO4, { VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_HOST_TSO4 } },
	{ NET_TSO6, { VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_HOST_TSO6 } },
	{ NET_ECN, { VIRTIO_NET_F_GUEST_ECN, VIRTIO_NET_F_HOST_ECN } },
};

static void describe_card(struct card *card,
			  const struct virtio_net_options *opt)
{
	uint64_t features = 1ULL << VIRTIO_NET_F_MAC |
			    1ULL << VIRTIO_NET_F_STATUS |
			    1ULL << VIRTIO_NET_F_MRG_RXBUF |
			    1ULL << VIRTIO_NET_F_CTRL_VQ |
			    1ULL << VIRTIO_NET_F_CTRL_MAC_ADDR |
			    1ULL << VIRTIO_NET_F_GUEST_ANNOUNCE;

	for (size_t i = 0;
	     i < sizeof(offload_features) / sizeof(*offload_features); i++)
		if (card->net->offloads & offload_features[i].offload)
			features |= 1ULL << offload_features[i].bits[0] |
				    1ULL << offload_features[i].bits[1];
	if (opt->mtu > 0)
		features |= 1ULL << VIRTIO_NET_F_MTU;
	memcpy(card->mac, opt->mac, sizeof(card->mac));
	memcpy(card->config.mac, opt->mac, sizeof(card->mac));
	card->config.max_virtqueue_pairs = htole16(1);
	card->config.mtu = htole16(opt->mtu);
	card->vio.offered |= features;
	card->vio.config = &card->config;
	card->vio.config_len = CONFIG_LEN;
	card->plugged = true;
	(void)update_link(card);
}

void virtio_net_query(struct virtio *vio, struct virtio_net_info *ret)
{
	const struct card *card = card_of(vio);

	GUARD(&vio->lock);
	*ret = (struct virtio_net_info){
		.up = is_linked(card),
		.rx = card->received,
		.tx = card->sent,
	};
	memcpy(ret->mac, card->config.mac, sizeof(ret->mac));
}

void virtio_net_set_link(struct virtio *vio, bool plugged)
{
	struct card *card = card_of(vio);

	GUARD(&vio->lock);
	card->plugged = plugged;
	link_changed(&card->user);
}

int virtio_net_new(struct virtio **ret, const struct mem_map *mem,
		   struct loop *loop, struct net *net,
		   const struct virtio_net_options *opt, struct err *err)
{
	/* Zeroed pages that are not touched cost nothing. */
	struct card *card = calloc(1, sizeof(*card));
	int r;

	if (!card) {
		net->ops->close(net);
		return err_set(err, -ENOMEM, "virtio-net: out of memory");
	}
	card->net = net;
	r = virtio_init(&card->vio, &net_ops, mem, loop, QUEUES, err);
	if (r == 0) {
		card->user = (struct net_user){ .lock = &card->vio.lock,
						.arrived = frames_arrived,
						.drained = frames_drained,
						.changed = link_changed };
		describe_card(card, opt);
		r = net->ops->attach(net, &card->user, err);
	}
	if (r < 0) {
		net_destroy(&card->vio);
		return r;
	}
	*ret = &card->vio;
	return 0;
}
