/* arch/arm64/doctor.c - what this host's KVM offers to arm64 guests. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "arch/arch.h"
#include "arch/arm64/gic.h"
#include "base/cleanup.h"
#include "vmm/doctor/doctor.h"
#include "vmm/kvm/kvm.h"

#define DEFAULT_IPA_BITS 40 /* api.rst, 4.2: where the capability is absent */

// clang-format off
/* Source of the meanings: Linux, Documentation/virt/kvm/api.rst. */
static const struct doctor_cap caps[] = {
	{ DOCTOR_CAP(KVM_CAP_ARM_PSCI_0_2), DOCTOR_FATAL,
	  "PSCI 0.2",
	  "a guest cannot start CPUs or power off", "a newer kernel" },
	{ DOCTOR_CAP(KVM_CAP_ARM_PMU_V3), DOCTOR_MISSING,
	  "performance counters",
	  "--pmu is refused", "a host CPU and kernel with it" },
	{ DOCTOR_CAP(KVM_CAP_ARM_SVE), DOCTOR_MISSING,
	  "scalable vectors (SVE)",
	  "guests have none", "a host CPU and kernel with it" },
	{ DOCTOR_CAP(KVM_CAP_ARM_PTRAUTH_ADDRESS), DOCTOR_MISSING,
	  "pointer authentication",
	  "guests have none", "a host CPU and kernel with it" },
	{ DOCTOR_CAP(KVM_CAP_ARM_MTE), DOCTOR_MISSING,
	  "memory tagging (MTE)",
	  "guests have none", "a host CPU and kernel with it" },
	{ DOCTOR_CAP(KVM_CAP_STEAL_TIME), DOCTOR_MISSING,
	  "steal time",
	  "guests cannot tell when the host keeps them waiting",
	  "a newer kernel" },
	{ DOCTOR_CAP(KVM_CAP_ARM_EL1_32BIT), DOCTOR_MISSING,
	  "AArch32 EL1",
	  "guests run 64-bit kernels alone", "a host CPU with AArch32 at EL1" },
};
// clang-format on

static int ipa_bits(int kvm)
{
	const int bits = kvm_cap(kvm, KVM_CAP_ARM_VM_IPA_SIZE);

	return bits ? bits : DEFAULT_IPA_BITS;
}

/* A VM to ask what can be had of it. Returns its descriptor or -errno. */
static int scratch_vm(int kvm, struct err *err)
{
	const int bits = kvm_cap(kvm, KVM_CAP_ARM_VM_IPA_SIZE);

	return kvm_ioctl_raw(kvm, KVM_CREATE_VM,
			     bits ? KVM_VM_TYPE_ARM_IPA_SIZE((unsigned)bits)
				  : 0,
			     "KVM_CREATE_VM", err);
}

static void check_host_gic(struct doctor *doctor, int vm)
{
	const char *offers = gic_offers(vm);

	doctor_add(doctor, offers ? DOCTOR_OK : DOCTOR_FATAL,
		   "interrupt controllers",
		   "a guest needs one that KVM provides",
		   "a host with a GICv2 or GICv3 that KVM can use", "%s",
		   offers ? offers : "none");
}

/* Sizes of a bit mask as "4K 2M 1G". */
static void check_blocks(struct doctor *doctor, int kvm)
{
	const uint32_t sizes = (uint32_t)kvm_cap(
		kvm, KVM_CAP_ARM_SUPPORTED_BLOCK_SIZES);
	char text[64] = "unknown";
	size_t len = 0;

	for (unsigned bit = 12; bit < 32 && len < sizeof(text); bit++)
		if (sizes >> bit & 1)
			len += (size_t)snprintf(text + len, sizeof(text) - len,
						"%s%u%c", len ? " " : "",
						1U << bit % 10,
						"KMG"[bit / 10 - 1]);
	doctor_add(doctor, sizes ? DOCTOR_OK : DOCTOR_MISSING,
		   "eager page split sizes",
		   "a guest slows down while its changes are watched",
		   "Linux 6.5 or newer", "%s", text);
}

void arch_doctor(struct doctor *doctor, int kvm)
{
	struct err err = { 0 };
	_cleanup_(fd_closep) int vm = scratch_vm(kvm, &err);

	doctor_add(doctor, DOCTOR_OK, "IPA size", NULL, NULL, "%d bits",
		   ipa_bits(kvm));
	if (vm < 0)
		doctor_add(doctor, DOCTOR_FATAL, "a virtual machine",
			   "no guest can run",
			   "free memory, or stop other guests", "%s",
			   strerrordesc_np(-vm));
	else
		check_host_gic(doctor, vm);
	doctor_caps(doctor, caps, sizeof(caps) / sizeof(*caps), kvm);
	check_blocks(doctor, kvm);
}
