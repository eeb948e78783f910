/* vmm/kvm/dirty_ring.c - the ring into which KVM puts the pages a vCPU dirties.
 */
#include "vmm/kvm/dirty_ring.h"

#include <sys/mman.h>
#include <unistd.h>

#include "vmm/kvm/kvm.h"

size_t dirty_ring_size(void)
{
	return DIRTY_RING_ENTRIES * sizeof(struct kvm_dirty_gfn);
}

int dirty_ring_init(struct dirty_ring *ring, int vcpu_fd, struct err *err)
{
	const off_t offset = KVM_DIRTY_LOG_PAGE_OFFSET *
			     (off_t)sysconf(_SC_PAGESIZE);
	void *p = mmap(NULL, dirty_ring_size(), PROT_READ | PROT_WRITE,
		       MAP_SHARED, vcpu_fd, offset);

	if (p == MAP_FAILED)
		return err_sys(err, "dirty ring");
	*ring = (struct dirty_ring){ .entry = p };
	return 0;
}

void dirty_ring_finish(struct dirty_ring *ring)
{
	if (ring->entry)
		(void)munmap(ring->entry, dirty_ring_size());
	*ring = (struct dirty_ring){ 0 };
}

bool dirty_ring_next(struct dirty_ring *ring, uint32_t *ret_slot,
		     uint64_t *ret_page)
{
	struct kvm_dirty_gfn *entry =
		&ring->entry[ring->next % DIRTY_RING_ENTRIES];

	if (!(__atomic_load_n(&entry->flags, __ATOMIC_ACQUIRE) &
	      KVM_DIRTY_GFN_F_DIRTY))
		return false;
	*ret_slot = entry->slot;
	*ret_page = entry->offset;
	/* KVM must not find it so before we have read it. */
	__atomic_store_n(&entry->flags, KVM_DIRTY_GFN_F_RESET,
			 __ATOMIC_RELEASE);
	__atomic_store_n(&ring->next, ring->next + 1, __ATOMIC_RELAXED);
	return true;
}
