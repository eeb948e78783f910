/* vmm/net_words.c - the words that ask for a network card. */
#include "vmm/net_words.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/closest.h"
#include "base/opt.h"
#include "base/size.h"
#include "devices/virtio/net.h"

#define FNV_PRIME UINT64_C(0x100000001b3)

/* What opt_parse() fills. */
struct words {
	const char *backend;
	const char *mac;
	uint64_t mtu;
	struct opt_list hostfwd;
};

_Static_assert(NET_MAX_FORWARDS == OPT_MAX_LIST, "forwards of a card");

static int hex_digit(char c)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;

	return at ? (int)((at - digits) % 16) : -1;
}

/* Six pairs of hexadecimal digits with colons between. */
static int parse_mac(const char *text, uint8_t *ret)
{
	for (size_t i = 0; i < ETH_ALEN; i++, text += 3) {
		const int high = hex_digit(text[0]);
		const int low = high < 0 ? -1 : hex_digit(text[1]);

		if (low < 0 || text[2] != (i + 1 < ETH_ALEN ? ':' : '\0'))
			return -EINVAL;
		ret[i] = (uint8_t)(high * 16 + low);
	}
	return 0;
}

static int set_card_mac(struct net_spec *spec, const char *key,
			const char *text, struct err *err)
{
	static const uint8_t none[ETH_ALEN];

	if (parse_mac(text, spec->mac) < 0)
		return err_input(err, -EINVAL,
				 "%s: '%s' is not an address, as in "
				 "02:00:00:00:00:01",
				 key, text);
	if ((spec->mac[0] & 1) || memcmp(spec->mac, none, ETH_ALEN) == 0)
		return err_input(err, -EINVAL, "%s: %s is no card's address",
				 key, text);
	return 0;
}

/* "WORD", or "WORD" and what follows @sep. */
static bool is_backend(const char *text, const char *word, char sep,
		       const char **rest)
{
	const size_t len = strlen(word);

	if (strncmp(text, word, len) != 0 || (text[len] && text[len] != sep))
		return false;
	*rest = text[len] ? text + len + 1 : NULL;
	return true;
}

static int set_backend(struct net_spec *spec, const char *text, struct err *err)
{
	static const struct {
		const char *word;
		char sep; /* before what follows; 0: nothing may */
		enum net_kind kind;
		const char *missing; /* NULL: nothing need follow */
	} backends[] = {
		{ "none", '\0', NET_KIND_NONE, NULL },
		{ "user", '\0', NET_KIND_USER, NULL },
		{ "tap", '=', NET_KIND_TAP, NULL },
		{ "unix", ':', NET_KIND_UNIX,
		  "a socket is missing, as in unix:PATH" },
	};
	struct closest near = { .word = text };

	for (size_t i = 0; i < sizeof(backends) / sizeof(*backends); i++) {
		closest_try(&near, backends[i].word);
		if (!is_backend(text, backends[i].word, backends[i].sep,
				&spec->place))
			continue;
		spec->kind = backends[i].kind;
		if (spec->place ? !*spec->place : backends[i].missing != NULL)
			return err_input(err, -EINVAL, "%s",
					 backends[i].missing
						 ? backends[i].missing
						 : "an interface is missing, "
						   "as in tap=tap0");
		return 0;
	}
	return closest_refuse(&near, "backend", err);
}

/* Reads a port that ends at @stop. Returns what follows that; NULL: none. */
static const char *scan_port(const char *text, char stop)
{
	uint64_t port = 0;
	const char *end = *text >= '0' && *text <= '9'
				? number_scan(text, &port)
				: NULL;

	if (!end || *end != stop || port == 0 || port > UINT16_MAX)
		return NULL;
	return stop ? end + 1 : end;
}

/* Makes "tcp:[ADDRESS:]PORT:PORT" passt's "[ADDRESS/]PORT:PORT". Returns NULL
 * if it is none, or there is no memory. */
static char *translate_forward(const char *text, bool *ret_udp)
{
	const char *at = text + 4, *ports, *guest;
	size_t address;
	char *ret;

	*ret_udp = strncmp(text, "udp:", 4) == 0;
	if (!*ret_udp && strncmp(text, "tcp:", 4) != 0)
		return NULL;
	guest = strrchr(at, ':');
	if (!guest || guest == at)
		return NULL;
	ports = memrchr(at, ':', (size_t)(guest - at));
	ports = ports ? ports + 1 : at;
	if (scan_port(ports, ':') != guest + 1 || !scan_port(guest + 1, '\0'))
		return NULL;
	address = ports == at ? 0 : (size_t)(ports - 1 - at);
	if (address > 2 && at[0] == '[' && at[address - 1] == ']') {
		at++;
		address -= 2;
	}
	if (ports != at && strcspn(at, "/,~%[]") < address)
		return NULL;
	if (asprintf(&ret, "%.*s%s%s", (int)address, at, address ? "/" : "",
		     ports) < 0)
		return NULL;
	return ret;
}

static int add_forwards(struct net_spec *spec, const struct opt_list *list,
			struct err *err)
{
	size_t tcp = 0, udp = 0;

	if (list->count > 0 && spec->kind != NET_KIND_USER)
		return err_input(err, -EINVAL, "hostfwd: it is of user alone");
	for (size_t i = 0; i < list->count; i++) {
		bool is_udp;
		char *forward = translate_forward(list->item[i], &is_udp);

		if (!forward)
			return err_input(err, -EINVAL,
					 "hostfwd: '%s' is not "
					 "tcp:[ADDRESS:]PORT:PORT, or udp:",
					 list->item[i]);
		if (is_udp)
			spec->udp[udp++] = forward;
		else
			spec->tcp[tcp++] = forward;
	}
	return 0;
}

static int parse_card(struct net_spec *spec, struct err *err)
{
	static const struct opt table[] = {
		OPT("backend", OPT_STR, struct words, backend, .required = true,
		    .first = true),
		OPT("mac", OPT_STR, struct words, mac),
		OPT("mtu", OPT_NUMBER, struct words, mtu,
		    .min = VIRTIO_NET_MTU_MIN, .max = VIRTIO_NET_MTU_MAX),
		OPT("hostfwd", OPT_LIST, struct words, hostfwd),
	};
	struct words words = { 0 };
	int r = opt_parse(table, sizeof(table) / sizeof(*table), spec->text,
			  &words, err);

	if (r == 0)
		r = set_backend(spec, words.backend, err);
	if (r == 0 && words.mac)
		r = set_card_mac(spec, "mac", words.mac, err);
	if (r == 0)
		r = add_forwards(spec, &words.hostfwd, err);
	spec->mtu = words.mtu;
	return r;
}

static void finish_card(struct net_spec *spec)
{
	for (size_t i = 0; i < NET_MAX_FORWARDS; i++) {
		free(spec->tcp[i]);
		free(spec->udp[i]);
	}
	free(spec->text);
	*spec = (struct net_spec){ 0 };
}

static int add_card(struct net_specs *specs, const char *value,
		    int (*parse)(struct net_spec *spec, struct err *err),
		    struct err *err)
{
	struct net_spec spec = { .word = value, .text = strdup(value) };
	int r;

	if (!spec.text)
		return err_set(err, -ENOMEM, "out of memory");
	r = parse(&spec, err);
	if (r == 0 && spec.kind != NET_KIND_NONE) {
		if (specs->count < NET_MAX_CARDS) {
			specs->spec[specs->count++] = spec;
			return 0;
		}
		r = err_input(err, -ENOSPC, "at most %d network cards",
			      NET_MAX_CARDS);
	}
	finish_card(&spec);
	if (r < 0)
		err->input = true;
	return r;
}

static struct net_specs *specs_at(void *ctx, const struct cli_option *option)
{
	return (struct net_specs *)((char *)ctx + option->offset);
}

int net_words_set(void *ctx, const struct cli_option *option, const char *value,
		  struct err *err)
{
	return add_card(specs_at(ctx, option), value, parse_card, err);
}

void net_words_unset(void *ctx, const struct cli_option *option)
{
	net_specs_finish(specs_at(ctx, option));
}

/* What kvmtool's keys are to opt_parse(). */
struct kvmtool_net {
	const char *mode, *mac, *tapif, *trans;
	const char *script, *downscript, *host_ip, *guest_ip, *host_mac, *fd;
	uint64_t vhost, queues;
};

/* What of a card's keys has no meaning here, or is not to be had. */
static int check_kvmtool_keys(const struct kvmtool_net *words, struct err *err)
{
	const struct {
		const char *key, *value, *why;
	} refused[] = {
		{ "script", words->script,
		  "no program is run; set the interface up before, and name "
		  "it by tapif=" },
		{ "downscript", words->downscript, "no program is run" },
		{ "host_ip", words->host_ip,
		  "the interface's address is the host's to set: ip address "
		  "add" },
		{ "host_mac", words->host_mac,
		  "the interface's address is the host's to set: ip link set "
		  "address" },
		{ "guest_ip", words->guest_ip,
		  "the guest's address comes by DHCP, or is its own affair" },
		{ "fd", words->fd, "name the interface by tapif=" },
	};

	for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
		if (refused[i].value)
			return err_input(err, -EINVAL, "%s: %s", refused[i].key,
					 refused[i].why);
	if (words->vhost > 0)
		return err_input(err, -EINVAL,
				 "vhost: frames go through this process");
	if (words->queues > 0)
		return err_input(err, -EINVAL,
				 "mq: a card has one pair of queues");
	if (words->trans && strcmp(words->trans, "mmio") != 0)
		return err_input(err, -EINVAL, "trans: only mmio is taken");
	return 0;
}

static int parse_kvmtool_card(struct net_spec *spec, struct err *err)
{
	static const char *const modes[] = { "none", "user", "tap", NULL };
	static const struct opt table[] = {
		OPT("mode", OPT_STR, struct kvmtool_net, mode, .required = true,
		    .first = true),
		OPT("trans", OPT_STR, struct kvmtool_net, trans),
		OPT("script", OPT_STR, struct kvmtool_net, script),
		OPT("downscript", OPT_STR, struct kvmtool_net, downscript),
		OPT("host_ip", OPT_STR, struct kvmtool_net, host_ip),
		OPT("guest_ip", OPT_STR, struct kvmtool_net, guest_ip),
		OPT("host_mac", OPT_STR, struct kvmtool_net, host_mac),
		OPT("guest_mac", OPT_STR, struct kvmtool_net, mac),
		OPT("tapif", OPT_STR, struct kvmtool_net, tapif),
		OPT("vhost", OPT_NUMBER, struct kvmtool_net, vhost),
		OPT("fd", OPT_STR, struct kvmtool_net, fd),
		OPT("mq", OPT_NUMBER, struct kvmtool_net, queues),
	};
	static const enum net_kind kinds[] = { NET_KIND_NONE, NET_KIND_USER,
					       NET_KIND_TAP };
	struct kvmtool_net words = { 0 };
	struct closest near;
	unsigned mode = 0;
	int r = opt_parse(table, sizeof(table) / sizeof(*table), spec->text,
			  &words, err);

	if (r < 0)
		return r;
	near = (struct closest){ .word = words.mode };
	while (modes[mode] && strcmp(modes[mode], words.mode) != 0)
		closest_try(&near, modes[mode++]);
	if (!modes[mode]) {
		(void)closest_refuse(&near, "value", err);
		return err_wrap(err, "mode");
	}
	spec->kind = kinds[mode];
	/* Keys of a card that is not there have no meaning. */
	if (spec->kind == NET_KIND_NONE)
		return 0;
	if (spec->kind == NET_KIND_TAP)
		spec->place = words.tapif;
	else if (words.tapif)
		return err_input(err, -EINVAL,
				 "tapif: it is of mode=tap alone");
	r = check_kvmtool_keys(&words, err);
	return r == 0 && words.mac
		     ? set_card_mac(spec, "guest_mac", words.mac, err)
		     : r;
}

int net_words_set_kvmtool(void *ctx, const struct cli_option *option,
			  const char *value, struct err *err)
{
	return add_card(specs_at(ctx, option), value, parse_kvmtool_card, err);
}

void net_specs_finish(struct net_specs *specs)
{
	while (specs->count > 0)
		finish_card(&specs->spec[--specs->count]);
}

static void random_mac(uint8_t *ret)
{
	/* It has not to wait, and is no secret. */
	if (getrandom(ret, ETH_ALEN, GRND_NONBLOCK) != ETH_ALEN)
		store_le32(ret, (uint32_t)getpid());
}

void net_words_mac(const char *name, size_t index, uint8_t *ret)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
	uint8_t bytes[8] = { 0 };

	if (name) {
		for (; *name; name++)
			hash = (hash ^ (uint8_t)*name) * FNV_PRIME;
		hash = (hash ^ index) * FNV_PRIME;
		store_le64(bytes, hash ^ hash >> 32);
	} else {
		random_mac(bytes);
	}
	memcpy(ret, bytes, ETH_ALEN);
	/* Locally administered, and one station's. */
	ret[0] = (uint8_t)((ret[0] & 0xfc) | 2);
}
