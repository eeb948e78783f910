/* vmm/boot/boot_state.h - what a guest starts with. */
#ifndef VMM_BOOT_BOOT_STATE_H
#define VMM_BOOT_BOOT_STATE_H

#include <stdint.h>

#include "base/range.h"

/* Where the first vCPU starts, in the architecture's own terms, and what is in
 * memory for it. */
struct boot_state {
	uint64_t pc; /* guest address (s390: of the PSW) */
	uint64_t arg[4]; /* arm64 x0..x3, MIPS a0..a3 */
	struct range initrd; /* of size 0: none */
};

#endif
