/* vmm/kvm/dirty_ring.c - the ring into which KVM puts the pages a vCPU dirties.
 */
#include "vmm/kvm/dirty_ring.h"

#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
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

#define RESET_STACK                                               \
	(128UL << 10) /* of the thread that resets; one call deep \
		       */

/* The arguments of one reset, and its result. */
struct ring_resetter {
	struct dirty_ring_reset *reset;
	int vm_fd;
	int result;
	struct err *err;
};

/* How often this thread has slept. */
static long count_sleeps(void)
{
	struct rusage usage = { 0 };

	(void)getrusage(RUSAGE_THREAD, &usage);
	return usage.ru_nvcsw;
}

static int reset_entries(struct dirty_ring_reset *reset, int vm_fd,
			 struct err *err)
{
	while (reset->handed > 0) {
		const int r = kvm_ioctl_int(vm_fd, KVM_RESET_DIRTY_RINGS, 0UL,
					    err);
		const uint64_t count = (uint64_t)r;

		if (r < 0)
			return r;
		if (count < reset->handed)
			reset->unsure = true;
		reset->handed -= count < reset->handed ? count : reset->handed;
	}
	return 0;
}

static void *reset_thread(void *arg)
{
	struct ring_resetter *resetter = arg;
	const long sleeps = count_sleeps();

	resetter->result = reset_entries(resetter->reset, resetter->vm_fd,
					 resetter->err);
	if (count_sleeps() != sleeps)
		resetter->reset->unsure = true;
	return NULL;
}

/* Returns an errno. */
static int start_resetter(struct ring_resetter *resetter, pthread_t *ret)
{
	pthread_attr_t attr;
	sigset_t all;
	int r = pthread_attr_init(&attr);

	if (r != 0)
		return r;
	(void)sigfillset(&all);
	(void)pthread_attr_setstacksize(&attr, RESET_STACK);
	r = pthread_attr_setsigmask_np(&attr, &all);
	if (r == 0)
		r = pthread_create(ret, &attr, reset_thread, resetter);
	(void)pthread_attr_destroy(&attr);
	return r;
}

int dirty_ring_reset(struct dirty_ring_reset *reset, int vm_fd, struct err *err)
{
	struct ring_resetter resetter = { reset, vm_fd, 0, err };
	pthread_t thread;

	if (reset->handed == 0)
		return 0;
	if (start_resetter(&resetter, &thread) == 0) {
		(void)pthread_join(thread, NULL);
		return resetter.result;
	}
	/* No thread can be had. This one may be interrupted at any entry. */
	reset->unsure = true;
	return reset_entries(reset, vm_fd, err);
}
