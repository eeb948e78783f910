/*
 * arch/mips/state.c - what KVM holds of a MIPS vCPU, saved and loaded.
 *
 * Three things are not in the registers. Count and the timer's interrupt belong
 * to arch_clock_stop() and arch_clock_start(). Which interrupts of devices are
 * pending is told again by arch_vcpu_enter(). And the guest's TLB cannot be
 * read: it is empty afterwards, as it may be at any time where a kernel refills
 * it; wired entries are gone.
 */
#include "arch/mips/state.h"

#include <errno.h>

#include "arch/arch.h"
#include "arch/mips/machine.h"
#include "arch/mips/regs.h"
#include "base/cleanup.h"
#include "base/state.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/regs.h"
#include "vmm/kvm/vm.h"

/* All but those of the clock. */
static int list_regs(const struct vcpu *vcpu, struct reg_list *ret,
		     struct err *err)
{
	const int r = reg_list_init(ret, vcpu->fd, err);

	if (r < 0)
		return r;
	reg_list_remove(ret, MIPS_REG_COUNT);
	reg_list_remove(ret, MIPS_REG_COUNT_CTL);
	reg_list_remove(ret, MIPS_REG_COUNT_RESUME);
	return 0;
}

/* KVM lists an FPU's registers as singles and as doubles, and refuses half of
 * the doubles while they are pairs of singles. */
static void remove_fpr_views(struct reg_list *list, bool fr)
{
	for (unsigned i = 0; i < 32; i++)
		reg_list_remove(list,
				fr ? MIPS_REG_FPR_32(i) : MIPS_REG_FPR_64(i));
}

int arch_vcpu_save(struct vcpu *vcpu, struct state *state, struct err *err)
{
	_cleanup_(reg_list_finish) struct reg_list list = { 0 };
	uint32_t status;
	int r;

	if (!vcpu->vm->arch->stopped)
		return err_set(err, -EIO, "the guest's clock cannot be read");
	r = list_regs(vcpu, &list, err);
	if (r == 0)
		r = kvm_get_reg(vcpu->fd, MIPS_REG_STATUS, &status, err);
	if (r == 0) {
		remove_fpr_views(&list, status & MIPS_STATUS_FR);
		state_section(state, MIPS_STATE_REGS, vcpu->index);
		r = regs_save(vcpu->fd, &list, state, err);
	}
	if (r < 0)
		return err_wrap(err, "vcpu %u", vcpu->index);
	state_section(state, MIPS_STATE_VCPU, vcpu->index);
	state_put_int(state, MIPS_VCPU_OFF, vcpu->power != VCPU_ON, 1);
	state_put_int(state, MIPS_VCPU_COUNT,
		      vcpu->vm->arch->count[vcpu->index], 4);
	return 0;
}

/* KVM lists the FPU's registers first, and Status says what they are. */
static int load_status(const struct vcpu *vcpu, struct state_records records,
		       uint32_t *ret, struct err *err)
{
	uint64_t val;
	int r = state_get(&records, MIPS_REG_STATUS, 4, &val, err);

	if (r < 0)
		return r;
	*ret = (uint32_t)val;
	return kvm_set_reg(vcpu->fd, MIPS_REG_STATUS, ret, err);
}

static int load_regs(const struct vcpu *vcpu, struct state_view *view,
		     struct err *err)
{
	_cleanup_(reg_list_finish) struct reg_list list = { 0 };
	const uint64_t ctl = MIPS_COUNT_CTL_DC;
	struct state_records records;
	uint32_t status = 0;
	int r;

	/* Else Compare would be compared with a Count that is not the guest's.
	 */
	r = kvm_set_reg(vcpu->fd, MIPS_REG_COUNT_CTL, &ctl, err);
	if (r == 0)
		r = list_regs(vcpu, &list, err);
	if (r == 0)
		r = state_find(view, MIPS_STATE_REGS, vcpu->index, &records,
			       err);
	if (r == 0)
		r = load_status(vcpu, records, &status, err);
	if (r < 0)
		return r;
	remove_fpr_views(&list, status & MIPS_STATUS_FR);
	return regs_load(vcpu->fd, &list, &records, err);
}

static int load_vcpu_state(struct vcpu *vcpu, struct state_view *view,
			   struct err *err)
{
	struct state_records records;
	uint64_t off = 0, count = 0;
	int r;

	r = load_regs(vcpu, view, err);
	if (r == 0)
		r = state_find(view, MIPS_STATE_VCPU, vcpu->index, &records,
			       err);
	if (r == 0)
		r = state_get(&records, MIPS_VCPU_OFF, 1, &off, err);
	if (r == 0)
		r = state_get(&records, MIPS_VCPU_COUNT, 4, &count, err);
	if (r == 0)
		r = state_records_end(&records, err);
	if (r < 0)
		return r;
	vcpu->power = off ? VCPU_OFF : VCPU_ON;
	vcpu->vm->arch->count[vcpu->index] = (uint32_t)count;
	return 0;
}

int arch_vcpu_load(struct vcpu *vcpu, struct state_view *view, struct err *err)
{
	return load_vcpu_state(vcpu, view, err) < 0
		     ? err_wrap(err, "vcpu %u", vcpu->index)
		     : 0;
}

static bool has_vz(const struct vm *vm)
{
	return vm->machine->limits.features & MIPS_HAS_VZ;
}

int arch_vm_save(struct vm *vm, struct state *state, struct err *err)
{
	(void)err;
	state_section(state, MIPS_STATE_VM, 0);
	state_put_int(state, MIPS_VM_VZ, has_vz(vm), 1);
	return 0;
}

int arch_vm_load(struct vm *vm, struct state_view *view, struct err *err)
{
	struct state_records records;
	uint64_t vz;
	int r = state_find(view, MIPS_STATE_VM, 0, &records, err);

	if (r == 0)
		r = state_get(&records, MIPS_VM_VZ, 1, &vz, err);
	if (r == 0)
		r = state_records_end(&records, err);
	if (r == 0 && (vz != 0) != has_vz(vm))
		return err_input(err, -ENOTSUP, "state: its kernel is for %s",
				 vz ? "VZ" : "trap & emulate KVM");
	/* In Cause it may be high, whatever it is now. */
	vm->arch->line = true;
	vm->arch->stopped = r == 0;
	return r;
}
