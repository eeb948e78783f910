/* tests/unit/test_kvm.c - vmm/kvm/kvm.c. */
#include <errno.h>
#include <string.h>

#include "tests/unit/fake_kvm.h"
#include "tests/unit/test.h"
#include "vmm/kvm/kvm.h"

/* A KVM that a signal interrupts a few times before it answers. */
struct interrupted {
	unsigned signals; /* that are still to come */
	unsigned calls;
	int value;
};

static int answer_interrupted(void *ctx, int fd, unsigned long req, void *arg)
{
	struct interrupted *kvm = ctx;

	(void)fd;
	(void)req;
	(void)arg;
	kvm->calls++;
	if (kvm->signals > 0) {
		kvm->signals--;
		return -EINTR;
	}
	return kvm->value;
}

static struct err err;
static struct interrupted interrupted;
static const struct fake_kvm fake = { answer_interrupted, &interrupted };

static int setup(void **state)
{
	(void)state;
	err = (struct err){ 0 };
	interrupted = (struct interrupted){ .signals = 3, .value = 7 };
	fake_kvm_set(&fake);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_kvm_set(NULL);
	return 0;
}

static void ioctl__a_signal_does_not_fail_the_creation_of_a_vm(void **state)
{
	(void)state;
	assert_int_equal(kvm_ioctl_int(3, KVM_CREATE_VM, 0UL, &err), 7);
	assert_int_equal(interrupted.calls, 4);
}

static void ioctl__a_signal_fails_no_request_with_an_argument(void **state)
{
	const struct kvm_enable_cap cap = { .cap = KVM_CAP_HALT_POLL };

	(void)state;
	assert_int_equal(kvm_ioctl(3, KVM_ENABLE_CAP, &cap, &err), 7);
	assert_int_equal(interrupted.calls, 4);
}

static void attr__a_signal_fails_neither_direction(void **state)
{
	uint64_t val = 0;

	(void)state;
	interrupted.value = 0;
	assert_int_equal(kvm_set_attr(3, 1, 2, &val, "x", &err), 0);
	assert_int_equal(interrupted.calls, 4);
	interrupted.signals = 1;
	assert_int_equal(kvm_get_attr(3, 1, 2, &val, "x", &err), 0);
	assert_int_equal(interrupted.calls, 6);
}

static void reg__a_signal_fails_neither_direction(void **state)
{
	uint64_t val = 0;

	(void)state;
	interrupted.value = 0;
	assert_int_equal(kvm_set_reg(3, 1, &val, &err), 0);
	assert_int_equal(interrupted.calls, 4);
	interrupted.signals = 1;
	assert_int_equal(kvm_get_reg(3, 1, &val, &err), 0);
	assert_int_equal(interrupted.calls, 6);
}

static void cap__a_signal_does_not_hide_a_capability(void **state)
{
	(void)state;
	assert_int_equal(kvm_cap(3, KVM_CAP_USER_MEMORY), 7);
	interrupted.signals = 1;
	interrupted.value = 0;
	assert_true(kvm_has_device(3, 1));
}

/* The kick of a vCPU. */
static void run__tells_of_a_signal(void **state)
{
	(void)state;
	assert_int_equal(kvm_run(3), -EINTR);
	assert_int_equal(interrupted.calls, 1);
}

static void
ioctl__another_error_is_told_with_the_name_of_the_request(void **state)
{
	(void)state;
	interrupted = (struct interrupted){ .value = -EBUSY };
	assert_int_equal(kvm_ioctl_int(3, KVM_CREATE_VM, 0UL, &err), -EBUSY);
	assert_int_equal(interrupted.calls, 1);
	assert_string_equal(err.msg, "KVM_CREATE_VM: Device or resource busy");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ioctl__a_signal_does_not_fail_the_creation_of_a_vm),
		TEST(ioctl__a_signal_fails_no_request_with_an_argument),
		TEST(attr__a_signal_fails_neither_direction),
		TEST(reg__a_signal_fails_neither_direction),
		TEST(cap__a_signal_does_not_hide_a_capability),
		TEST(run__tells_of_a_signal),
		TEST(ioctl__another_error_is_told_with_the_name_of_the_request),
	};

	return RUN_TESTS(tests);
}
