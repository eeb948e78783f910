/*
 * tests/unit/fake_net.h - a network that a test is, in place of host/net_*.c.
 *
 * It gives the frames that were put in its line, in order, and keeps the last
 * one that was sent.
 */
#ifndef TESTS_UNIT_FAKE_NET_H
#define TESTS_UNIT_FAKE_NET_H

#include "host/net.h"

#define FAKE_NET_LINE 512 /* frames */

struct fake_net {
	struct net net;
	struct net_user *user;
	struct {
		struct virtio_net_hdr_v1 head;
		size_t len; /* without the header */
		uint8_t fill; /* every byte of it */
	} line[FAKE_NET_LINE];
	size_t first, count; /* of them; those before @first were given */
	uint8_t out[NET_BUFFER];
	size_t out_len; /* of the last one */
	unsigned sent;
	unsigned takes; /* frames that it takes before it is full */
	int fails; /* what send() returns */
	unsigned offloads; /* as set_offloads() said */
	bool closed;
};

/* @offloads: enum net_offload, or'ed */
void fake_net_init(struct fake_net *fake, unsigned offloads);

/* Puts a frame in the line; the header is all zeroes. */
void fake_net_put(struct fake_net *fake, size_t len, uint8_t fill);

#endif
