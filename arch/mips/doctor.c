/* arch/mips/doctor.c - what this host's KVM offers to MIPS guests. */
#include <stddef.h>

#include "arch/arch.h"
#include "vmm/doctor/doctor.h"
#include "vmm/kvm/kvm.h"

// clang-format off
/* Source of the meanings: Linux, Documentation/virt/kvm/api.rst, 7 and 8. */
static const struct doctor_cap caps[] = {
	{ DOCTOR_CAP(KVM_CAP_MIPS_FPU), DOCTOR_MISSING,
	  "FPU",
	  "guests emulate floating point", "a host CPU with an FPU" },
	{ DOCTOR_CAP(KVM_CAP_MIPS_64BIT), DOCTOR_MISSING,
	  "64-bit kernels",
	  "guests run 32-bit kernels alone", "a 64-bit host with VZ" },
};
// clang-format on

static const char *kvm_kind(bool vz, bool te)
{
	if (vz)
		return "hardware virtualization (VZ), untested";
	return te ? "trap & emulate" : "trap & emulate, by its silence";
}

void arch_doctor(struct doctor *doctor, int kvm)
{
	const bool vz = kvm_cap(kvm, KVM_CAP_MIPS_VZ) != 0;
	const bool te = kvm_cap(kvm, KVM_CAP_MIPS_TE) != 0;

	doctor_add(doctor, DOCTOR_OK, "virtualization", NULL, NULL, "%s",
		   kvm_kind(vz, te));
	doctor_add(doctor, DOCTOR_OK, "guest kernels", NULL, NULL, "%s",
		   vz ? "any for KSEG0 at 0x80000000"
		      : "CONFIG_KVM_GUEST, KSEG0 at 0x40000000, one CPU");
	doctor_caps(doctor, caps, sizeof(caps) / sizeof(*caps), kvm);
}
