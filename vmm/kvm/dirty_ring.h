/*
 * vmm/kvm/dirty_ring.h - the ring into which KVM puts the pages a vCPU dirties.
 *
 * An entry belongs to KVM until it is marked dirty, then to us until it is
 * marked for reset, then to KVM again: KVM_RESET_DIRTY_RINGS protects its page
 * and makes room. Source: Linux, Documentation/virt/kvm/api.rst, 8.29.
 */
#ifndef VMM_KVM_DIRTY_RING_H
#define VMM_KVM_DIRTY_RING_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct kvm_dirty_gfn;

/* Entries of each vCPU's ring. 64 KiB: some 4000 pages between two looks. */
#define DIRTY_RING_ENTRIES 4096u

struct dirty_ring {
	struct kvm_dirty_gfn *entry; /* owned mapping; NULL: none */
	uint32_t next; /* atomic: how many were taken, modulo 2^32; the next
			  entry is that modulo the size */
};

/* The size of a ring in bytes. */
size_t dirty_ring_size(void);

/* Maps the ring of a vCPU. Returns 0 or mmap()'s errno, negative. */
int dirty_ring_init(struct dirty_ring *ring, int vcpu_fd, struct err *err);
void dirty_ring_finish(struct dirty_ring *ring); /* a zeroed one is fine */

/*
 * Takes the next entry, and marks it for reset.
 *
 * Returns false if there is none.
 * Thread: one at a time.
 */
bool dirty_ring_next(struct dirty_ring *ring, uint32_t *ret_slot,
		     uint64_t *ret_page);

/* Entries that KVM still has to reset, in all rings of a VM. Begins zeroed. */
struct dirty_ring_reset {
	uint64_t handed; /* entries marked for reset that KVM has not counted */
	bool unsure; /* a page may be neither protected nor in a ring */
};

/*
 * Has KVM protect the pages of all entries marked for reset, and reuse them.
 *
 * Since Linux 6.17 (49005a2a3d2a) kvm_dirty_ring_reset() stops when a signal or
 * a completion of io_uring is pending for the calling thread. The pages that it
 * has gathered by then, up to 64, stay unprotected although their entries are
 * counted; the count may even be complete. So a repeated call is not exact.
 * Therefore a thread of its own makes the call, with all signals blocked and
 * without io_uring. A stop, a freezer or a debugger can still interrupt it;
 * each of them puts the thread to sleep, which the kernel counts.
 *
 * Sets reset->unsure if the count came short or the thread slept. The caller
 * then has to protect all memory anew, and clears it.
 *
 * Returns 0, or KVM's errno: the next call goes on where this one ended. Waits
 * for KVM. Thread: one at a time.
 */
int dirty_ring_reset(struct dirty_ring_reset *reset, int vm_fd,
		     struct err *err);

#endif
