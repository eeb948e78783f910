/* arch/mips/vm.h - what a VM of a MIPS machine has. */
#ifndef ARCH_MIPS_VM_H
#define ARCH_MIPS_VM_H

#include <stdbool.h>
#include <stdint.h>

#include "arch/mips/board.h"

struct arch_vm {
	bool line; /* KVM has been told that vCPU 0's is high; its thread only
		    */
	bool stopped; /* the clocks: see arch_clock_stop() */
	uint32_t count[MIPS_MAX_CPUS]; /* of each vCPU when it was stopped */
};

#endif
