/* arch/arm64/machine.c - the machine's memory, and what KVM can give it. */
#include "arch/arm64/machine.h"

#include <errno.h>
#include <stdlib.h>

#include "arch/arch.h"
#include "arch/arm64/board.h"
#include "arch/arm64/options.h"
#include "vmm/kvm/caps.h"
#include "vmm/kvm/kvm.h"
#include "vmm/machine/machine.h"

const char *const arch_name = "arm64";
const char *const arch_target = "aarch64";
const uint64_t arch_mem_align = 4096;
const bool arch_has_ioeventfd = true;
const bool arch_has_irqfd = true;

int arch_check_config(const struct config *config, struct err *err)
{
	return arm64_check_config(config, err);
}

const struct cap_need *arch_caps_needed(size_t *count)
{
	static const struct cap_need needed[] = {
		CAP_NEED(KVM_CAP_ONE_REG, "set a vCPU's registers"),
	};

	*count = sizeof(needed) / sizeof(*needed);
	return needed;
}

int arch_limits(int kvm, struct kvm_limits *ret, struct err *err)
{
	const int bits = kvm_cap(kvm, KVM_CAP_ARM_VM_IPA_SIZE);

	if (bits == 0)
		return err_set(err, -ENOTSUP,
			       "this host's KVM lacks KVM_CAP_ARM_VM_IPA_SIZE, "
			       "needed to choose the size of guest addresses "
			       "(Linux 4.20 has it)");
	ret->address_bits = (unsigned)bits;
	if (kvm_cap(kvm, KVM_CAP_STEAL_TIME))
		ret->features |= ARM64_HAS_STEAL_TIME;
	if (kvm_cap(kvm, KVM_CAP_ARM_PMU_V3))
		ret->features |= ARM64_HAS_PMU;
	if (kvm_cap(kvm, KVM_CAP_ARM_SVE))
		ret->features |= ARM64_HAS_SVE;
	if (kvm_cap(kvm, KVM_CAP_ARM_PTRAUTH_ADDRESS) &&
	    kvm_cap(kvm, KVM_CAP_ARM_PTRAUTH_GENERIC))
		ret->features |= ARM64_HAS_PTRAUTH;
	if (kvm_cap(kvm, KVM_CAP_ARM_MTE))
		ret->features |= ARM64_HAS_MTE;
	return 0;
}

static int add_pvtime(struct machine *machine, struct err *err)
{
	const struct range at = { ARM64_PVTIME, ARM64_PVTIME_SIZE };

	if (!(machine->limits.features & ARM64_HAS_STEAL_TIME))
		return 0;
	if (backings_add(&machine->backings, at, MEM_SHARED, NULL,
			 "stolen time", err) < 0)
		return err_wrap(err, "stolen time");
	return 0;
}

/* Memory of its own, so that a guest can map it as a device's. */
static int add_generation(struct machine *machine, struct err *err)
{
	const struct range at = { ARM64_GENERATION, ARM64_GENERATION_SIZE };

	if (backings_add(&machine->backings, at, MEM_SHARED, NULL, "generation",
			 err) < 0)
		return err_wrap(err, "generation");
	machine->vmgenid = (struct vmgenid){
		.mem = &machine->mem,
		.at = ARM64_GENERATION,
		.irq = irq_level_line(&machine->irq, ARM64_PIN_GENERATION),
	};
	return 0;
}

int arch_layout(struct machine *machine, struct err *err)
{
	const struct range flashes = { ARM64_FLASH, ARM64_FLASH_SIZE };
	struct arch_machine *arch;
	int r;

	if (machine->config->pmu && !(machine->limits.features & ARM64_HAS_PMU))
		return err_input(err, -ENODEV,
				 "--pmu: this host's KVM has none for guests "
				 "(KVM_CAP_ARM_PMU_V3)");
	if (machine->config->disable_mte)
		machine->limits.features &= ~(unsigned)ARM64_HAS_MTE;
	machine->limits.tagged = machine->limits.features & ARM64_HAS_MTE;
	arch = calloc(1, sizeof(*arch));
	if (!arch)
		return err_set(err, -ENOMEM, "memory layout: out of memory");
	machine->arch = arch;
	arch->tree.user = machine->config->dtb;
	arch->tree.dump = machine->config->dump_dtb;
	if (machine->config->kvmtool.no_pvtime)
		machine->limits.features &= ~(unsigned)ARM64_HAS_STEAL_TIME;
	r = arm64_layout(&arch->layout, machine->config, &machine->limits,
			 &machine->mem, err);
	if (r == 0)
		r = add_pvtime(machine, err);
	if (r == 0)
		r = add_generation(machine, err);
	if (r == 0)
		r = flash_layout(&machine->flashes, &machine->backings,
				 machine->config, flashes, err);
	return r == 0 ? machine_add_rams(machine, &arch->layout.ram, err) : r;
}

void arch_machine_free(struct machine *machine)
{
	free(machine->arch);
	machine->arch = NULL;
}
