/*
 * tests/kvm/badstate.c - a state that somebody has changed is loaded, or
 * refused with a reason; whatever comes, the next one is loaded as if nothing
 * had been.
 *
 * Usage: badstate run KERNEL OPTION...
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arch/arch.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/state.h"
#include "tests/kvm/fail.h"
#include "vmm/kvm/caps.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/vm.h"
#include "vmm/machine/machine.h"
#include "vmm/machine/machine_state.h"

#define TIMES 300

static uint64_t random_next(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * 0x2545f4914f6cdd1d >> 16;
}

static void vm_freep(struct vm **vm)
{
	*vm = vm_free(*vm);
}

static void save(struct state *state, int kvm, struct machine *machine)
{
	_cleanup_(vm_freep) struct vm *vm = NULL;
	struct err err;

	check(vm_new(&vm, kvm, machine, &err), "VM", &err);
	vm_pause(vm);
	check(vm_save(vm, state, &err), "save", &err);
	machine_resume(machine);
}

/* Loads a state as vmm does that goes on from one. */
static int load_state(struct vm **ret, int kvm, struct machine *machine,
		      const void *data, size_t size, struct err *err)
{
	struct state_view view;
	int r = state_open(&view, data, size, arch_name, err);

	if (r == 0)
		r = machine_load_memory(machine, &view, err);
	return r == 0 ? vm_load(ret, kvm, machine, &view, err) : r;
}

/* Loaded and saved again, it is the same, but for what its writing cost. */
static void load_good(const struct state *state, int kvm,
		      struct machine *machine)
{
	_cleanup_(state_finish) struct state again = { 0 };
	_cleanup_(vm_freep) struct vm *vm = NULL;
	struct err err;

	check(load_state(&vm, kvm, machine, state->data, state->size, &err),
	      "load", &err);
	vm_resume(vm);
	vm_pause(vm);
	check(vm_save(vm, &again, &err), "save", &err);
	machine_resume(machine);
	if (again.size != state->size)
		fail("load", "another size is saved than was loaded");
}

/* Most changes are where records are; some are of a whole record's head. */
static void change(uint8_t *data, size_t size, uint64_t *seed)
{
	const uint64_t count = 1 + random_next(seed) % 4;

	for (uint64_t i = 0; i < count; i++) {
		const size_t at = (size_t)(24 +
					   random_next(seed) % (size - 24));

		data[at] = random_next(seed) % 3 ? (uint8_t)random_next(seed)
						 : 0xff;
	}
}

/* Returns whether it was taken. */
static bool load_bad(const struct state *state, int kvm,
		     struct machine *machine, uint64_t *seed)
{
	_cleanup_(freep) uint8_t *data = malloc(state->size);
	_cleanup_(vm_freep) struct vm *vm = NULL;
	struct err err = { 0 };
	size_t size = state->size;
	int r;

	if (!data)
		fail("bad state", "out of memory");
	memcpy(data, state->data, size);
	change(data, size, seed);
	if (random_next(seed) % 16 == 0)
		size = (size_t)(random_next(seed) % size);
	r = load_state(&vm, kvm, machine, data, size, &err);
	if (r < 0 && (r != err.code || !err.msg[0]))
		fail("bad state", "it is refused without a reason");
	return r == 0;
}

/* With a section that nobody asks for. */
static void load_larger(const struct state *state, uint32_t kind,
			uint32_t index, int kvm, struct machine *machine)
{
	_cleanup_(freep) uint8_t *data = calloc(1, state->size + 16);
	_cleanup_(vm_freep) struct vm *vm = NULL;
	struct err err;

	if (!data)
		fail("larger state", "out of memory");
	memcpy(data, state->data, state->size);
	store_le32(data + state->size, kind);
	store_le32(data + state->size + 4, index);
	if (load_state(&vm, kvm, machine, data, state->size + 16, &err) !=
	    -ENOTSUP)
		fail("larger state", "it is not refused");
}

/* Where the first section begins, a vCPU's registers, and its first record. */
#define SECTION 24
#define RECORDS (SECTION + 16)

/* Of a record with what pads it, in bytes. */
static size_t record_size(const uint8_t *record)
{
	return 16 + ((size_t)load_le32(record + 8) + 7) / 8 * 8;
}

static void is_refused(const uint8_t *data, size_t size, int with, int kvm,
		       struct machine *machine)
{
	_cleanup_(vm_freep) struct vm *vm = NULL;
	struct err err = { 0 };

	if (load_state(&vm, kvm, machine, data, size, &err) != with)
		fail("registers", err.code < 0 ? err.msg : "they are taken");
}

/* One register's record is gone, or is there twice. */
static void change_record(const struct state *state, size_t at, bool twice,
			  int kvm, struct machine *machine)
{
	const size_t len = record_size(state->data + at);
	_cleanup_(freep) uint8_t *data = malloc(state->size + len);
	uint32_t size = load_le32(state->data + SECTION + 8);
	const size_t rest = twice ? at : at + len;
	const size_t to = twice ? at + len : at;

	if (!data)
		fail("registers", "out of memory");
	memcpy(data, state->data, to);
	memcpy(data + to, state->data + rest, state->size - rest);
	size = twice ? size + (uint32_t)len : size - (uint32_t)len;
	store_le32(data + SECTION + 8, size);
	is_refused(data, state->size - rest + to, twice ? -EBADMSG : -ENOENT,
		   kvm, machine);
}

/* Of the first register and the last, and of some between them. */
static void change_records(const struct state *state, int kvm,
			   struct machine *machine)
{
	const size_t end = RECORDS + load_le32(state->data + SECTION + 8);
	size_t at = RECORDS, count = 0;

	for (size_t next; at < end; at = next) {
		next = at + record_size(state->data + at);
		if (count++ % 16 != 0 && next != end)
			continue;
		change_record(state, at, false, kvm, machine);
		change_record(state, at, true, kvm, machine);
	}
}

static void run(int kvm, struct machine *machine)
{
	_cleanup_(state_finish) struct state state = { 0 };
	uint64_t seed = 0x9e3779b97f4a7c15;
	unsigned taken = 0;

	save(&state, kvm, machine);
	load_good(&state, kvm, machine);
	/* Of a machine with one CPU more; a second VM's; and of no kind. */
	load_larger(&state, 1, machine->config->cpus, kvm, machine);
	load_larger(&state, 3, 1, kvm, machine);
	load_larger(&state, UINT32_MAX, 0, kvm, machine);
	change_records(&state, kvm, machine);
	for (unsigned i = 0; i < TIMES; i++)
		taken += load_bad(&state, kvm, machine, &seed);
	printf("%u of %u were taken\n", taken, TIMES);
	if (taken == 0 || taken == TIMES)
		fail("bad state", "the changes mean nothing");
	load_good(&state, kvm, machine);
}

int main(int argc, char **argv)
{
	struct machine *machine = NULL;
	struct config config;
	struct err err = { 0 };
	const int kvm = kvm_open(&err);
	struct kvm_limits limits = { 0 };

	check(kvm, "KVM", &err);
	check(config_parse(&config, argc - 1, argv + 1, &err), "command", &err);
	check(vcpu_kick_setup(&err), "signal", &err);
	check(caps_check(kvm, &limits, &err), "KVM", &err);
	check(machine_new(&machine, &config, &limits, &err), "machine", &err);
	check(machine_equip(machine, true, &err), "machine", &err);
	run(kvm, machine);
	machine = machine_free(machine);
	config_finish(&config);
	(void)close(kvm);
	puts("ok");
	return 0;
}
