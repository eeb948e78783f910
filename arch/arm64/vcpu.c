/* arch/arm64/vcpu.c - registers and exits of an arm64 vCPU. */
#include "vmm/kvm/vcpu.h"

#include <errno.h>
#include <inttypes.h>

#include "arch/arch.h"
#include "arch/arm64/machine.h"
#include "arch/arm64/regs.h"
#include "arch/arm64/vcpu.h"
#include "base/log.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/vm.h"

/* Bytes of a stolen-time record. Source: Arm DEN0057A, 3.2.2 */
#define PVTIME_STEP 64

static bool vcpu_has_feature(const struct vcpu *vcpu,
			     enum arm64_feature feature)
{
	return vcpu->vm->machine->limits.features & feature;
}

static void add_feature(struct kvm_vcpu_init *init, unsigned feature)
{
	init->features[feature / 32] |= 1u << feature % 32;
}

static int init_target(struct vcpu *vcpu, struct err *err)
{
	struct kvm_vcpu_init init;
	const int r = kvm_ioctl(vcpu->vm->fd, KVM_ARM_PREFERRED_TARGET, &init,
				err);

	if (r < 0)
		return r;
	add_feature(&init, KVM_ARM_VCPU_PSCI_0_2);
	if (vcpu->index > 0)
		add_feature(&init, KVM_ARM_VCPU_POWER_OFF);
	if (vcpu->vm->machine->config->pmu)
		add_feature(&init, KVM_ARM_VCPU_PMU_V3);
	if (vcpu_has_feature(vcpu, ARM64_HAS_PTRAUTH)) {
		add_feature(&init, KVM_ARM_VCPU_PTRAUTH_ADDRESS);
		add_feature(&init, KVM_ARM_VCPU_PTRAUTH_GENERIC);
	}
	if (vcpu_has_feature(vcpu, ARM64_HAS_SVE))
		add_feature(&init, KVM_ARM_VCPU_SVE);
	return kvm_ioctl(vcpu->fd, KVM_ARM_VCPU_INIT, &init, err);
}

static int init_pvtime(struct vcpu *vcpu, struct err *err)
{
	const uint64_t at = ARM64_PVTIME + (uint64_t)vcpu->index * PVTIME_STEP;

	if (!vcpu_has_feature(vcpu, ARM64_HAS_STEAL_TIME))
		return 0;
	return kvm_set_attr(vcpu->fd, KVM_ARM_VCPU_PVTIME_CTRL,
			    KVM_ARM_VCPU_PVTIME_IPA, &at, "stolen time address",
			    err);
}

int arch_vcpu_init(struct vcpu *vcpu, struct err *err)
{
	int r;

	r = init_target(vcpu, err);
	if (r == 0)
		r = init_pvtime(vcpu, err);
	return r < 0 ? err_wrap(err, "vcpu %u", vcpu->index) : 0;
}

/*
 * Takes the longer vectors from a vCPU. Each of 16 lengths is a bit; the first
 * is 128 bits. Source: Linux, Documentation/virt/kvm/api.rst, 4.68.
 */
static int limit_sve(struct vcpu *vcpu, struct err *err)
{
	const unsigned longest = vcpu->vm->machine->config->kvmtool.sve_max_vl /
				 128;
	uint64_t lengths[KVM_ARM64_SVE_VLS_WORDS];
	int r;

	if (longest == 0)
		return 0;
	r = kvm_get_reg(vcpu->fd, KVM_REG_ARM64_SVE_VLS, lengths, err);
	if (r < 0)
		return r;
	lengths[0] &= (UINT64_C(1) << longest) - 1;
	return kvm_set_reg(vcpu->fd, KVM_REG_ARM64_SVE_VLS, lengths, err);
}

int arm64_vcpu_finalize(struct vcpu *vcpu, struct err *err)
{
	const int sve = KVM_ARM_VCPU_SVE;

	int r;

	if (!vcpu_has_feature(vcpu, ARM64_HAS_SVE))
		return 0;
	r = limit_sve(vcpu, err);
	if (r < 0)
		return err_wrap(err, "--sve-max-vl");
	return kvm_ioctl(vcpu->fd, KVM_ARM_VCPU_FINALIZE, &sve, err);
}

/* The others get their registers from PSCI CPU_ON, within KVM. */
static int set_boot_regs(struct vcpu *vcpu, struct err *err)
{
	const struct boot_state *boot = &vcpu->vm->machine->boot;
	int r = kvm_set_reg(vcpu->fd, ARM64_REG_PC, &boot->pc, err);

	for (unsigned i = 0; r == 0 && i < 4; i++) {
		if (boot->arg[i] != 0)
			r = kvm_set_reg(vcpu->fd, ARM64_REG_X(i), &boot->arg[i],
					err);
	}
	return r;
}

int arm64_vcpu_boot(struct vcpu *vcpu, struct err *err)
{
	int r;

	r = arm64_vcpu_finalize(vcpu, err);
	if (r == 0 && vcpu->index == 0)
		r = set_boot_regs(vcpu, err);
	return r < 0 ? err_wrap(err, "vcpu %u", vcpu->index) : 0;
}

/* KVM has it all: the interrupt controller is in there. */
int arch_vcpu_enter(struct vcpu *vcpu, struct err *err)
{
	(void)vcpu;
	(void)err;
	return 0;
}

uint64_t arch_write_mask(const struct vcpu *vcpu, const struct io_access *io)
{
	(void)vcpu;
	(void)io;
	return UINT64_MAX;
}

static uint64_t vcpu_pc(const struct vcpu *vcpu)
{
	struct err unused = { 0 };
	uint64_t val = 0;

	(void)kvm_get_reg(vcpu->fd, ARM64_REG_PC, &val, &unused);
	return val;
}

/* An access that no device can answer gets an abort, as on hardware. */
static int exit_nisv(struct vcpu *vcpu, struct err *err)
{
	const struct kvm_vcpu_events abort = {
		.exception.ext_dabt_pending = 1,
	};

	log_guest(&vcpu->vm->machine->unclaimed,
		  "access at 0x%" PRIx64 " that the CPU does not describe, "
		  "pc 0x%" PRIx64 ": external abort",
		  (uint64_t)vcpu->run->arm_nisv.fault_ipa, vcpu_pc(vcpu));
	return kvm_ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &abort, err);
}

static int exit_system_event(struct vcpu *vcpu, struct err *err)
{
	const uint32_t type = vcpu->run->system_event.type;

	switch (type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		machine_end(vcpu->vm->machine, OUTCOME_POWEROFF);
		return 0;
	case KVM_SYSTEM_EVENT_RESET:
		machine_end(vcpu->vm->machine, OUTCOME_RESET);
		return 0;
	case KVM_SYSTEM_EVENT_CRASH:
		machine_end(vcpu->vm->machine, OUTCOME_PANIC);
		return 0;
	default:
		return err_set(err, -EPROTO,
			       "unknown system event %" PRIu32
			       " at pc 0x%" PRIx64,
			       type, vcpu_pc(vcpu));
	}
}

int arch_vcpu_exit(struct vcpu *vcpu, struct err *err)
{
	const struct kvm_run *run = vcpu->run;

	switch (run->exit_reason) {
	case KVM_EXIT_SYSTEM_EVENT:
		return exit_system_event(vcpu, err);
	case KVM_EXIT_ARM_NISV:
		return exit_nisv(vcpu, err);
	case KVM_EXIT_FAIL_ENTRY:
		return err_set(
			err, -EIO,
			"the CPU refused to enter the guest, reason "
			"0x%" PRIx64 ", pc 0x%" PRIx64,
			(uint64_t)run->fail_entry.hardware_entry_failure_reason,
			vcpu_pc(vcpu));
	case KVM_EXIT_INTERNAL_ERROR:
		return err_set(err, -EIO,
			       "KVM internal error %" PRIu32
			       " at pc 0x%" PRIx64,
			       run->internal.suberror, vcpu_pc(vcpu));
	default:
		return err_set(err, -EPROTO,
			       "unknown exit %" PRIu32 " at pc 0x%" PRIx64,
			       run->exit_reason, vcpu_pc(vcpu));
	}
}
