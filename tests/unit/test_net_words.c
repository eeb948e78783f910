/* tests/unit/test_net_words.c - vmm/net_words.c. */
#include "tests/unit/config_words.h"

#include <errno.h>

static void net__is_a_backend_and_keys(void **state)
{
	static const uint8_t mac[] = { 2, 0xab, 0xCD, 3, 4, 0xff };
	struct config c;

	(void)state;
	TAKEN(&c, "K");
	assert_int_equal(c.nets.count, 0);
	config_finish(&c);
	TAKEN(&c, "K", "--net", "none", "--net",
	      "unix:/run/a,,b,mac=02:ab:CD:03:04:ff,mtu=1400", "--net",
	      "backend=unix:x");
	assert_int_equal(c.nets.count, 2);
	assert_int_equal(c.nets.spec[0].kind, NET_KIND_UNIX);
	assert_string_equal(c.nets.spec[0].place, "/run/a,b");
	assert_memory_equal(c.nets.spec[0].mac, mac, 6);
	assert_int_equal(c.nets.spec[0].mtu, 1400);
	assert_string_equal(c.nets.spec[1].place, "x");
	assert_int_equal(c.nets.spec[1].mtu, 0);
	config_finish(&c);
	TAKEN(&c, "K", "--net", "unix:x", "--no-net");
	assert_int_equal(c.nets.count, 0);
	config_finish(&c);
}

#define NOT_A_MAC(word)                                                        \
	REFUSED("--net none,mac=" word ": mac: '" word "' is not an address, " \
		"as in 02:00:00:00:00:01",                                     \
		"K", "--net", "none,mac=" word)

static void net__wrong_words_are_named(void **state)
{
	(void)state;
	REFUSED("--net '': backend is missing", "K", "--net", "");
	REFUSED("--net unix: a socket is missing, as in unix:PATH", "K",
		"--net", "unix");
	REFUSED("--net unix:: a socket is missing, as in unix:PATH", "K",
		"--net", "unix:");
	REFUSED("--net none,mtu=67: mtu: '67' is not from 68 to 65535", "K",
		"--net", "none,mtu=67");
	REFUSED("--net none,mtu=65536: mtu: '65536' is not from 68 to 65535",
		"K", "--net", "none,mtu=65536");
	REFUSED("--net none,mca=1: unknown key 'mca' (did you mean 'mac'?)",
		"K", "--net", "none,mca=1");
	REFUSED("--net none,mac=01:00:00:00:00:00: mac: 01:00:00:00:00:00 is "
		"no card's address",
		"K", "--net", "none,mac=01:00:00:00:00:00");
	REFUSED("--net none,mac=00:00:00:00:00:00: mac: 00:00:00:00:00:00 is "
		"no card's address",
		"K", "--net", "none,mac=00:00:00:00:00:00");
	NOT_A_MAC("02:00:00:00:00");
	NOT_A_MAC("02:00:00:00:00:00:00");
	NOT_A_MAC("02:00:00:00:00:0");
	NOT_A_MAC("02-00-00-00-00-00");
	NOT_A_MAC("02:00:0g:00:00:00");
	NOT_A_MAC("2");
}

static void net__has_at_most_sixteen(void **state)
{
	struct config c;
	struct err err;

	(void)state;
	assert_int_equal(parse_repeated(&c, &err, "--net=unix:a", 16), 0);
	assert_int_equal(c.nets.count, 16);
	config_finish(&c);
	assert_int_equal(parse_repeated(&c, &err, "--net=unix:a", 17), -ENOSPC);
	assert_string_equal(err.msg, "--net unix:a: at most 16 network cards");
}

static void network__of_kvmtool_may_be_none(void **state)
{
	struct config c;

	(void)state;
	TAKEN(&c, "K", "-n", "none", "-n", "mode=none", "-n",
	      "guest_ip=1.2.3.4,mode=none", "--network",
	      "mode=none,trans=mmio");
	assert_int_equal(c.nets.count, 0);
	config_finish(&c);
	REFUSED("-n '': mode is missing", "K", "-n", "");
	REFUSED("-n mode=nonesuch: mode: unknown value 'nonesuch'", "K", "-n",
		"mode=nonesuch");
}

static void network__of_kvmtool_is_user_or_tap(void **state)
{
	static const uint8_t mac[] = { 2, 0x15, 0x15, 0x15, 0x15, 0x15 };
	struct config c;

	(void)state;
	TAKEN(&c, "K", "-n", "user", "-n",
	      "mode=tap,tapif=tap7,guest_mac=02:15:15:15:15:15", "-n", "tap");
	assert_int_equal(c.nets.count, 3);
	assert_int_equal(c.nets.spec[0].kind, NET_KIND_USER);
	assert_int_equal(c.nets.spec[1].kind, NET_KIND_TAP);
	assert_string_equal(c.nets.spec[1].place, "tap7");
	assert_memory_equal(c.nets.spec[1].mac, mac, 6);
	assert_null(c.nets.spec[2].place);
	config_finish(&c);
	REFUSED("-n mode=tap,script=/x: script: no program is run; set the "
		"interface up before, and name it by tapif=",
		"K", "-n", "mode=tap,script=/x");
	REFUSED("-n mode=tap,host_ip=1.2.3.4: host_ip: the interface's address "
		"is the host's to set: ip address add",
		"K", "-n", "mode=tap,host_ip=1.2.3.4");
	REFUSED("-n mode=user,tapif=x: tapif: it is of mode=tap alone", "K",
		"-n", "mode=user,tapif=x");
	REFUSED("-n mode=tap,vhost=1: vhost: frames go through this process",
		"K", "-n", "mode=tap,vhost=1");
	REFUSED("-n mode=user,trans=pci: trans: only mmio is taken", "K", "-n",
		"mode=user,trans=pci");
	REFUSED("-n mode=tap,guest_mac=x: guest_mac: 'x' is not an address, "
		"as in 02:00:00:00:00:01",
		"K", "-n", "mode=tap,guest_mac=x");
}

static void forwards__are_translated_for_passt(void **state)
{
	struct config c;

	(void)state;
	TAKEN(&c, "K", "--net",
	      "user,hostfwd=tcp:8080:80,hostfwd=udp:127.0.0.1:53:5353,"
	      "hostfwd=tcp:[::1]:22:65535,mtu=1400");
	assert_int_equal(c.nets.spec[0].kind, NET_KIND_USER);
	assert_string_equal(c.nets.spec[0].tcp[0], "8080:80");
	assert_string_equal(c.nets.spec[0].tcp[1], "::1/22:65535");
	assert_null(c.nets.spec[0].tcp[2]);
	assert_string_equal(c.nets.spec[0].udp[0], "127.0.0.1/53:5353");
	assert_null(c.nets.spec[0].udp[1]);
	config_finish(&c);
}

#define NO_FORWARD(word)                                                   \
	REFUSED("--net user,hostfwd=" word ": hostfwd: '" word "' is not " \
		"tcp:[ADDRESS:]PORT:PORT, or udp:",                        \
		"K", "--net", "user,hostfwd=" word)

static void forwards__wrong_ones_are_named(void **state)
{
	(void)state;
	NO_FORWARD("80:80");
	NO_FORWARD("tcp:80");
	NO_FORWARD("tcp:");
	NO_FORWARD("tcp::80");
	NO_FORWARD("tcp:0:80");
	NO_FORWARD("tcp:80:0");
	NO_FORWARD("tcp:65536:80");
	NO_FORWARD("tcp:80:65536");
	NO_FORWARD("tcp:80-90:80");
	NO_FORWARD("tcp:a/b:80:80");
	NO_FORWARD("tcp:all%eth0:80:80");
	NO_FORWARD("sctp:80:80");
	REFUSED("--net tap,hostfwd=tcp:1:1: hostfwd: it is of user alone", "K",
		"--net", "tap,hostfwd=tcp:1:1");
	REFUSED("--net tap=: an interface is missing, as in tap=tap0", "K",
		"--net", "tap=");
	REFUSED("--net usr: unknown backend 'usr' (did you mean 'user'?)", "K",
		"--net", "usr");
}

static void mac__is_made_of_the_name(void **state)
{
	uint8_t a[ETH_ALEN], b[ETH_ALEN];

	(void)state;
	net_words_mac("web", 0, a);
	net_words_mac("web", 0, b);
	assert_memory_equal(a, b, ETH_ALEN);
	assert_int_equal(a[0] & 3, 2);
	net_words_mac("web", 1, b);
	assert_memory_not_equal(a, b, ETH_ALEN);
	net_words_mac("wea", 0, b);
	assert_memory_not_equal(a, b, ETH_ALEN);
	net_words_mac(NULL, 0, a);
	net_words_mac(NULL, 0, b);
	assert_int_equal(a[0] & 3, 2);
	assert_memory_not_equal(a, b, ETH_ALEN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(net__is_a_backend_and_keys),
		cmocka_unit_test(net__wrong_words_are_named),
		cmocka_unit_test(net__has_at_most_sixteen),
		cmocka_unit_test(network__of_kvmtool_may_be_none),
		cmocka_unit_test(network__of_kvmtool_is_user_or_tap),
		cmocka_unit_test(forwards__are_translated_for_passt),
		cmocka_unit_test(forwards__wrong_ones_are_named),
		cmocka_unit_test(mac__is_made_of_the_name),
	};

	return RUN_TESTS(tests);
}
