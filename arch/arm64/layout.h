/*
 * arch/arm64/layout.h - the map of an arm64 guest's address space. [pure]
 *
 * Device windows are where kvmtool has them, for firmware and test suites are
 * built for its map:
 *
 *	0x0000000000  I/O ports                         64 KiB  kept free
 *	0x0001000000  16550 serial port                  8 B
 *	0x0001010000  MC146818 clock                     2 B
 *	0x0001020000  stolen-time records               64 KiB  RAM of its own
 *	0x0001030000  pvpanic                            2 B    ours
 *	0x0001040000  PL031 clock                        4 KiB  ours
 *	0x0001050000  generation of the guest           64 KiB  ours; RAM of
 *	                                                        its own
 *	0x0002000000  flash                             16 MiB  --flash
 *	0x0003000000  virtio-mmio transports           512 B each
 *	     ...
 *	              ITS                              128 KiB
 *	              GICv3 redistributors             128 KiB each vCPU
 *	0x003ffd0000  GICv2 CPU interface              128 KiB, if it is a GICv2
 *	0x003fff0000  GIC distributor                   64 KiB
 *	0x0040000000  PCI                                1 GiB  kept free
 *	0x0080000000  RAM, up to what the host's KVM can address
 *	     ...
 *	              what can be plugged, on multiples of 1 GiB
 *
 * The redistributors end where the distributor begins; the ITS ends where they
 * begin. RAM may have holes.
 */
#ifndef ARCH_ARM64_LAYOUT_H
#define ARCH_ARM64_LAYOUT_H

#include <stddef.h>

#include "base/err.h"
#include "base/range.h"
#include "mem/map.h"
#include "vmm/machine/ram_layout.h"

struct kvm_limits;

#define ARM64_UART 0x01000000ULL
#define ARM64_RTC 0x01010000ULL
#define ARM64_PVTIME 0x01020000ULL
#define ARM64_PVTIME_SIZE 0x10000ULL
#define ARM64_PVPANIC 0x01030000ULL
#define ARM64_PL031 0x01040000ULL
#define ARM64_GENERATION 0x01050000ULL
#define ARM64_GENERATION_SIZE 0x10000ULL /* a page of any guest's */
#define ARM64_FLASH 0x02000000ULL
#define ARM64_FLASH_SIZE 0x01000000ULL
#define ARM64_VIRTIO 0x03000000ULL
#define ARM64_VIRTIO_STEP 0x200ULL
#define ARM64_GIC_CPU_IF 0x3ffd0000ULL
#define ARM64_GIC_DIST 0x3fff0000ULL
#define ARM64_RAM 0x80000000ULL

/* Where the GIC's parts are. Each kind of GIC has its own subset. */
struct arm64_gic_map {
	struct range dist;
	struct range cpu_if; /* GICv2 */
	struct range redist; /* GICv3: of all vCPUs, one after the other */
	struct range its; /* GICv3 with ITS */
};

struct arm64_layout {
	struct ram_layout ram;
	unsigned address_bits; /* of the guest; at least 32 */
	struct arm64_gic_map gic;
};

/*
 * Places what --mem asks for. A region with an address goes there; the others
 * go, in the order given, to the lowest free place that holds them whole.
 *
 * @limits: this host's; page_size and address_bits are looked at
 * @taken:  what has its place already: ROM
 *
 * Returns 0; or, with @err naming the --mem or the region that is wrong:
 * -EINVAL if it is not made of whole pages or reaches below RAM, -EEXIST if it
 * overlaps another or the interrupt controller, -ERANGE if this host cannot
 * address it, or KVM not in one piece. Thread: any.
 */
int arm64_layout(struct arm64_layout *ret, const struct config *config,
		 const struct kvm_limits *limits, const struct mem_map *taken,
		 struct err *err);

#endif
