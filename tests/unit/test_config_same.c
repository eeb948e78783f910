/* tests/unit/test_config_same.c - vmm/config_same.c. */
#include <errno.h>

#include "tests/unit/config_words.h"
#include "vmm/config_same.h"

/* Compares what two command lines ask for, with "K" as the kernel of both. */
#define COMPARE(err, own, come)                            \
	compare((err), (const char *const[WORDS])LIST own, \
		(const char *const[WORDS])LIST come)
#define LIST(...)                         \
	{                                 \
		"run", "K", ##__VA_ARGS__ \
	}

static int compare(struct err *err, const char *const own[WORDS],
		   const char *const come[WORDS])
{
	struct config a, b;
	int r;

	assert_int_equal(parse(&a, err, own), 0);
	assert_int_equal(parse(&b, err, come), 0);
	r = config_same_guest(&a, &b, err);
	config_finish(&a);
	config_finish(&b);
	return r;
}

static void same__what_the_guest_cannot_see_may_differ(void **state)
{
	struct err err = { 0 };

	(void)state;
	assert_int_equal(COMPARE(&err, (), ()), 0);
	assert_int_equal(
		COMPARE(&err,
			("--name=a", "--mem=1G,backing=memfd", "--disk=here/x",
			 "--control=./s", "--timeout=1h", "--terminal=socket",
			 "--net=tap", "--rom=here/r@0x1000"),
			("--name=b", "--mem", "1024", "--disk=/there/y,direct",
			 "--net=user", "--rom=/there/s@0x1000")),
		0);
	/* What the layout or KVM chooses is compared elsewhere. */
	assert_int_equal(COMPARE(&err, ("--irqchip=gicv3"), ()), 0);
	assert_int_equal(COMPARE(&err, (), ("--mem=256M")), 0);
	assert_int_equal(COMPARE(&err, ("--mem=1G@0x80000000"), ("--mem=1G")),
			 0);
}

#define DIFFERS(sentence, own, come)                                 \
	do {                                                         \
		struct err err_;                                     \
		assert_int_equal(COMPARE(&err_, own, come), -EXDEV); \
		assert_string_equal(err_.msg, sentence);             \
		assert_true(err_.input);                             \
	} while (0)

static void same__the_first_difference_is_named(void **state)
{
	(void)state;
	DIFFERS("--cpus: 4 for the guest that comes, and 2 here", ("-c2"),
		("-c4", "--rng"));
	DIFFERS("--irqchip: gicv3 for the guest that comes, and gicv2 here",
		("--irqchip=gicv2"), ("--irqchip=gicv3"));
	DIFFERS("--mem: 1G for the guest that comes, and 512M here",
		("--mem=512M"), ("--mem=1G"));
	DIFFERS("--mem: given 2 times for the guest that comes, and given 1 "
		"times here",
		("--mem=1G"), ("--mem=1G", "--mem=1G"));
	DIFFERS("--mem: 1G@0x90000000 for the guest that comes, and "
		"1G@0x80000000 here",
		("--mem=1G@0x80000000"), ("--mem=1G@0x90000000"));
	DIFFERS("--mem max: 2G for the guest that comes, and 0 here",
		("--mem=1G"), ("--mem=1G,max=2G"));
	DIFFERS("--rom: r@0x2000 for the guest that comes, and r@0x1000 here",
		("--rom=r@0x1000"), ("--rom=r@0x2000"));
	DIFFERS("--disk ro: given for the guest that comes, and not given here",
		("--disk=x"), ("--disk=x,ro"));
	DIFFERS("--disk serial: s for the guest that comes, and none here",
		("--disk=x"), ("--disk=x,serial=s"));
	DIFFERS("--flash: given 0 times for the guest that comes, and given 1 "
		"times here",
		("--flash=f"), ());
	DIFFERS("--net mtu: 9000 for the guest that comes, and 1500 here",
		("--net=tap,mtu=1500"), ("--net=tap,mtu=9000"));
	DIFFERS("--net: tap,mac=02:00:00:00:00:01 for the guest that comes, "
		"and tap,mac=02:00:00:00:00:02 here",
		("--net=tap,mac=02:00:00:00:00:02"),
		("--net=tap,mac=02:00:00:00:00:01"));
	DIFFERS("--console: virtio for the guest that comes, and serial here",
		(), ("--console=virtio"));
	DIFFERS("--rng: not given for the guest that comes, and given here",
		("--rng"), ());
	DIFFERS("--balloon reporting: given for the guest that comes, and not "
		"given here",
		("--balloon=reporting=off"), ("--balloon"));
	DIFFERS("--initrd: given for the guest that comes, and not given here",
		(), ("--initrd=i"));
	DIFFERS("--cmdline: quiet for the guest that comes, and none here", (),
		("--cmdline=quiet"));
	DIFFERS("--no-pvtime: given for the guest that comes, and not given "
		"here",
		(), ("--no-pvtime"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(same__what_the_guest_cannot_see_may_differ),
		cmocka_unit_test(same__the_first_difference_is_named),
	};

	return RUN_TESTS(tests);
}
