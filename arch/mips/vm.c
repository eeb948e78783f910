/*
 * arch/mips/vm.c - what makes a KVM VM a MIPS machine.
 *
 * KVM has no interrupt controller here, and no clock but each CPU's own. The
 * goldfish-pic is a device, whose output arch_vcpu_enter() brings to vCPU 0.
 */
#include "vmm/kvm/vm.h"

#include <errno.h>
#include <stdlib.h>

#include "arch/arch.h"
#include "arch/mips/board.h"
#include "arch/mips/machine.h"
#include "arch/mips/regs.h"
#include "arch/mips/vcpu.h"
#include "base/clock.h"
#include "base/log.h"
#include "devices/goldfish_pic.h"
#include "vmm/boot/tree.h"
#include "vmm/kvm/kvm.h"

/*
 * 0 is the best there is, and means trap & emulate to kernels before 5.10, too;
 * VZ has had one number all along.
 */
unsigned long arch_vm_type(const struct machine *machine)
{
	return machine->limits.features & MIPS_HAS_VZ ? KVM_VM_MIPS_VZ
						      : KVM_VM_MIPS_AUTO;
}

static int write_tree(void *ctx, void *at, size_t size, struct err *err)
{
	const struct vm *vm = ctx;
	const struct machine *machine = vm->machine;
	const struct kvmtool_words *kvmtool = &machine->config->kvmtool;
	struct mips_board board = {
		.ram = &machine->arch->ram,
		.mmio = &machine->mmio,
		.cpus = vm->vcpus,
		.serial = machine->config->console == CONSOLE_BOARD,
		.cmdline = machine->config->cmdline,
		.initrd = machine->boot.initrd,
	};
	uint64_t hz;
	int r;

	r = kvm_get_reg(vm->vcpu[0].fd, MIPS_REG_COUNT_HZ, &hz, err);
	if (r < 0)
		return r;
	board.count_hz = (uint32_t)hz;
	r = describe_seed(board.seed,
			  kvmtool->kaslr_seeded ? &kvmtool->kaslr_seed : NULL,
			  err);
	if (r < 0)
		return r;
	return mips_describe(&board, at, size, err);
}

int arch_vm_create(struct vm *vm, struct err *err)
{
	vm->arch = calloc(1, sizeof(*vm->arch));
	if (!vm->arch)
		return err_set(err, -ENOMEM, "virtual machine: out of memory");
	vm->machine->arch->vm = vm;
	return 0;
}

/* There is no interrupt controller in KVM. */
int arch_vm_init(struct vm *vm, struct err *err)
{
	(void)vm;
	(void)err;
	return 0;
}

int arch_vm_boot(struct vm *vm, struct err *err)
{
	struct machine *machine = vm->machine;
	const int r = mips_vcpu_boot(&vm->vcpu[0], err);

	if (r < 0)
		return r;
	return tree_write(&machine->arch->tree, &machine->mem, write_tree, vm,
			  err);
}

void arch_vm_free(struct vm *vm)
{
	vm->machine->arch->vm = NULL;
	free(vm->arch);
	vm->arch = NULL;
}

int arch_irqfd_gsi(struct vm *vm, unsigned pin, uint32_t *ret, struct err *err)
{
	(void)vm;
	(void)pin;
	(void)ret;
	return err_set(err, -ENOTSUP, "MIPS KVM has no irqfds");
}

void arch_irq_set(struct vm *vm, unsigned pin, bool level)
{
	if (goldfish_pic_set(vm->machine->arch->pic, pin, level))
		vcpu_interrupt(&vm->vcpu[0]);
}

/*
 * Count stands while the disable bit is set. On its own it makes up for the
 * time afterwards; so it is set to what it was, as of now.
 * Source: Linux, arch/mips/include/uapi/asm/kvm.h, CP0_Count control.
 */
static int clock_stop(struct vm *vm, struct err *err)
{
	const uint64_t ctl = MIPS_COUNT_CTL_DC;
	int r = 0;

	for (unsigned i = 0; r == 0 && i < vm->vcpus; i++) {
		r = kvm_set_reg(vm->vcpu[i].fd, MIPS_REG_COUNT_CTL, &ctl, err);
		if (r == 0)
			r = kvm_get_reg(vm->vcpu[i].fd, MIPS_REG_COUNT,
					&vm->arch->count[i], err);
	}
	return r;
}

/* Sets Count to @count as of @when, and has it run or stand. */
static int set_cp0_count(int fd, uint64_t when, uint32_t count, uint64_t ctl,
			 struct err *err)
{
	int r = kvm_set_reg(fd, MIPS_REG_COUNT_RESUME, &when, err);

	if (r == 0)
		r = kvm_set_reg(fd, MIPS_REG_COUNT, &count, err);
	return r == 0 ? kvm_set_reg(fd, MIPS_REG_COUNT_CTL, &ctl, err) : r;
}

/*
 * Makes the timer's interrupt pending where Cause says it is: in a new VM, KVM
 * does not know yet, and setting Cause does not tell it. That only a Count does
 * which passes Compare; so it does, a tick ago.
 */
static int replay_timer(int fd, struct err *err)
{
	const uint64_t ctl = MIPS_COUNT_CTL_DC;
	uint32_t cause, compare;
	uint64_t hz;
	int r = kvm_get_reg(fd, MIPS_REG_CAUSE, &cause, err);

	if (r < 0 || !(cause & MIPS_CAUSE_TI))
		return r;
	r = kvm_get_reg(fd, MIPS_REG_COMPARE, &compare, err);
	if (r == 0)
		r = kvm_get_reg(fd, MIPS_REG_COUNT_HZ, &hz, err);
	if (r == 0)
		r = set_cp0_count(
			fd, clock_ns() - (NS_PER_SECOND / (hz ? hz : 1) + 1),
			compare - 1, 0, err);
	return r == 0 ? kvm_set_reg(fd, MIPS_REG_COUNT_CTL, &ctl, err) : r;
}

static int clock_start(struct vm *vm, struct err *err)
{
	uint64_t when;
	int r = 0;

	for (unsigned i = 0; r == 0 && i < vm->vcpus; i++)
		r = replay_timer(vm->vcpu[i].fd, err);
	when = clock_ns();
	for (unsigned i = 0; r == 0 && i < vm->vcpus; i++)
		r = set_cp0_count(vm->vcpu[i].fd, when, vm->arch->count[i], 0,
				  err);
	return r;
}

/* Where stopping or starting them failed: of those that stand, none stays so.
 */
static void release_counts(struct vm *vm)
{
	const uint64_t ctl = 0;
	struct err unused = { 0 };

	for (unsigned i = 0; i < vm->vcpus; i++)
		(void)kvm_set_reg(vm->vcpu[i].fd, MIPS_REG_COUNT_CTL, &ctl,
				  &unused);
}

void arch_clock_stop(struct vm *vm)
{
	struct err err;

	vm->arch->stopped = clock_stop(vm, &err) == 0;
	if (vm->arch->stopped)
		return;
	log_warn("the guest's clock goes on during the pause: %s", err.msg);
	release_counts(vm);
}

void arch_clock_start(struct vm *vm)
{
	struct err err;

	if (vm->arch->stopped && clock_start(vm, &err) < 0) {
		log_warn("the guest's clock jumps over the pause: %s", err.msg);
		release_counts(vm);
	}
	vm->arch->stopped = false;
}
