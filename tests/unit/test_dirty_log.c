/*
 * tests/unit/test_dirty_log.c - vmm/kvm/dirty_log.c with rings, on a KVM that
 * stops a reset early.
 *
 * The fake resets rings as Linux 6.17 does (virt/kvm/dirty_ring.c): it gathers
 * neighbouring pages before it protects them, looks for a pending signal before
 * each entry, and then returns with the gathered pages unprotected.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "mem/dirty.h"
#include "mem/map.h"
#include "tests/unit/fake_kvm.h"
#include "tests/unit/test.h"
#include "vmm/kvm/dirty_log.h"
#include "vmm/kvm/dirty_ring.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/slot.h"

#define PAGES 96
#define PAGE 4096
#define VCPUS 2
#define RING_RESERVED 64 /* as KVM_DIRTY_RING_RSVD_ENTRIES */
#define NEVER UINT32_MAX

struct fake_ring {
	int fd;
	struct kvm_dirty_gfn *entry;
	uint32_t head, reset; /* the next to be written, and to be reset */
};

static struct {
	struct fake_ring ring[VCPUS];
	bool logging;
	bool writable[PAGES]; /* a write is not logged */
	unsigned resets;
	uint32_t signal_after; /* entries of one reset; then one is pending */
	int fails; /* what the next reset returns instead; 0: nothing */
	long sleeps; /* of the thread that resets */
	bool blocked; /* the last reset was made with signals blocked */
	bool slots_held; /* no slot could change meanwhile */
	pid_t thread; /* that made it */
} kvm;

static struct err err;
static struct mem_map map;
static struct dirty dirty;
static struct slots slots;
static struct dirty_log *made;
static uint8_t *memory;
static struct dirty_reader *reader;
static uint8_t copy[PAGES]; /* the first byte of each page */

static void protect(const bool *gathered)
{
	for (unsigned i = 0; i < PAGES; i++)
		if (gathered[i])
			kvm.writable[i] = false;
}

/* Returns false if a signal stopped it. */
static bool reset_ring(struct fake_ring *ring, int *count)
{
	bool gathered[PAGES] = { false };

	for (;; ring->reset++, (*count)++) {
		struct kvm_dirty_gfn *e =
			&ring->entry[ring->reset % DIRTY_RING_ENTRIES];

		if (kvm.signal_after == 0) {
			kvm.signal_after = NEVER;
			/* What it is for stops the thread on its way out. */
			kvm.sleeps++;
			return false;
		}
		if (!(e->flags & KVM_DIRTY_GFN_F_RESET))
			break;
		if (kvm.signal_after != NEVER)
			kvm.signal_after--;
		e->flags = 0;
		gathered[e->offset] = true;
	}
	protect(gathered);
	return true;
}

/* The thread's, as far as dirty_ring.c looks at it. */
int getrusage(__rusage_who_t who, struct rusage *usage)
{
	(void)who;
	*usage = (struct rusage){ .ru_nvcsw = kvm.sleeps };
	return 0;
}

static int reset_rings(void)
{
	sigset_t set;
	int count = 0;

	assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &set), 0);
	/* A thread that waits for the slots would seem to have been stopped. */
	kvm.slots_held = pthread_mutex_trylock(&slots.lock) == EBUSY;
	kvm.blocked = sigismember(&set, SIGUSR1) && sigismember(&set, SIGTERM);
	kvm.thread = gettid();
	kvm.resets++;
	if (kvm.fails) {
		const int r = kvm.fails;

		kvm.fails = 0;
		return r;
	}
	for (unsigned i = 0; i < VCPUS; i++)
		if (!reset_ring(&kvm.ring[i], &count))
			break;
	return count;
}

static int set_region(const struct kvm_userspace_memory_region *region)
{
	const bool log = region->flags & KVM_MEM_LOG_DIRTY_PAGES;

	if (log && !kvm.logging)
		memset(kvm.writable, false, sizeof(kvm.writable));
	kvm.logging = log;
	return 0;
}

static int answer(void *ctx, int fd, unsigned long req, void *arg)
{
	(void)ctx;
	(void)fd;
	switch (req) {
	case KVM_CHECK_EXTENSION:
		return (long)arg == KVM_CAP_DIRTY_LOG_RING_ACQ_REL
			     ? (int)dirty_ring_size()
			     : 0;
	case KVM_ENABLE_CAP:
		return 0;
	case KVM_SET_USER_MEMORY_REGION:
		return set_region(arg);
	case KVM_RESET_DIRTY_RINGS:
		return reset_rings();
	default:
		return -ENOTTY;
	}
}

static const struct fake_kvm fake = { .answer = answer };

static void guest_write(unsigned vcpu, unsigned page, uint8_t val)
{
	struct fake_ring *ring = &kvm.ring[vcpu];
	struct kvm_dirty_gfn *e = &ring->entry[ring->head % DIRTY_RING_ENTRIES];

	if (kvm.logging && !kvm.writable[page]) {
		e->slot = 0;
		e->offset = page;
		__atomic_store_n(&e->flags, KVM_DIRTY_GFN_F_DIRTY,
				 __ATOMIC_RELEASE);
		ring->head++;
	}
	kvm.writable[page] = true;
	memory[page * PAGE] = val;
}

/* Returns how many pages were given, and copies them. */
static unsigned harvest(void)
{
	struct dirty_run run;
	unsigned pages = 0;

	assert_int_equal(dirty_harvest(reader, &err), 0);
	while (dirty_next(reader, &run, &err) > 0) {
		for (uint64_t at = 0; at < run.gpa.size; at += PAGE) {
			copy[(run.host + at - memory) / PAGE] = run.host[at];
			pages++;
		}
	}
	return pages;
}

static void nothing_is_lost(void)
{
	for (unsigned i = 0; i < PAGES; i++)
		assert_int_equal(copy[i], memory[i * PAGE]);
}

static void make_rings(void)
{
	const off_t at = (off_t)KVM_DIRTY_LOG_PAGE_OFFSET * getpagesize();

	for (unsigned i = 0; i < VCPUS; i++) {
		struct fake_ring *ring = &kvm.ring[i];
		void *p;

		ring->fd = memfd_create("vcpu", MFD_CLOEXEC);
		assert_int_equal(
			ftruncate(ring->fd, at + (off_t)dirty_ring_size()), 0);
		p = mmap(NULL, dirty_ring_size(), PROT_READ | PROT_WRITE,
			 MAP_SHARED, ring->fd, at);
		assert_ptr_not_equal(p, MAP_FAILED);
		ring->entry = p;
		assert_int_equal(dirty_log_add_vcpu(made, ring->fd, &err), 0);
	}
}

static void make_memory(void)
{
	struct mem_region ram = { .gpa = { 0x80000000, PAGES * PAGE },
				  .kind = MEM_RAM,
				  .name = "ram" };

	memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ram.host = memory;
	map = (struct mem_map){ 0 };
	assert_int_equal(mem_add(&map, ram, &err), 0);
	mem_freeze(&map);
	dirty_init(&dirty, &map, PAGE);
	map.watch = &dirty.watch;
	slots = (struct slots){ .map = &map,
				.lock = PTHREAD_MUTEX_INITIALIZER };
}

static bool is_quiet(void *ctx)
{
	(void)ctx;
	return false;
}

/* A log with a reader, whose first harvest is over. */
static int setup(void **state)
{
	const struct dirty_log_setup over = { .slots = &slots,
					      .dirty = &dirty,
					      .page_size = PAGE,
					      .is_quiet = is_quiet };

	(void)state;
	memset(&kvm, 0, sizeof(kvm));
	memset(copy, 0, sizeof(copy));
	kvm.signal_after = NEVER;
	fake_kvm_set(&fake);
	make_memory();
	assert_int_equal(dirty_log_new(&made, &over, DIRTY_LOG_RING, &err), 0);
	make_rings();
	assert_int_equal(dirty_log_attach(made, &err), 0);
	assert_int_equal(dirty_reader_add(&dirty, DIRTY_ALL, &reader, &err), 0);
	assert_int_equal(harvest(), PAGES);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	reader = dirty_reader_remove(reader);
	made = dirty_log_free(made);
	dirty_finish(&dirty);
	for (unsigned i = 0; i < VCPUS; i++) {
		(void)munmap(kvm.ring[i].entry, dirty_ring_size());
		(void)close(kvm.ring[i].fd);
	}
	(void)munmap(memory, PAGES * PAGE);
	fake_kvm_set(NULL);
	return 0;
}

static void ring__only_what_changed_is_given(void **state)
{
	(void)state;
	guest_write(0, 3, 1);
	guest_write(1, 90, 1);
	assert_int_equal(harvest(), 2);
	assert_int_equal(kvm.resets, 1);
	guest_write(0, 3, 2);
	assert_int_equal(harvest(), 1);
	assert_int_equal(harvest(), 0);
	assert_int_equal(kvm.resets, 2);
	nothing_is_lost();
}

static void ring__no_signal_of_ours_reaches_the_reset(void **state)
{
	sigset_t set;

	(void)state;
	guest_write(0, 3, 1);
	assert_int_equal(harvest(), 1);
	assert_true(kvm.blocked);
	assert_true(kvm.slots_held);
	assert_int_not_equal(kvm.thread, gettid());
	assert_int_equal(pthread_sigmask(SIG_SETMASK, NULL, &set), 0);
	assert_false(sigismember(&set, SIGUSR1));
}

/* Whatever entry the signal comes at: the first, one of a group, the last. */
static void ring__reset_that_stops_early_loses_no_page(void **state)
{
	(void)state;
	for (uint32_t at = 0; at <= 20; at++) {
		for (unsigned i = 0; i < 10; i++) {
			guest_write(0, i, (uint8_t)(at + 1));
			guest_write(1, 50 + i, (uint8_t)(at + 1));
		}
		kvm.signal_after = at;
		(void)harvest();
		nothing_is_lost();
		for (unsigned i = 0; i < 10; i++) {
			guest_write(0, i, (uint8_t)(at + 100));
			guest_write(1, 50 + i, (uint8_t)(at + 100));
		}
		(void)harvest();
		nothing_is_lost();
	}
}

static void ring__reset_that_stops_early_leaves_no_entry_behind(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 10; i++)
		guest_write(1, i, 1);
	kvm.signal_after = 4;
	(void)harvest();
	assert_int_equal(kvm.ring[1].reset, kvm.ring[1].head);
	assert_int_equal(kvm.resets, 2);
}

/* A full ring, and the kick of a pause. The vCPU runs on after one exit. */
static void ring__full_one_is_empty_after_a_reset_that_stops_early(void **state)
{
	const uint32_t full = DIRTY_RING_ENTRIES - RING_RESERVED;

	(void)state;
	while (kvm.ring[0].head - kvm.ring[0].reset < full) {
		const unsigned page = kvm.ring[0].head % PAGES;

		kvm.writable[page] = false;
		guest_write(0, page, 9);
	}
	kvm.signal_after = 0;
	assert_int_equal(dirty_sync(&dirty, &err), 0);
	assert_int_equal(kvm.ring[0].reset, kvm.ring[0].head);
	assert_int_equal(harvest(), PAGES);
	nothing_is_lost();
}

static void ring__reset_that_fails_is_made_good_by_the_next_one(void **state)
{
	struct dirty_run run;

	(void)state;
	guest_write(0, 7, 1);
	kvm.fails = -EIO;
	assert_int_equal(dirty_harvest(reader, &err), -EIO);
	guest_write(0, 7, 2);
	(void)harvest();
	assert_int_equal(kvm.ring[0].reset, kvm.ring[0].head);
	guest_write(0, 7, 3);
	assert_int_equal(harvest(), 1);
	nothing_is_lost();
	assert_int_equal(dirty_next(reader, &run, &err), 0);
}

/* No reader wants the rest, but the next one has to begin with what KVM logs.
 */
static void ring__last_reader_leaves_no_entry_behind(void **state)
{
	(void)state;
	guest_write(0, 5, 1);
	guest_write(0, 6, 1);
	kvm.signal_after = 1;
	reader = dirty_reader_remove(reader);
	assert_false(kvm.logging);
	assert_int_equal(kvm.ring[0].reset, kvm.ring[0].head);
	assert_int_equal(dirty_reader_add(&dirty, DIRTY_ALL, &reader, &err), 0);
	assert_int_equal(harvest(), PAGES);
	guest_write(0, 5, 2);
	assert_int_equal(harvest(), 1);
	nothing_is_lost();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ring__only_what_changed_is_given),
		TEST(ring__no_signal_of_ours_reaches_the_reset),
		TEST(ring__reset_that_stops_early_loses_no_page),
		TEST(ring__reset_that_stops_early_leaves_no_entry_behind),
		TEST(ring__full_one_is_empty_after_a_reset_that_stops_early),
		TEST(ring__reset_that_fails_is_made_good_by_the_next_one),
		TEST(ring__last_reader_leaves_no_entry_behind),
	};

	return RUN_TESTS(tests);
}
