/* arch/arm64/vcpu_state.c - what KVM holds of an arm64 vCPU, saved and loaded.
 */
#include <errno.h>
#include <inttypes.h>

#include "arch/arch.h"
#include "arch/arm64/machine.h"
#include "arch/arm64/regs.h"
#include "arch/arm64/state.h"
#include "arch/arm64/vcpu.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/state.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/regs.h"
#include "vmm/kvm/vm.h"

static bool has_sve(const struct vcpu *vcpu)
{
	return vcpu->vm->machine->limits.features & ARM64_HAS_SVE;
}

/*
 * The counters are the VM's, not a vCPU's, and run on until arch_clock_start();
 * vector lengths come before all others.
 */
static int list_regs(const struct vcpu *vcpu, struct reg_list *ret,
		     struct err *err)
{
	const int r = reg_list_init(ret, vcpu->fd, err);

	if (r < 0)
		return r;
	(void)reg_list_remove(ret, KVM_REG_ARM_TIMER_CNT);
	(void)reg_list_remove(ret, KVM_REG_ARM_PTIMER_CNT);
	if (has_sve(vcpu))
		(void)reg_list_remove(ret, KVM_REG_ARM64_SVE_VLS);
	return 0;
}

/*
 * Each is a second view of a register that sets bits, and clears them. Newer
 * KVMs take a write to either for what it does, so that one saved value written
 * to both would leave nothing.
 */
static const uint64_t clearing[] = {
	ARM64_SYS_REG(3, 3, 9, 12, 2), /* PMCNTENCLR_EL0 */
	ARM64_SYS_REG(3, 0, 9, 14, 2), /* PMINTENCLR_EL1 */
	ARM64_SYS_REG(3, 3, 9, 12, 3), /* PMOVSCLR_EL0 */
};

#define CLEARING (sizeof(clearing) / sizeof(clearing[0]))

static int save_regs(const struct vcpu *vcpu, struct state *state,
		     struct err *err)
{
	_cleanup_(reg_list_finish) struct reg_list list = { 0 };
	const int r = list_regs(vcpu, &list, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < CLEARING; i++)
		(void)reg_list_remove(&list, clearing[i]);
	state_section(state, ARM64_STATE_REGS, vcpu->index);
	return regs_save(vcpu->fd, &list, state, err);
}

static int load_regs(const struct vcpu *vcpu, struct state_view *view,
		     struct err *err)
{
	_cleanup_(reg_list_finish) struct reg_list list = { 0 };
	const uint64_t ones = UINT64_MAX;
	struct state_records records;
	int r = list_regs(vcpu, &list, err);

	for (size_t i = 0; r == 0 && i < CLEARING; i++)
		if (reg_list_remove(&list, clearing[i]))
			r = kvm_set_reg(vcpu->fd, clearing[i], &ones, err);
	if (r == 0)
		r = state_find(view, ARM64_STATE_REGS, vcpu->index, &records,
			       err);
	return r == 0 ? regs_load(vcpu->fd, &list, &records, err) : r;
}

static int save_lengths(const struct vcpu *vcpu, struct state *state,
			struct err *err)
{
	uint64_t vls[KVM_ARM64_SVE_VLS_WORDS];
	uint8_t bytes[sizeof(vls)];
	int r;

	if (!has_sve(vcpu))
		return 0;
	r = kvm_get_reg(vcpu->fd, KVM_REG_ARM64_SVE_VLS, vls, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < KVM_ARM64_SVE_VLS_WORDS; i++)
		store_le64(bytes + 8 * i, vls[i]);
	state_put(state, ARM64_VCPU_SVE_LENGTHS, bytes, sizeof(bytes));
	return 0;
}

int arch_vcpu_save(struct vcpu *vcpu, struct state *state, struct err *err)
{
	struct kvm_vcpu_events events = { 0 };
	struct kvm_mp_state mp = { 0 };
	int r;

	/* Registers first: for them KVM does what PSCI CPU_ON still owes. */
	r = save_regs(vcpu, state, err);
	if (r == 0)
		r = kvm_ioctl(vcpu->fd, KVM_GET_MP_STATE, &mp, err);
	if (r == 0)
		r = kvm_ioctl(vcpu->fd, KVM_GET_VCPU_EVENTS, &events, err);
	if (r < 0)
		return r;
	state_section(state, ARM64_STATE_VCPU, vcpu->index);
	state_put_int(state, ARM64_VCPU_OFF,
		      mp.mp_state == KVM_MP_STATE_STOPPED, 1);
	state_put_int(state, ARM64_VCPU_SERROR, events.exception.serror_pending,
		      1);
	state_put_int(state, ARM64_VCPU_SERROR_HAS_ESR,
		      events.exception.serror_has_esr, 1);
	state_put_int(state, ARM64_VCPU_SERROR_ESR, events.exception.serror_esr,
		      8);
	return save_lengths(vcpu, state, err);
}

static int load_lengths(const struct vcpu *vcpu, struct state_records *records,
			struct err *err)
{
	uint64_t vls[KVM_ARM64_SVE_VLS_WORDS];
	struct state_record record;

	while (state_next(records, &record)) {
		if (record.id != ARM64_VCPU_SVE_LENGTHS ||
		    record.size != sizeof(vls))
			continue;
		records->taken++;
		for (size_t i = 0; i < KVM_ARM64_SVE_VLS_WORDS; i++)
			vls[i] = load_le64(record.val + 8 * i);
		return kvm_set_reg(vcpu->fd, KVM_REG_ARM64_SVE_VLS, vls, err);
	}
	return err_input(err, -ENOENT, "state: vector lengths are missing");
}

static int load_events(const struct vcpu *vcpu, struct state_records *records,
		       struct err *err)
{
	uint64_t pending = 0, has_esr = 0, esr = 0;
	int r = state_get(records, ARM64_VCPU_SERROR, 1, &pending, err);

	if (r == 0)
		r = state_get(records, ARM64_VCPU_SERROR_HAS_ESR, 1, &has_esr,
			      err);
	if (r == 0)
		r = state_get(records, ARM64_VCPU_SERROR_ESR, 8, &esr, err);
	if (r == 0 && pending) {
		const struct kvm_vcpu_events events = {
			.exception.serror_pending = 1,
			.exception.serror_has_esr = has_esr != 0,
			.exception.serror_esr = has_esr ? esr : 0,
		};

		r = kvm_ioctl(vcpu->fd, KVM_SET_VCPU_EVENTS, &events, err);
	}
	return r;
}

static int load_vcpu_state(struct vcpu *vcpu, struct state_view *view,
			   struct err *err)
{
	struct kvm_mp_state mp = { .mp_state = KVM_MP_STATE_RUNNABLE };
	struct state_records records;
	uint64_t off = 0;
	int r;

	r = state_find(view, ARM64_STATE_VCPU, vcpu->index, &records, err);
	if (r == 0 && has_sve(vcpu))
		r = load_lengths(vcpu, &records, err);
	if (r == 0)
		r = arm64_vcpu_finalize(vcpu, err);
	if (r == 0)
		r = load_regs(vcpu, view, err);
	if (r == 0)
		r = load_events(vcpu, &records, err);
	if (r == 0)
		r = state_get(&records, ARM64_VCPU_OFF, 1, &off, err);
	if (r == 0)
		r = state_records_end(&records, err);
	if (r < 0)
		return r;
	if (off)
		mp.mp_state = KVM_MP_STATE_STOPPED;
	return kvm_ioctl(vcpu->fd, KVM_SET_MP_STATE, &mp, err);
}

int arch_vcpu_load(struct vcpu *vcpu, struct state_view *view, struct err *err)
{
	return load_vcpu_state(vcpu, view, err) < 0
		     ? err_wrap(err, "vcpu %u", vcpu->index)
		     : 0;
}
