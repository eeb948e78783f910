/*
 * vmm/net_words.h - the words that ask for a network card. [pure]
 *
 * --net BACKEND[,KEY=VALUE]..., and kvmtool's --network mode=BACKEND,...
 */
#ifndef VMM_NET_WORDS_H
#define VMM_NET_WORDS_H

#include <linux/if_ether.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "vmm/cli.h"

#define NET_MAX_CARDS 16
#define NET_MAX_FORWARDS 16 /* of a card */

enum net_kind {
	NET_KIND_NONE, /* no card */
	NET_KIND_USER, /* the host's own network, by passt */
	NET_KIND_TAP, /* an interface of the host's */
	NET_KIND_UNIX, /* a UNIX stream socket */
};

/* One card. */
struct net_spec {
	char *text; /* owned; the strings below point into it */
	const char *word; /* the argument as given, for messages; borrowed */
	enum net_kind kind;
	const char *place; /* the interface (NULL: a new one); the socket's
			      path */
	/* Ports of the host's that are the guest's, as passt has them; each
	 * list ends with NULL. The strings are owned. */
	char *tcp[NET_MAX_FORWARDS + 1], *udp[NET_MAX_FORWARDS + 1];
	uint8_t mac[ETH_ALEN]; /* all zeroes: it is made of the name */
	uint64_t mtu; /* in bytes; 0: the guest is told none */
};

struct net_specs {
	struct net_spec spec[NET_MAX_CARDS]; /* in the order given */
	size_t count;
};

/* set() and unset() of --net, and set() of kvmtool's --network, of which the
 * member is a struct net_specs. */
int net_words_set(void *ctx, const struct cli_option *option, const char *value,
		  struct err *err);
void net_words_unset(void *ctx, const struct cli_option *option);
int net_words_set_kvmtool(void *ctx, const struct cli_option *option,
			  const char *value, struct err *err);

void net_specs_finish(struct net_specs *specs); /* a zeroed one is fine */

/*
 * Makes the address of card @index of the machine @name: the same one for the
 * same both, and no maker's.
 *
 * @name: NULL: the address is random
 * @ret:  ETH_ALEN bytes
 */
void net_words_mac(const char *name, size_t index, uint8_t *ret);

#endif
