/*
 * tests/kvm/live.c - what the host does to memory that a guest is using.
 *
 * Usage: live fork|lazy|hints run OPTION...
 *
 * Runs a guest as vmm would, and does one of these, again and again:
 *
 * fork: forks. Every page then belongs to both processes, and who writes to it
 *	gets a copy. The child's memory must stay as it is, whatever the guest
 *	writes.
 * lazy: takes all of the guest's memory away, and gives a page back when it is
 *	touched (userfaultfd), the rest a little later.
 * hints: asks the guest's balloon which pages are free, as a migration does,
 *and overwrites those that the guest has not written since.
 *
 * The guest must notice nothing; it says FAIL if it does.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/userfaultfd.h>

#include "base/cleanup.h"
#include "devices/virtio/balloon.h"
#include "mem/bitmap.h"
#include "mem/dirty.h"
#include "mem/map.h"
#include "tests/kvm/fail.h"
#include "vmm/config.h"
#include "vmm/kvm/caps.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/vm.h"
#include "vmm/machine/machine.h"

#define MS UINT64_C(1000000)
#define PERIOD (100 * MS)
#define ENOUGH 5 /* of what is done, before the guest ends */
#define MOST 20 /* then the guest is left alone, to come to its end */
#define CHILD_US 100000

struct test {
	struct machine *machine;
	struct vm *vm;
	struct loop_timer timer;
	void (*step)(struct test *t);
	unsigned done;
	pid_t child; /* fork: or 0 */
	int uffd; /* lazy: or -1 */
	pthread_t server;
	uint8_t *copy[MEM_MAX_REGIONS];
	uint32_t faults; /* atomic */
	bool stop; /* atomic */
	struct dirty_reader *reader; /* hints: or NULL */
	uint64_t *free[MEM_MAX_REGIONS]; /* a bit for each page */
	bool told; /* the guest has no more */
	uint64_t wiped; /* bytes */
};

static void check_sys(int r, const char *what)
{
	if (r < 0)
		fail(what, strerror(errno));
}

/* Any difference in any word shows. */
static uint32_t sum(const struct mem_map *map)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < map->count; i++) {
		const struct mem_region *r = &map->region[i];
		const uint32_t *word = (const uint32_t *)(void *)r->host;

		for (size_t n = 0; r->kind == MEM_RAM && n < r->gpa.size / 4;
		     n++)
			sum = (sum ^ word[n]) * 16777619;
	}
	return sum;
}

static _Noreturn void watch_still(const struct mem_map *map)
{
	const uint32_t before = sum(map);

	(void)usleep(CHILD_US);
	_exit(sum(map) != before);
}

/* The guest and its devices go on while the child looks. */
static void step_fork(struct test *t)
{
	int status;

	if (t->child > 0) {
		const pid_t pid = waitpid(t->child, &status, WNOHANG);

		check_sys(pid, "waitpid");
		if (pid == 0)
			return;
		if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
			fail("fork", "the child's memory has changed");
		t->child = 0;
		t->done++;
		if (t->done == MOST)
			return;
	}
	(void)fflush(stdout);
	t->child = fork();
	check_sys(t->child, "fork");
	if (t->child == 0)
		watch_still(&t->machine->mem);
}

static int give(struct test *t, const struct mem_region *r, size_t region,
		size_t offset)
{
	struct uffdio_copy copy = {
		.dst = (uintptr_t)(r->host + offset),
		.src = (uintptr_t)(t->copy[region] + offset),
		.len = t->machine->limits.page_size,
	};

	/* Two may give the same page. */
	if (ioctl(t->uffd, UFFDIO_COPY, &copy) < 0 && errno != EEXIST)
		return -1;
	return 0;
}

static void serve(struct test *t, uintptr_t at)
{
	const struct mem_map *map = &t->machine->mem;
	const size_t page = (size_t)t->machine->limits.page_size;

	for (size_t i = 0; i < map->count; i++) {
		const struct mem_region *r = &map->region[i];
		const uintptr_t offset = at - (uintptr_t)r->host;

		if (r->kind != MEM_RAM || offset >= r->gpa.size)
			continue;
		check_sys(give(t, r, i, offset & ~(page - 1)), "UFFDIO_COPY");
		(void)__atomic_add_fetch(&t->faults, 1, __ATOMIC_RELAXED);
	}
}

static void *serve_all(void *arg)
{
	struct test *t = arg;
	struct pollfd fd = { .fd = t->uffd, .events = POLLIN };
	struct uffd_msg msg;

	while (!__atomic_load_n(&t->stop, __ATOMIC_ACQUIRE))
		if (poll(&fd, 1, 20) > 0 &&
		    read(t->uffd, &msg, sizeof(msg)) == sizeof(msg) &&
		    msg.event == UFFD_EVENT_PAGEFAULT)
			serve(t, (uintptr_t)msg.arg.pagefault.address);
	return NULL;
}

static void take_away(struct test *t)
{
	const struct mem_map *map = &t->machine->mem;
	struct uffdio_api api = { .api = UFFD_API };

	t->uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	check_sys(t->uffd, "userfaultfd");
	check_sys(ioctl(t->uffd, UFFDIO_API, &api), "UFFDIO_API");
	t->stop = false;
	if (pthread_create(&t->server, NULL, serve_all, t) != 0)
		fail("thread", "none");
	vm_pause(t->vm);
	for (size_t i = 0; i < map->count; i++) {
		const struct mem_region *r = &map->region[i];
		const size_t size = (size_t)r->gpa.size;
		struct uffdio_register reg = {
			.range = { (uintptr_t)r->host, size },
			.mode = UFFDIO_REGISTER_MODE_MISSING,
		};

		if (r->kind != MEM_RAM)
			continue;
		if (!t->copy[i])
			t->copy[i] = malloc(size);
		if (!t->copy[i])
			fail("copy", "out of memory");
		memcpy(t->copy[i], r->host, size);
		check_sys(ioctl(t->uffd, UFFDIO_REGISTER, &reg), "register");
		check_sys(madvise(r->host, size, MADV_DONTNEED), "discard");
	}
	vm_resume(t->vm);
}

static void give_back(struct test *t)
{
	const struct mem_map *map = &t->machine->mem;
	const size_t page = (size_t)t->machine->limits.page_size;

	for (size_t i = 0; i < map->count; i++) {
		const struct mem_region *r = &map->region[i];

		for (size_t at = 0; r->kind == MEM_RAM && at < r->gpa.size;
		     at += page)
			check_sys(give(t, r, i, at), "UFFDIO_COPY");
	}
	__atomic_store_n(&t->stop, true, __ATOMIC_RELEASE);
	(void)pthread_join(t->server, NULL);
	/* Ends the registrations, too. */
	(void)close(t->uffd);
	t->uffd = -1;
	t->done++;
}

static void step_lazy(struct test *t)
{
	if (t->uffd < 0)
		take_away(t);
	else
		give_back(t);
}

static uint64_t page_of(const struct test *t, size_t region, gpa_t at)
{
	return (at - t->machine->mem.region[region].gpa.start) /
	       t->machine->limits.page_size;
}

/* Whole pages of what the guest says is free. */
static void note_free(void *ctx, struct range gpa)
{
	struct test *t = ctx;
	const struct mem_map *map = &t->machine->mem;
	const uint64_t page = t->machine->limits.page_size;

	for (size_t i = 0; i < map->count; i++) {
		const struct range r = map->region[i].gpa;

		if (!range_contains(r, gpa))
			continue;
		if (gpa.start % page || gpa.size % page)
			fail("hint", "it is not of whole pages");
		(void)bitmap_set(t->free[i], page_of(t, i, gpa.start),
				 page_of(t, i, gpa.start + gpa.size));
		return;
	}
	fail("hint", "it is not in one region");
}

static void note_end(void *ctx)
{
	struct test *t = ctx;

	t->told = true;
}

/* Pages that were written hold something, whatever was said of them. */
static void forget_written(struct test *t)
{
	struct dirty_run run;
	struct err err;
	int r;

	check(dirty_harvest(t->reader, &err), "harvest", &err);
	while ((r = dirty_next(t->reader, &run, &err)) > 0)
		(void)bitmap_clear(
			t->free[run.region],
			page_of(t, run.region, run.gpa.start),
			page_of(t, run.region, run.gpa.start + run.gpa.size));
	check(r, "harvest", &err);
}

static void ask_for_hints(struct test *t)
{
	const struct mem_map *map = &t->machine->mem;
	const struct balloon_hints hints = { note_free, note_end, t };
	struct err err;

	for (size_t i = 0; i < map->count; i++) {
		const uint64_t pages = map->region[i].gpa.size /
				       t->machine->limits.page_size;

		free(t->free[i]);
		t->free[i] = calloc((size_t)bitmap_words(pages),
				    sizeof(uint64_t));
		if (!t->free[i])
			fail("bitmap", "out of memory");
	}
	check(dirty_reader_add(&t->machine->dirty, DIRTY_FROM_NOW, &t->reader,
			       &err),
	      "reader", &err);
	/* The first harvest may give every page. */
	forget_written(t);
	t->told = false;
	/* The driver may not be there yet. */
	if (balloon_start_hints(t->machine->balloon, hints) < 0)
		t->reader = dirty_reader_remove(t->reader);
}

static void wipe_free(struct test *t)
{
	const struct mem_map *map = &t->machine->mem;
	const size_t page = (size_t)t->machine->limits.page_size;

	for (size_t i = 0; i < map->count; i++) {
		const struct mem_region *r = &map->region[i];

		for (size_t at = 0; at < r->gpa.size; at += page) {
			const uint64_t n = at / page;

			if (bitmap_count(t->free[i], n, n + 1) == 0)
				continue;
			memset(r->host + at, 0x5a, page);
			t->wiped += page;
		}
	}
}

static void step_hints(struct test *t)
{
	if (!t->reader) {
		ask_for_hints(t);
		return;
	}
	if (!t->told)
		return;
	vm_pause(t->vm);
	forget_written(t);
	wipe_free(t);
	vm_resume(t->vm);
	t->reader = dirty_reader_remove(t->reader);
	balloon_end_hints(t->machine->balloon);
	t->done++;
}

static void tick(struct loop_timer *timer)
{
	struct test *t = container_of(timer, struct test, timer);

	t->step(t);
	if (t->done < MOST)
		loop_timer_set(timer, PERIOD);
}

static void run(struct test *t, int kvm)
{
	struct err err;

	check(vm_new(&t->vm, kvm, t->machine, &err), "VM", &err);
	check(vm_start(t->vm, &err), "start", &err);
	loop_timer_set(&t->timer, PERIOD);
	do
		check(loop_run(t->machine->loop, &err), "loop", &err);
	while (machine_outcome(t->machine) == OUTCOME_NONE);
	loop_timer_cancel(&t->timer);
	if (t->uffd >= 0)
		give_back(t);
	t->reader = dirty_reader_remove(t->reader);
	check(vm_stop(t->vm, &err), "guest", &err);
	t->vm = vm_free(t->vm);
	if (t->child > 0)
		(void)waitpid(t->child, NULL, 0);
	if (machine_outcome(t->machine) != OUTCOME_POWEROFF)
		fail("guest", "it did not power off");
}

static void (*step_of(const char *word))(struct test *t)
{
	if (strcmp(word, "lazy") == 0)
		return step_lazy;
	return strcmp(word, "hints") == 0 ? step_hints : step_fork;
}

int main(int argc, char **argv)
{
	struct test t = { .timer.expired = tick,
			  .step = step_of(argc > 1 ? argv[1] : ""),
			  .uffd = -1 };
	struct config config;
	struct err err = { 0 };
	const int kvm = kvm_open(&err);
	struct kvm_limits limits = { 0 };

	check(kvm, "KVM", &err);
	check(config_parse(&config, argc - 2, argv + 2, &err), "command", &err);
	check(vcpu_kick_setup(&err), "signal", &err);
	check(caps_check(kvm, &limits, &err), "KVM", &err);
	check(machine_new(&t.machine, &config, &limits, &err), "machine", &err);
	check(machine_equip(t.machine, true, &err), "machine", &err);
	check(loop_timer_add(t.machine->loop, &t.timer, &err), "timer", &err);
	run(&t, kvm);
	printf("%u times, %u pages were asked for, %" PRIu64 " KiB were free\n",
	       t.done, t.faults, t.wiped / 1024);
	if (t.done < ENOUGH)
		fail("guest", "it ended too early");
	if (t.step == step_lazy && t.faults == 0)
		fail("lazy", "nothing was ever missed");
	if (t.step == step_hints && t.wiped == 0)
		fail("hints", "nothing was ever free");
	for (size_t i = 0; i < MEM_MAX_REGIONS; i++) {
		free(t.copy[i]);
		free(t.free[i]);
	}
	loop_timer_remove(t.machine->loop, &t.timer);
	t.machine = machine_free(t.machine);
	config_finish(&config);
	(void)close(kvm);
	puts("ok");
	return 0;
}
