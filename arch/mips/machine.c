/* arch/mips/machine.c - the machine's memory, and what KVM can give it. */
#include "arch/mips/machine.h"

#include <errno.h>
#include <stdlib.h>

#include "arch/arch.h"
#include "arch/mips/layout.h"
#include "arch/mips/options.h"
#include "vmm/kvm/caps.h"
#include "vmm/kvm/kvm.h"
#include "vmm/machine/machine.h"

#define ADDRESS_BITS 29 /* MIPS_END */

const char *const arch_name = "mips";
const char *const arch_target = "mipsel";
const uint64_t arch_mem_align = 4096;
/* Trap & emulate KVM signals an ioeventfd and exits for the same write. */
const bool arch_has_ioeventfd = false;
const bool arch_has_irqfd = false;

int arch_check_config(const struct config *config, struct err *err)
{
	return mips_check_config(config, err);
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
	(void)err;
	ret->address_bits = ADDRESS_BITS;
	if (kvm_cap(kvm, KVM_CAP_MIPS_VZ))
		ret->features |= MIPS_HAS_VZ;
	if (kvm_cap(kvm, KVM_CAP_MIPS_FPU))
		ret->features |= MIPS_HAS_FPU;
	if (kvm_cap(kvm, KVM_CAP_MIPS_64BIT))
		ret->features |= MIPS_HAS_64BIT;
	return 0;
}

int arch_layout(struct machine *machine, struct err *err)
{
	const struct range flashes = { MIPS_FLASH, MIPS_FLASH_SIZE };
	struct arch_machine *arch = calloc(1, sizeof(*arch));
	int r;

	if (!arch)
		return err_set(err, -ENOMEM, "memory layout: out of memory");
	machine->arch = arch;
	arch->tree.user = machine->config->dtb;
	arch->tree.dump = machine->config->dump_dtb;
	/* First: memory gives way to it. */
	r = flash_layout(&machine->flashes, &machine->backings, machine->config,
			 flashes, err);
	if (r == 0)
		r = mips_layout(&arch->ram, machine->config, &machine->limits,
				&machine->mem, err);
	return r == 0 ? machine_add_rams(machine, &arch->ram, err) : r;
}

void arch_machine_free(struct machine *machine)
{
	free(machine->arch);
	machine->arch = NULL;
}

uint64_t mips_kseg0(const struct machine *machine)
{
	return machine->limits.features & MIPS_HAS_VZ ? MIPS_VZ_KSEG0
						      : MIPS_TE_KSEG0;
}
