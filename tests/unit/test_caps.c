/*
 * tests/unit/test_caps.c - vmm/kvm/caps.c, and what a KVM without
 * KVM_CAP_SYNC_MMU is not used for.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "arch/arch.h"
#include "base/loop.h"
#include "devices/virtio/virtio.h"
#include "tests/unit/fake_kvm.h"
#include "tests/unit/stderr_capture.h"
#include "tests/unit/test.h"
#include "vmm/control/control.h"
#include "vmm/control/pageout_command.h"
#include "vmm/control/qmp.h"
#include "vmm/kvm/caps.h"
#include "vmm/kvm/kvm.h"
#include "vmm/machine/device_list.h"
#include "vmm/machine/machine.h"

#define MOST_CAPS 1024

/* What KVM_CHECK_EXTENSION answers. */
static int caps[MOST_CAPS];
static struct kvm_limits limits;
static struct err err;
static char said[512];

static const struct cap_need arch_need[] = {
	CAP_NEED(KVM_CAP_ONE_REG, "test what an architecture needs"),
};

const struct cap_need *arch_caps_needed(size_t *count)
{
	*count = 1;
	return arch_need;
}

int arch_limits(int kvm, struct kvm_limits *ret, struct err *e)
{
	(void)kvm;
	(void)e;
	ret->address_bits = 40;
	return 0;
}

static int answer_cap(void *ctx, int fd, unsigned long req, void *arg)
{
	const uintptr_t cap = (uintptr_t)arg;

	(void)ctx;
	(void)fd;
	if (req != KVM_CHECK_EXTENSION)
		return -ENOTTY;
	return cap < MOST_CAPS ? caps[cap] : 0;
}

static const struct fake_kvm fake = { .answer = answer_cap };

static int setup(void **state)
{
	(void)state;
	memset(caps, 0, sizeof(caps));
	caps[KVM_CAP_USER_MEMORY] = 1;
	caps[KVM_CAP_IMMEDIATE_EXIT] = 1;
	caps[KVM_CAP_ONE_REG] = 1;
	caps[KVM_CAP_SYNC_MMU] = 1;
	limits = (struct kvm_limits){ 0 };
	err = (struct err){ 0 };
	said[0] = '\0';
	fake_kvm_set(&fake);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_kvm_set(NULL);
	return 0;
}

/* Calls caps_check(), and keeps in @said what it logs. */
static int check_caps(void)
{
	struct stderr_capture capture = stderr_capture_begin();
	const int r = caps_check(3, &limits, &err);

	(void)stderr_capture_end(&capture, said, sizeof(said));
	return r;
}

static void check__a_missing_capability_is_named(void **state)
{
	(void)state;
	caps[KVM_CAP_IMMEDIATE_EXIT] = 0;
	assert_int_equal(check_caps(), -ENOTSUP);
	assert_string_equal(err.msg, "this host's KVM lacks "
				     "KVM_CAP_IMMEDIATE_EXIT, needed to stop a "
				     "vCPU without losing the request");
	caps[KVM_CAP_IMMEDIATE_EXIT] = 1;
	caps[KVM_CAP_ONE_REG] = 0;
	assert_int_equal(check_caps(), -ENOTSUP);
	assert_string_equal(err.msg, "this host's KVM lacks KVM_CAP_ONE_REG, "
				     "needed to test what an architecture "
				     "needs");
}

static void check__an_absent_number_has_a_default(void **state)
{
	(void)state;
	assert_int_equal(check_caps(), 0);
	assert_int_equal(limits.max_slots, 32);
	assert_int_equal(limits.max_vcpus, 4);
	assert_int_equal(limits.address_bits, 40);
	caps[KVM_CAP_NR_VCPUS] = 6;
	caps[KVM_CAP_NR_MEMSLOTS] = 509;
	assert_int_equal(check_caps(), 0);
	assert_int_equal(limits.max_slots, 509);
	assert_int_equal(limits.max_vcpus, 6);
	caps[KVM_CAP_MAX_VCPUS] = 512;
	assert_int_equal(check_caps(), 0);
	assert_int_equal(limits.max_vcpus, 512);
}

static void check__a_kvm_without_sync_mmu_is_used_with_a_warning(void **state)
{
	(void)state;
	assert_int_equal(check_caps(), 0);
	assert_true(limits.sync_mmu);
	assert_string_equal(said, "");
	caps[KVM_CAP_SYNC_MMU] = 0;
	assert_int_equal(check_caps(), 0);
	assert_false(limits.sync_mmu);
	assert_string_equal(said, "vmm: warning: this host's KVM lacks "
				  "KVM_CAP_SYNC_MMU: memory the guest has "
				  "touched stays with it\n");
}

/* A machine of which device_list_make() knows enough; no memory. */
struct parts {
	struct machine machine; /* first: see place_device() */
	struct config config;
	struct backing backing;
	unsigned devices;
};

static int place_device(struct machine *machine, struct virtio *vio,
			struct err *e)
{
	(void)e;
	((struct parts *)machine)->devices++;
	vio->ops->destroy(vio);
	return 0;
}

static struct parts *parts_new(bool sync_mmu)
{
	struct parts *parts = calloc(1, sizeof(*parts));

	assert_non_null(parts);
	parts->machine.config = &parts->config;
	parts->machine.limits.sync_mmu = sync_mmu;
	mem_freeze(&parts->machine.mem);
	assert_int_equal(loop_new(&parts->machine.loop, &err), 0);
	return parts;
}

static void parts_free(struct parts *parts)
{
	parts->machine.loop = loop_free(parts->machine.loop);
	free(parts);
}

static int make_devices(struct parts *parts)
{
	parts->devices = 0;
	return device_list_make(&parts->machine, place_device, &err);
}

static void devices__a_balloon_needs_sync_mmu(void **state)
{
	struct parts *parts = parts_new(false);

	(void)state;
	parts->config.balloon.on = true;
	assert_int_equal(make_devices(parts), -ENOTSUP);
	assert_int_equal(parts->devices, 0);
	assert_string_equal(err.msg, "--balloon: this host's KVM lacks "
				     "KVM_CAP_SYNC_MMU: what the guest gives "
				     "up would stay with it");
	parts->machine.limits.sync_mmu = true;
	assert_int_equal(make_devices(parts), 0);
	assert_int_equal(parts->devices, 1);
	parts_free(parts);
}

/* KVM lets go of what is unplugged when its slot goes. */
static void devices__others_do_not(void **state)
{
	const struct range gpa = { 0x100000000, 8u << 20 };
	const struct mem_policy policy = { .huge = MEM_HUGE_OFF };
	struct parts *parts = parts_new(false);
	struct hotplugs *hotplugs = &parts->machine.hotplugs;

	(void)state;
	assert_int_equal(
		backing_init(&parts->backing, gpa, 4u << 20, &policy, &err), 0);
	assert_int_equal(blocks_new(&hotplugs->hotplug[0].blocks, gpa,
				    &parts->backing, 4u << 20, false, &err),
			 0);
	hotplugs->map = &parts->machine.mem;
	hotplugs->count = 1;
	parts->config.rng = true;
	assert_int_equal(make_devices(parts), 0);
	assert_int_equal(parts->devices, 2);
	hotplug_finish(hotplugs);
	backing_finish(&parts->backing);
	parts_free(parts);
}

static void pageout__needs_sync_mmu(void **state)
{
	struct parts *parts = parts_new(false);
	struct control control = { .machine = &parts->machine };
	json_t *args = json_pack("{s:s}", "region", "none");
	struct qmp_call call = { .ctx = &control, .args = args };

	(void)state;
	assert_int_equal(command_x_vmm_pageout(&call, &err), -ENOTSUP);
	assert_int_equal(call.class, QMP_KVM_MISSING_CAP);
	assert_string_equal(err.msg,
			    "this host's KVM lacks KVM_CAP_SYNC_MMU: memory "
			    "the guest has touched stays with it");
	parts->machine.limits.sync_mmu = true;
	assert_int_equal(command_x_vmm_pageout(&call, &err), -ENOENT);
	json_decref(args);
	parts_free(parts);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(check__a_missing_capability_is_named),
		TEST(check__an_absent_number_has_a_default),
		TEST(check__a_kvm_without_sync_mmu_is_used_with_a_warning),
		TEST(devices__a_balloon_needs_sync_mmu),
		TEST(devices__others_do_not),
		TEST(pageout__needs_sync_mmu),
	};

	return RUN_TESTS(tests);
}
