/* arch/mips/machine.h - what a MIPS machine has beside memory and devices, and
 * what its VM has. */
#ifndef ARCH_MIPS_MACHINE_H
#define ARCH_MIPS_MACHINE_H

#include <elf.h>
#include <stdbool.h>
#include <stdint.h>

#include "arch/mips/board.h"
#include "base/range.h"
#include "devices/device.h"
#include "vmm/boot/tree.h"
#include "vmm/machine/ram_layout.h"

struct machine;
struct vm;

/* Guests have the byte order of the host. */
#define MIPS_ELF_DATA \
	(__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? ELFDATA2MSB : ELFDATA2LSB)

/* Bits of kvm_limits.features: what this host's KVM has. */
enum mips_feature {
	MIPS_HAS_VZ = 1 << 0, /* else it is trap & emulate */
	MIPS_HAS_FPU = 1 << 1,
	MIPS_HAS_64BIT = 1 << 2, /* runs 64-bit kernels */
};

struct arch_machine {
	struct tree tree;
	struct ram_layout ram;
	struct device *pic; /* borrowed from the bus */
	struct vm *vm; /* borrowed; NULL: none. Set while no vCPU and no loop
			  callback runs */
	unsigned transports; /* virtio devices placed */
};

struct arch_vm {
	bool line; /* KVM has been told that vCPU 0's is high; its thread only
		    */
	bool stopped; /* the clocks: see arch_clock_stop() */
	uint32_t count[MIPS_MAX_CPUS]; /* of each vCPU when it was stopped */
};

/* Where this host's guests have their kernels. */
uint64_t mips_kseg0(const struct machine *machine);

#endif
