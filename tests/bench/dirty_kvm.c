/*
 * tests/bench/dirty_kvm.c - what it costs KVM and us to log a guest's writes.
 *
 * Usage: vmm-bench-dirty-kvm run touch.bin --mem SIZE --dirty-log KIND ...
 *
 * The guest writes to each page of 64 MiB and tells; here, between its turns,
 * a reader comes, and harvests. Prints JSON: instructions of this program and
 * of the host's kernel, on this thread, to switch logging on (after the guest
 * has had its memory); for a harvest of all it wrote, with what full rings took
 * on the way; and for one of nothing. Run it under QEMU's icount.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "mem/dirty.h"
#include "vmm/kvm/caps.h"
#include "vmm/kvm/dirty_log.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/vm.h"
#include "vmm/machine/machine.h"

#define DIRTY_BYTES (UINT64_C(64) << 20)

struct cost {
	uint64_t user, kernel;
};

static int user_fd, kernel_fd;

static void check(int r, const char *what, const struct err *err)
{
	if (r >= 0)
		return;
	(void)fprintf(stderr, "%s: %s\n", what, err->msg);
	exit(1);
}

static int count(bool kernel)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.exclude_user = kernel,
		.exclude_kernel = !kernel,
		.exclude_hv = !kernel,
		.exclude_guest = 1,
	};

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

static uint64_t counted(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static struct cost now(void)
{
	return (struct cost){ counted(user_fd), counted(kernel_fd) };
}

static void add_since(struct cost *sum, struct cost begun)
{
	const struct cost end = now();

	sum->user += end.user - begun.user;
	sum->kernel += end.kernel - begun.kernel;
}

/* One turn of the guest. */
static void touch(struct vm *vm, struct cost *full)
{
	const struct kvm_run *run = vm->vcpu[0].run;
	struct cost begun;
	struct err err;

	for (;;) {
		const int r = kvm_run(vm->vcpu[0].fd);

		if (r == 0 && run->exit_reason == KVM_EXIT_MMIO)
			return;
		if (r < 0 || run->exit_reason != KVM_EXIT_DIRTY_RING_FULL) {
			(void)fprintf(stderr, "the guest left: %d, exit %u\n",
				      r, run->exit_reason);
			exit(1);
		}
		begun = now();
		check(dirty_sync(&vm->machine->dirty, &err), "ring", &err);
		add_since(full, begun);
	}
}

static struct cost harvest(struct dirty_reader *reader, uint64_t *ret_bytes)
{
	struct cost cost = { 0 };
	const struct cost begun = now();
	struct dirty_run run;
	struct err err;
	int r;

	*ret_bytes = 0;
	check(dirty_harvest(reader, &err), "harvest", &err);
	while ((r = dirty_next(reader, &run, &err)) > 0)
		*ret_bytes += run.gpa.size;
	check(r, "harvest", &err);
	add_since(&cost, begun);
	return cost;
}

static struct dirty_reader *begin(struct vm *vm, struct cost *ret)
{
	struct dirty_reader *reader;
	const struct cost begun = now();
	struct err err;

	check(dirty_reader_add(&vm->machine->dirty, DIRTY_FROM_NOW, &reader,
			       &err),
	      "reader", &err);
	add_since(ret, begun);
	return reader;
}

static void print(const char *kind, const char *what, struct cost cost)
{
	(void)printf("\"%s_%s_user\": %llu, \"%s_%s_kernel\": %llu, ", kind,
		     what, (unsigned long long)cost.user, kind, what,
		     (unsigned long long)cost.kernel);
}

static void measure(struct vm *vm)
{
	struct cost on = { 0 }, full = { 0 }, dirty, clean;
	struct dirty_reader *reader;
	uint64_t bytes;

	touch(vm, &full);
	reader = begin(vm, &on);
	(void)harvest(reader, &bytes);
	/* Each page takes its first fault here, and the next one below. */
	touch(vm, &full);
	(void)harvest(reader, &bytes);
	full = (struct cost){ 0 };
	touch(vm, &full);
	dirty = harvest(reader, &bytes);
	dirty.user += full.user;
	dirty.kernel += full.kernel;
	clean = harvest(reader, &bytes);
	if (bytes != 0)
		exit(1);
	(void)printf("{");
	print(dirty_log_name(vm->dirty_log), "on", on);
	print(dirty_log_name(vm->dirty_log), "dirty", dirty);
	print(dirty_log_name(vm->dirty_log), "clean", clean);
	(void)printf("\"dirty_mib\": %llu}\n",
		     (unsigned long long)(DIRTY_BYTES >> 20));
	(void)dirty_reader_remove(reader);
}

int main(int argc, char **argv)
{
	struct machine *machine;
	struct config config;
	struct vm *vm;
	struct err err = { 0 };
	const int kvm = kvm_open(&err);
	struct kvm_limits limits = { 0 };

	user_fd = count(false);
	kernel_fd = count(true);
	if (user_fd < 0 || kernel_fd < 0) {
		perror("perf_event_open");
		return 1;
	}
	check(kvm, "KVM", &err);
	check(config_parse(&config, argc - 1, argv + 1, &err), "command", &err);
	check(caps_check(kvm, &limits, &err), "KVM", &err);
	check(machine_new(&machine, &config, &limits, &err), "machine", &err);
	check(machine_equip(machine, true, &err), "machine", &err);
	check(vm_new(&vm, kvm, machine, &err), "VM", &err);
	measure(vm);
	(void)vm_free(vm);
	(void)machine_free(machine);
	config_finish(&config);
	(void)close(kvm);
	return 0;
}
