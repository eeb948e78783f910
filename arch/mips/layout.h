/*
 * arch/mips/layout.h - the map of a MIPS guest's physical addresses. [pure]
 *
 *	0x00000000  RAM, with holes where the user wants them
 *	     ...
 *	0x1e000000  flash                             16 MiB  --flash
 *	0x1f000000  goldfish-pic, the interrupt controller    256 B
 *	0x1f000500  syscon: power, and start of CPUs          256 B
 *	0x1f000900  16550 serial port                         256 B
 *	0x1f001000  pvpanic                                   2 B
 *	0x1f010000  virtio-mmio transports                    512 B each
 *	     ...
 *	0x1f100000  RAM again
 *	0x20000000  the end
 *
 * Where no --flash is given RAM may be there, too.
 *
 * A kernel of trap & emulate KVM runs in user mode, in which there is no KSEG0
 * at 0x80000000: it is linked for the same window at 0x40000000. All that it
 * maps without its TLB, and all that KVM can tell as a device's, is below
 * 512 MiB; so there the machine ends. With the hardware's virtualization (VZ)
 * the window is the usual one.
 *
 * Source: Linux 5.10, arch/mips/kvm/00README.txt; arch/mips/include/asm/
 * kvm_host.h, KVM_GUEST_KSEG0; MIPS32 Privileged Resource Architecture
 * (MD00090), 4.2.
 */
#ifndef ARCH_MIPS_LAYOUT_H
#define ARCH_MIPS_LAYOUT_H

#include <stdbool.h>

#include "base/err.h"
#include "base/range.h"
#include "mem/map.h"
#include "vmm/machine/ram_layout.h"

struct kvm_limits;

#define MIPS_FLASH 0x1e000000ULL
#define MIPS_FLASH_SIZE 0x01000000ULL
#define MIPS_DEVICES 0x1f000000ULL
#define MIPS_DEVICES_SIZE 0x00100000ULL
#define MIPS_PIC 0x1f000000ULL
#define MIPS_SYSCON 0x1f000500ULL
#define MIPS_UART 0x1f000900ULL
#define MIPS_PVPANIC 0x1f001000ULL
#define MIPS_VIRTIO 0x1f010000ULL
#define MIPS_VIRTIO_STEP 0x200ULL
#define MIPS_END 0x20000000ULL

/* Default size of guest memory. */
#define MIPS_IMPLIED_MEM (256ULL << 20)

/* Where kernels see physical address 0 through their caches. */
#define MIPS_TE_KSEG0 0x40000000ULL
#define MIPS_VZ_KSEG0 0x80000000ULL
/* ... and past them: in both kinds of guest. */
#define MIPS_KSEG1 0xa0000000ULL

/*
 * Places what --mem asks for.
 *
 * @limits: this host's; page_size is looked at
 * @taken:  what has its place already: ROM, flash
 *
 * Returns 0; what ram_layout_place() returns; or -ERANGE with @err naming the
 * --mem, or the region in @taken, that reaches beyond 512 MiB. Thread: any.
 */
int mips_layout(struct ram_layout *ret, const struct config *config,
		const struct kvm_limits *limits, const struct mem_map *taken,
		struct err *err);

/*
 * Converts a KSEG0, KSEG1 or physical address to a physical address; a 32-bit
 * KSEG address may be sign-extended.
 *
 * @kseg0: MIPS_TE_KSEG0 or MIPS_VZ_KSEG0
 *
 * Returns false, and writes nothing, for any other address.
 */
bool mips_physical(uint64_t addr, uint64_t kseg0, gpa_t *ret);

#endif
