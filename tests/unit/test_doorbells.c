/* tests/unit/test_doorbells.c - vmm/kvm/doorbells.c. */
#include <errno.h>
#include <linux/kvm.h>

#include "tests/unit/fake_kvm.h"
#include "tests/unit/test.h"
#include "vmm/kvm/doorbells.h"

#define VM 7 /* descriptor of the VM */

static const struct doorbell bells[] = {
	{ .offset = 0x10, .size = 2, .val = 0, .fd = 20 },
	{ .offset = 0x10, .size = 2, .val = 1, .fd = 21 },
};

static const struct device_ops ops = { .name = "rings" };
static struct device silent = { .ops = &ops };
static struct device rings = { .ops = &ops, .doorbell = bells, .doorbells = 2 };

/* A KVM that takes some doorbells. */
struct kvm {
	unsigned takes;
	unsigned taken;
	struct kvm_ioeventfd bell[4];
};

static int answer_kvm(void *ctx, int fd, unsigned long req, void *arg)
{
	struct kvm *kvm = ctx;

	assert_int_equal(fd, VM);
	assert_int_equal(req, KVM_IOEVENTFD);
	if (kvm->taken == kvm->takes)
		return -ENOSPC;
	kvm->bell[kvm->taken++] = *(struct kvm_ioeventfd *)arg;
	return 0;
}

static int connect_to(struct kvm *kvm, bool ports, struct err *err)
{
	const struct fake_kvm fake = { answer_kvm, kvm };
	struct bus bus = {
		.slot = { { .at = { 0x1000, 0x20 }, .dev = &silent },
			  { .at = { 0xc000, 0x20 }, .dev = &rings } },
		.count = 2,
	};
	int r;

	fake_kvm_set(&fake);
	r = doorbells_connect(VM, &bus, ports, err);
	fake_kvm_set(NULL);
	return r;
}

static void check_bells(const struct kvm *kvm, uint32_t flags)
{
	assert_int_equal(kvm->taken, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(kvm->bell[i].addr, 0xc010);
		assert_int_equal(kvm->bell[i].len, 2);
		assert_int_equal(kvm->bell[i].datamatch, i);
		assert_int_equal(kvm->bell[i].fd, 20 + i);
		assert_int_equal(kvm->bell[i].flags, flags);
	}
}

static void connect__tells_each_doorbell_in_its_space(void **state)
{
	struct kvm mmio = { .takes = 4 }, ports = { .takes = 4 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(connect_to(&mmio, false, &err), 0);
	check_bells(&mmio, KVM_IOEVENTFD_FLAG_DATAMATCH);
	assert_int_equal(connect_to(&ports, true, &err), 0);
	check_bells(&ports,
		    KVM_IOEVENTFD_FLAG_DATAMATCH | KVM_IOEVENTFD_FLAG_PIO);
}

static void connect__a_refusal_names_the_device(void **state)
{
	struct kvm kvm = { .takes = 1 };
	struct err err = { 0 };

	(void)state;
	assert_int_equal(connect_to(&kvm, true, &err), -ENOSPC);
	assert_string_equal(err.msg, "rings: doorbell: KVM_IOEVENTFD: No space "
				     "left on device");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(connect__tells_each_doorbell_in_its_space),
		cmocka_unit_test(connect__a_refusal_names_the_device),
	};

	return RUN_TESTS(tests);
}
