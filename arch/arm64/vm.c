/*
 * arch/arm64/vm.c - what makes a KVM VM an arm64 machine.
 *
 * KVM answers PSCI itself: CPU_ON, CPU_OFF, CPU_SUSPEND and the rest; power-off
 * and reset come to us. SYSTEM_SUSPEND is not offered, as KVM leaves all of it
 * to the VMM and nothing here could wake the guest; Linux then suspends to
 * idle.
 */
#include "vmm/kvm/vm.h"

#include <errno.h>
#include <stdlib.h>

#include "arch/arch.h"
#include "arch/arm64/board.h"
#include "arch/arm64/gic.h"
#include "arch/arm64/machine.h"
#include "arch/arm64/mte.h"
#include "arch/arm64/regs.h"
#include "arch/arm64/state.h"
#include "arch/arm64/vcpu.h"
#include "base/log.h"
#include "base/state.h"
#include "vmm/boot/tree.h"
#include "vmm/kvm/kvm.h"

struct arch_vm {
	struct gic gic;
	/* Values of the counters when they were stopped. */
	uint64_t count, physical;
	bool stopped; /* @count holds */
	bool physical_stopped; /* @physical does */
};

unsigned long arch_vm_type(const struct machine *machine)
{
	return KVM_VM_TYPE_ARM_IPA_SIZE(machine->arch->layout.address_bits);
}

/*
 * An access that the CPU does not describe (a pair of registers, say), to where
 * there is no memory, comes to us rather than ending KVM_RUN with an error.
 */
static int ask_for_nisv(struct vm *vm, struct err *err)
{
	const struct kvm_enable_cap cap = { .cap = KVM_CAP_ARM_NISV_TO_USER };

	if (!kvm_cap(vm->fd, KVM_CAP_ARM_NISV_TO_USER) ||
	    !kvm_cap(vm->fd, KVM_CAP_ARM_INJECT_EXT_DABT))
		return err_set(err, -ENOTSUP,
			       "this host's KVM lacks KVM_CAP_ARM_NISV_TO_USER "
			       "or KVM_CAP_ARM_INJECT_EXT_DABT, needed to "
			       "outlive a guest's stray accesses (Linux 5.5 "
			       "has them)");
	return kvm_ioctl(vm->fd, KVM_ENABLE_CAP, &cap, err);
}

/* The PMU's overflow interrupt is a GIC's, so this comes after it. */
static int start_pmus(struct vm *vm, struct err *err)
{
	const int irq = ARM64_PPI(ARM64_PPI_PMU);
	int r = 0;

	for (unsigned i = 0; r == 0 && i < vm->vcpus; i++) {
		const int fd = vm->vcpu[i].fd;

		r = kvm_set_attr(fd, KVM_ARM_VCPU_PMU_V3_CTRL,
				 KVM_ARM_VCPU_PMU_V3_IRQ, &irq, "PMU interrupt",
				 err);
		if (r == 0)
			r = kvm_set_attr(fd, KVM_ARM_VCPU_PMU_V3_CTRL,
					 KVM_ARM_VCPU_PMU_V3_INIT, NULL,
					 "PMU start", err);
	}
	return r;
}

static int get_mpidrs(const struct vm *vm, uint64_t *mpidr, struct err *err)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < vm->vcpus; i++)
		r = kvm_get_reg(vm->vcpu[i].fd, ARM64_REG_MPIDR, &mpidr[i],
				err);
	return r;
}

static int write_tree(void *ctx, void *at, size_t size, struct err *err)
{
	const struct vm *vm = ctx;
	const struct machine *machine = vm->machine;
	const struct kvmtool_words *kvmtool = &machine->config->kvmtool;
	uint64_t mpidr[CONFIG_MAX_CPUS];
	struct arm64_board board = {
		.layout = &machine->arch->layout,
		.mmio = &machine->mmio,
		.gic = vm->arch->gic.kind,
		.cpus = vm->vcpus,
		.mpidr = mpidr,
		.pmu = machine->config->pmu,
		.serial = machine->config->console == CONSOLE_BOARD,
		.cmdline = machine->config->cmdline,
		.initrd = machine->boot.initrd,
	};
	int r;

	r = get_mpidrs(vm, mpidr, err);
	if (r < 0)
		return r;
	r = describe_seed(board.seed,
			  kvmtool->kaslr_seeded ? &kvmtool->kaslr_seed : NULL,
			  err);
	if (r < 0)
		return r;
	return arm64_describe(&board, at, size, err);
}

int arch_vm_create(struct vm *vm, struct err *err)
{
	int r;

	vm->arch = calloc(1, sizeof(*vm->arch));
	if (!vm->arch)
		return err_set(err, -ENOMEM, "virtual machine: out of memory");
	vm->arch->gic.fd = -1;
	vm->arch->gic.its_fd = -1;
	r = ask_for_nisv(vm, err);
	return r == 0 ? arm64_mte_enable(vm->machine, vm->fd, err) : r;
}

int arch_vm_init(struct vm *vm, struct err *err)
{
	const int r = gic_init(&vm->arch->gic, vm, err);

	return r == 0 && vm->machine->config->pmu ? start_pmus(vm, err) : r;
}

int arch_vm_boot(struct vm *vm, struct err *err)
{
	struct machine *machine = vm->machine;
	int r = 0;

	for (unsigned i = 0; r == 0 && i < vm->vcpus; i++)
		r = arm64_vcpu_boot(&vm->vcpu[i], err);
	if (r < 0)
		return r;
	return tree_write(&machine->arch->tree, &machine->mem, write_tree, vm,
			  err);
}

void arch_vm_free(struct vm *vm)
{
	if (!vm->arch)
		return;
	gic_finish(&vm->arch->gic);
	free(vm->arch);
	vm->arch = NULL;
}

/* Without a routing of one's own, KVM's is: gsi n is SPI n. */
int arch_irqfd_gsi(struct vm *vm, unsigned pin, uint32_t *ret, struct err *err)
{
	(void)vm;
	(void)err;
	*ret = pin;
	return 0;
}

void arch_irq_set(struct vm *vm, unsigned pin, bool level)
{
	const struct kvm_irq_level irq = {
		.irq = KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT |
		       ARM64_SPI(pin) << KVM_ARM_IRQ_NUM_SHIFT,
		.level = level,
	};
	struct err unused;

	(void)kvm_ioctl(vm->fd, KVM_IRQ_LINE, &irq, &unused);
}

/*
 * The virtual counter is the host's less an offset that all vCPUs share; to
 * write it is to choose the offset. So the guest does not see the pause, and
 * its clocks are behind the host's by it, until something sets them.
 * Source: Linux, Documentation/virt/kvm/devices/vcpu.rst, and api.rst, 4.68.
 */
void arch_clock_stop(struct vm *vm)
{
	struct err err;

	vm->arch->stopped = kvm_get_reg(vm->vcpu[0].fd, KVM_REG_ARM_TIMER_CNT,
					&vm->arch->count, &err) == 0;
	if (!vm->arch->stopped)
		log_warn("the guest's clock goes on during the pause: %s",
			 err.msg);
}

void arch_clock_start(struct vm *vm)
{
	struct err err;

	if (vm->arch->stopped &&
	    kvm_set_reg(vm->vcpu[0].fd, KVM_REG_ARM_TIMER_CNT, &vm->arch->count,
			&err) < 0)
		log_warn("the guest's clock jumps over the pause: %s", err.msg);
	vm->arch->stopped = false;
	if (vm->arch->physical_stopped &&
	    kvm_set_reg(vm->vcpu[0].fd, KVM_REG_ARM_PTIMER_CNT,
			&vm->arch->physical, &err) < 0)
		log_warn("the guest's physical counter is the host's: %s",
			 err.msg);
	vm->arch->physical_stopped = false;
}

int arch_vm_save(struct vm *vm, struct state *state, struct err *err)
{
	struct err none = { 0 };
	uint64_t physical;

	if (!vm->arch->stopped)
		return err_set(err, -EIO, "the guest's clock cannot be read");
	state_section(state, ARM64_STATE_VM, 0);
	state_put_int(state, ARM64_VM_GIC, vm->arch->gic.kind, 4);
	state_put_int(state, ARM64_VM_IRQS, vm->arch->gic.irqs, 4);
	state_put_int(state, ARM64_VM_COUNT, vm->arch->count, 8);
	/* Older KVMs have none of its own. */
	if (kvm_get_reg(vm->vcpu[0].fd, KVM_REG_ARM_PTIMER_CNT, &physical,
			&none) == 0)
		state_put_int(state, ARM64_VM_PHYSICAL_COUNT, physical, 8);
	if (arm64_mte_save(vm, state, err) < 0)
		return err->code;
	return gic_save(&vm->arch->gic, vm, state, err);
}

static int check_gic_state(const struct gic *gic, struct state_records *records,
			   struct err *err)
{
	uint64_t kind = 0, irqs = 0;
	int r = state_get(records, ARM64_VM_GIC, 4, &kind, err);

	if (r == 0)
		r = state_get(records, ARM64_VM_IRQS, 4, &irqs, err);
	if (r < 0 || (kind == (uint64_t)gic->kind && irqs == gic->irqs))
		return r;
	return err_input(err, -ENOTSUP,
			 "state: its interrupt controller is another");
}

int arch_vm_load(struct vm *vm, struct state_view *view, struct err *err)
{
	struct arch_vm *arch = vm->arch;
	struct state_records records;
	int r = state_find(view, ARM64_STATE_VM, 0, &records, err);

	if (r == 0)
		r = check_gic_state(&arch->gic, &records, err);
	if (r == 0)
		r = state_get(&records, ARM64_VM_COUNT, 8, &arch->count, err);
	arch->stopped = r == 0;
	if (r == 0 && state_has(&records, ARM64_VM_PHYSICAL_COUNT)) {
		r = state_get(&records, ARM64_VM_PHYSICAL_COUNT, 8,
			      &arch->physical, err);
		arch->physical_stopped = r == 0;
	}
	if (r == 0)
		r = state_records_end(&records, err);
	if (r == 0)
		r = arm64_mte_load(vm, view, err);
	return r == 0 ? gic_load(&arch->gic, vm, view, err) : r;
}
