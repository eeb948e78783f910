/*
 * tests/kvm/dirty.c - no page that a guest changes is ever missed.
 *
 * Usage: dirty [long|saves] run dirty_guest.bin OPTION...
 *
 * Runs a guest that writes all over its memory, as vmm would. What a
 * reader of mem/dirty.h is given is copied to a shadow of the memory; each time
 * the guest is paused and the rest is copied, shadow and memory must be equal,
 * to the last byte. One reader does that; another one copies all the time while
 * the guest runs, from a thread of its own; more come and go. The guest resets
 * itself on the way, so a VM is replaced under the readers, and now and then it
 * is made anew and goes on; `long` is for a guest that does not reset, such as
 * Linux. `saves` is for a guest whose interrupt controller has tables in its
 * memory: KVM writes them when the state is saved, while no vCPU runs, and the
 * readers must be given those pages, too.
 *
 * Where memory is plugged and unplugged, what is plugged is compared.
 *
 * A page that is given although it did not change is counted: there are few. A
 * single vCPU with a ring is left alone for once until its ring is full.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "devices/virtio/mem.h"
#include "mem/blocks.h"
#include "mem/dirty.h"
#include "tests/kvm/fail.h"
#include "vmm/kvm/caps.h"
#include "vmm/kvm/dirty_log.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/vm.h"
#include "vmm/machine/machine.h"

#define MS UINT64_C(1000000)

struct plan {
	unsigned lives;
	unsigned rounds; /* in the last life */
	uint64_t period; /* for the guest, between two rounds */
	bool exact; /* the guest never writes what is there already */
	bool saves; /* KVM writes guest memory when it saves the state */
};

static const struct plan plan_resets = {
	.lives = 3, .rounds = 20, .period = 20 * MS, .exact = true
};
static const struct plan plan_long = { .lives = 1,
				       .rounds = 50,
				       .period = 100 * MS };
static const struct plan plan_saves = {
	.lives = 1, .rounds = 50, .period = 100 * MS, .saves = true
};

/* One reader's picture of the memory. */
struct view {
	struct dirty_reader *reader;
	uint8_t *shadow[MEM_MAX_REGIONS];
	bool begun; /* the first harvest is over */
	uint64_t given, same; /* pages, since then; and those not changed */
	uint64_t by_region[MEM_MAX_REGIONS];
};

struct test {
	const struct plan *plan;
	struct machine *machine;
	struct vm *vm;
	struct loop_timer timer;
	unsigned life, round, rounds;
	uint64_t saved; /* pages given that changed only in a rebuild */
	struct view paused; /* loop thread */
	struct view live; /* under @lock */
	struct dirty_reader *visitor;
	pthread_mutex_t lock;
	bool stop; /* atomic */
	bool hold; /* nobody looks before the ring is full; under @lock */
};

static uint8_t *zeroes(uint64_t size)
{
	void *p = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED)
		fail("shadow", strerror(errno));
	return p;
}

static void view_begin(struct view *view, struct test *t, enum dirty_start from)
{
	const struct mem_map *map = &t->machine->mem;
	struct err err;

	check(dirty_reader_add(&t->machine->dirty, from, &view->reader, &err),
	      "reader", &err);
	view->begun = false;
	for (size_t i = 0; i < map->count; i++) {
		const struct mem_region *r = &map->region[i];

		if (!view->shadow[i])
			view->shadow[i] = zeroes(r->gpa.size);
		/* A reader that starts now has to know the content. */
		if (from == DIRTY_FROM_NOW)
			memcpy(view->shadow[i], r->host, (size_t)r->gpa.size);
		else
			memset(view->shadow[i], 0x5a, (size_t)r->gpa.size);
	}
}

static void view_end(struct view *view)
{
	view->reader = dirty_reader_remove(view->reader);
}

static void copy_run(struct view *view, const struct dirty_run *run,
		     const struct test *t)
{
	const size_t page = (size_t)t->machine->limits.page_size;
	uint8_t *to = view->shadow[run->region] +
		      (run->gpa.start -
		       t->machine->mem.region[run->region].gpa.start);
	/* What is plugged is given, whatever was there. */
	const bool counts = view->begun &&
			    !t->machine->mem.region[run->region].blocks;

	for (uint64_t at = 0; at < run->gpa.size; at += page) {
		view->given += counts;
		view->same += counts &&
			      memcmp(to + at, run->host + at, page) == 0;
		memcpy(to + at, run->host + at, page);
	}
	view->by_region[run->region] += run->gpa.size / page;
}

/* Returns how many runs were given. */
static unsigned view_copy(struct view *view, struct test *t)
{
	struct dirty_run run;
	struct err err;
	unsigned runs = 0;
	int r;

	check(dirty_harvest(view->reader, &err), "harvest", &err);
	while ((r = dirty_next(view->reader, &run, &err)) > 0) {
		copy_run(view, &run, t);
		runs++;
	}
	check(r, "harvest", &err);
	view->begun = true;
	return runs;
}

/* Compares the next piece, and goes on behind it if it is equal. */
static bool is_equal(const struct view *view, const struct mem_region *r,
		     size_t region, uint64_t *at)
{
	uint64_t size = r->gpa.size - *at;
	bool there = true;

	if (r->blocks)
		size = blocks_run(r->blocks, *at, size, &there);
	if (there && memcmp(view->shadow[region] + *at, r->host + *at,
			    (size_t)size) != 0)
		return false;
	*at += size;
	return true;
}

/* The guest does not run. */
static void view_compare(const struct view *view, const struct test *t,
			 const char *what)
{
	const struct mem_map *map = &t->machine->mem;

	for (size_t i = 0; i < map->count; i++) {
		const struct mem_region *r = &map->region[i];
		uint64_t at = 0;

		while (at < r->gpa.size && is_equal(view, r, i, &at))
			;
		if (at == r->gpa.size)
			continue;
		while (view->shadow[i][at] == r->host[at])
			at++;
		printf("life %u round %u: 0x%llx (%s) was missed\n", t->life,
		       t->round, (unsigned long long)r->gpa.start + at,
		       r->name);
		fail(what, "shadow and memory differ");
	}
}

/* All there is is copied: the shadow is the memory, and stays so. */
static void view_finish(struct view *view, struct test *t, const char *what)
{
	(void)view_copy(view, t);
	view_compare(view, t, what);
	if (view_copy(view, t) != 0)
		fail(what, "a guest that stands still writes");
}

static void *copy_live(void *arg)
{
	struct test *t = arg;

	while (!__atomic_load_n(&t->stop, __ATOMIC_ACQUIRE)) {
		{
			GUARD(&t->lock);
			if (t->live.reader && !t->hold)
				(void)view_copy(&t->live, t);
		}
		(void)usleep(3000);
	}
	return NULL;
}

/* A reader that never comes to an end of anything. */
static void visit(struct test *t)
{
	struct dirty_run run;
	struct err err;

	if (t->round % 3 == 0) {
		t->visitor = dirty_reader_remove(t->visitor);
		check(dirty_reader_add(&t->machine->dirty,
				       t->round % 2 ? DIRTY_ALL
						    : DIRTY_FROM_NOW,
				       &t->visitor, &err),
		      "visitor", &err);
	}
	if (!t->visitor)
		return;
	check(dirty_harvest(t->visitor, &err), "visitor", &err);
	for (int i = 0; i < 5; i++)
		check(dirty_next(t->visitor, &run, &err), "visitor", &err);
}

/* In the middle of it all everybody leaves, and comes back. */
static void begin_again(struct test *t)
{
	GUARD(&t->lock);
	t->visitor = dirty_reader_remove(t->visitor);
	view_end(&t->paused);
	view_end(&t->live);
	view_begin(&t->live, t, DIRTY_FROM_NOW);
	view_begin(&t->paused, t, DIRTY_FROM_NOW);
}

/* Another VM logs from now on. */
static void rebuild(struct test *t)
{
	const uint64_t given = t->paused.given;
	struct err err;
	size_t size;

	check(vm_rebuild(t->vm, &size, &err), "rebuild", &err);
	view_finish(&t->paused, t, "rebuilt");
	t->saved += t->paused.given - given;
}

static void look(struct test *t)
{
	GUARD(&t->lock);
	vm_pause(t->vm);
	if (t->round % 4 == 3)
		view_finish(&t->live, t, "live");
	view_finish(&t->paused, t, "paused");
	/* A guest that has just reset itself has no state to take along. */
	if (t->round % 5 == 4 && machine_outcome(t->machine) == OUTCOME_NONE)
		rebuild(t);
	vm_resume(t->vm);
}

static void begin_hold(struct test *t)
{
	uint32_t pages;

	GUARD(&t->lock);
	t->hold = t->vm->vcpus == 1 && t->life == t->plan->lives &&
		  dirty_log_vcpu_pages(t->vm->dirty_log, 0, &pages);
}

/* Until the ring has been emptied, which only its vCPU could do. */
static bool is_held(struct test *t)
{
	uint32_t pages;

	GUARD(&t->lock);
	if (t->hold && dirty_log_vcpu_pages(t->vm->dirty_log, 0, &pages) &&
	    pages > 0)
		t->hold = false;
	return t->hold;
}

static void work(struct test *t)
{
	if (is_held(t))
		return;
	t->round++;
	t->rounds++;
	if (t->vm->vcpus > 1)
		visit(t);
	look(t);
	if (t->life < t->plan->lives)
		t->round %= t->plan->rounds / 2;
	else if (t->round == t->plan->rounds / 2)
		begin_again(t);
	else if (t->round == t->plan->rounds)
		machine_end(t->machine, OUTCOME_QUIT);
}

static void tick(struct loop_timer *timer)
{
	struct test *t = container_of(timer, struct test, timer);

	work(t);
	loop_timer_set(timer, t->plan->period);
}

/* One life of the guest; see vmm/run.c. */
static void live(struct test *t, int kvm)
{
	struct err err;

	t->life++;
	t->round = 0;
	check(vm_new(&t->vm, kvm, t->machine, &err), "VM", &err);
	begin_hold(t);
	check(vm_start(t->vm, &err), "start", &err);
	if (t->life == 1) {
		/* The readers come while it runs. */
		GUARD(&t->lock);
		view_begin(&t->live, t, DIRTY_ALL);
		view_begin(&t->paused, t, DIRTY_ALL);
	}
	loop_timer_set(&t->timer, t->plan->period);
	do
		check(loop_run(t->machine->loop, &err), "loop", &err);
	while (machine_outcome(t->machine) == OUTCOME_NONE);
	check(vm_stop(t->vm, &err), "guest", &err);
	loop_timer_cancel(&t->timer);
	{
		/* What it wrote last is known, though it is gone; and what
		 * the disk still had to write is written. */
		GUARD(&t->lock);
		t->vm = vm_free(t->vm);
		machine_pause(t->machine);
		view_finish(&t->paused, t, "between");
		view_finish(&t->live, t, "between");
		machine_resume(t->machine);
	}
}

static void run(struct test *t, int kvm)
{
	struct err err;
	pthread_t thread;

	if (pthread_create(&thread, NULL, copy_live, t) != 0)
		fail("thread", "none");
	live(t, kvm);
	while (machine_outcome(t->machine) == OUTCOME_RESET) {
		check(machine_reset(t->machine, &err), "reset", &err);
		live(t, kvm);
	}
	__atomic_store_n(&t->stop, true, __ATOMIC_RELEASE);
	(void)pthread_join(thread, NULL);
	if (machine_outcome(t->machine) != OUTCOME_QUIT ||
	    t->life != t->plan->lives)
		fail("guest", "it ended too early");
}

static void judge(struct test *t)
{
	const struct mem_map *map = &t->machine->mem;
	const struct view *v = &t->paused;

	printf("%u rounds, %llu pages given, %llu of them had not changed, "
	       "%llu of rebuilds\n",
	       t->rounds, (unsigned long long)v->given,
	       (unsigned long long)v->same, (unsigned long long)t->saved);
	for (size_t i = 0; i < map->count; i++) {
		printf("%s at 0x%llx: %llu\n", map->region[i].name,
		       (unsigned long long)map->region[i].gpa.start,
		       (unsigned long long)v->by_region[i]);
		if (v->by_region[i] == 0)
			fail(map->region[i].name, "nothing was ever written");
	}
	/* Rings, status bytes and stolen time are written with what they
	 * held; and what Linux writes so is its own affair. */
	if (t->plan->exact && v->same > v->given / 20 + 8 * (uint64_t)t->rounds)
		fail("exactness", "too much was given without need");
	if (t->plan->saves && t->saved == 0)
		fail("rebuild", "no page was given that KVM wrote");
}

static void release(struct test *t)
{
	const struct mem_map *map = &t->machine->mem;

	t->visitor = dirty_reader_remove(t->visitor);
	view_end(&t->paused);
	view_end(&t->live);
	for (size_t i = 0; i < map->count; i++) {
		(void)munmap(t->paused.shadow[i],
			     (size_t)map->region[i].gpa.size);
		(void)munmap(t->live.shadow[i],
			     (size_t)map->region[i].gpa.size);
	}
	loop_timer_remove(t->machine->loop, &t->timer);
	t->machine = machine_free(t->machine);
}

static void choose_plan(struct test *t, const char *word)
{
	t->plan = &plan_resets;
	if (word && strcmp(word, "long") == 0)
		t->plan = &plan_long;
	if (word && strcmp(word, "saves") == 0)
		t->plan = &plan_saves;
}

int main(int argc, char **argv)
{
	struct test t = { .timer.expired = tick,
			  .lock = PTHREAD_MUTEX_INITIALIZER };
	struct config config;
	struct err err = { 0 };
	const int kvm = kvm_open(&err);
	struct kvm_limits limits = { 0 };

	check(kvm, "KVM", &err);
	choose_plan(&t, argv[1]);
	if (t.plan != &plan_resets) {
		argc--;
		argv++;
	}
	check(config_parse(&config, argc - 1, argv + 1, &err), "command", &err);
	check(vcpu_kick_setup(&err), "signal", &err);
	check(caps_check(kvm, &limits, &err), "KVM", &err);
	check(machine_new(&t.machine, &config, &limits, &err), "machine", &err);
	check(machine_equip(t.machine, true, &err), "machine", &err);
	check(loop_timer_add(t.machine->loop, &t.timer, &err), "timer", &err);
	for (size_t i = 0; i < t.machine->hotplugs.count; i++)
		check(virtio_mem_resize(
			      t.machine->hotplugs.hotplug[i].dev,
			      t.machine->hotplugs.hotplug[i].blocks->gpa.size,
			      &err),
		      "resize", &err);
	run(&t, kvm);
	judge(&t);
	release(&t);
	config_finish(&config);
	(void)close(kvm);
	puts("ok");
	return 0;
}
