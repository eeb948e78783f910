/* vmm/machine/machine.c - what the guest believes it has: memory and devices.
 */
#include "vmm/machine/machine.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arch/arch.h"
#include "base/aio.h"
#include "base/align.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "devices/virtio/balloon.h"
#include "host/tty_relay.h"
#include "vmm/machine/ram_layout.h"

#define END_MS 10000 /* how long disks may take to end */

void machine_end(struct machine *machine, enum outcome why)
{
	enum outcome was = __atomic_load_n(&machine->outcome, __ATOMIC_ACQUIRE);

	if (why == OUTCOME_RESET && console_watch_panics(&machine->watch))
		why = OUTCOME_PANIC;
	do {
		if (was > OUTCOME_RESET || was >= why)
			break;
	} while (!__atomic_compare_exchange_n(&machine->outcome, &was, why,
					      false, __ATOMIC_ACQ_REL,
					      __ATOMIC_ACQUIRE));
	loop_stop(machine->loop);
}

enum outcome machine_outcome(const struct machine *machine)
{
	return __atomic_load_n(&machine->outcome, __ATOMIC_ACQUIRE);
}

void machine_forget_panic(struct machine *machine)
{
	console_watch_forget(&machine->watch);
	__atomic_store_n(&machine->outcome, OUTCOME_NONE, __ATOMIC_RELEASE);
}

static void report_unclaimed_io(struct machine *machine,
				const struct io_access *io)
{
	const struct mem_region *r = mem_find(&machine->mem, io->addr);

	if (r && r->kind == MEM_ROM && io->write) {
		log_guest(&machine->rom_writes,
			  "write of %u bytes at 0x%" PRIx64 ": %s stays as "
			  "it is",
			  io->size, io->addr, r->name);
		return;
	}
	log_guest(&machine->unclaimed,
		  "%s of %u bytes at 0x%" PRIx64 ": nothing is there",
		  io->write ? "write" : "read", io->size, io->addr);
}

/* The other bytes may be another vCPU's: they are not written back. */
static void store_some(uint8_t *to, const struct io_access *io, uint64_t mask)
{
	uint8_t val[8], which[8];

	store_host(val, io->size, io->val);
	store_host(which, io->size, mask);
	for (unsigned i = 0; i < io->size; i++)
		if (which[i])
			to[i] = val[i];
}

static bool access_memory(const struct mem_map *mem, struct io_access *io,
			  uint64_t mask)
{
	void *at;

	if (io->size > 8 || !is_pow2(io->size))
		return false;
	at = mem_ptr(mem, io->addr, io->size, io->write ? MEM_WRITE : MEM_READ);
	if (!at)
		return false;
	if (!io->write)
		io->val = load_host(at, io->size);
	else if (mask == UINT64_MAX)
		store_host(at, io->size, io->val);
	else
		store_some(at, io, mask);
	if (io->write)
		mem_wrote(mem, at, io->size);
	return true;
}

void machine_access_memory(struct machine *machine, struct io_access *io,
			   uint64_t mask)
{
	if (!access_memory(&machine->mem, io, mask))
		report_unclaimed_io(machine, io);
}

int machine_add_rams(struct machine *machine, const struct ram_layout *layout,
		     struct err *err)
{
	for (size_t i = 0; i < layout->count; i++) {
		const struct mem_spec *mem =
			&machine->config->mem[layout->mem[i]];

		if (backings_add(&machine->backings, layout->at[i], MEM_RAM,
				 &mem->policy, "guest memory", err) < 0)
			return err_wrap(err, "--mem %s", mem->word);
	}
	for (size_t i = 0; i < machine->config->mems; i++) {
		const struct mem_spec *mem = &machine->config->mem[i];

		if (layout->growth[i].size > 0 &&
		    hotplug_add(&machine->hotplugs, &machine->backings,
				layout->growth[i], mem, err) < 0)
			return err_wrap(err, "--mem %s", mem->word);
	}
	return 0;
}

void machine_connect(struct machine *machine, const struct slot_view *view)
{
	flash_connect(&machine->flashes, view);
	hotplug_connect(&machine->hotplugs, view);
}

int machine_add_device(struct machine *machine, struct device *dev,
		       struct err *err)
{
	return devices_add(&machine->devices, dev, err);
}

int machine_attach(struct machine *machine, struct io_slot slot,
		   struct err *err)
{
	const struct mem_map *mem = &machine->mem;
	const int r = machine_add_device(machine, slot.dev, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < mem->count; i++) {
		const struct mem_region *region = &mem->region[i];

		if (range_overlaps(region->gpa, slot.at))
			return err_input(err, -EEXIST,
					 "%s at 0x%" PRIx64 ": %s is there",
					 region->name, region->gpa.start,
					 slot.dev->ops->name);
	}
	return bus_attach(&machine->mmio, slot, err);
}

int machine_attach_ports(struct machine *machine, struct io_slot slot,
			 struct err *err)
{
	const int r = machine_add_device(machine, slot.dev, err);

	return r == 0 ? bus_attach(&machine->ports, slot, err) : r;
}

static int add_roms(struct machine *machine, struct err *err)
{
	const struct config *config = machine->config;
	const uint64_t page = machine->limits.page_size > arch_mem_align
				    ? machine->limits.page_size
				    : arch_mem_align;

	for (size_t i = 0; i < config->roms; i++)
		if (backings_add_rom(&machine->backings, &config->rom[i], page,
				     err) < 0)
			return err_wrap(err, "--rom %s", config->rom[i].word);
	return 0;
}

static void quit_machine(void *ctx)
{
	machine_end(ctx, OUTCOME_QUIT);
}

static void send_console_break(void *ctx)
{
	tty_break(((struct machine *)ctx)->tty);
}

static void console_told_panic(void *ctx)
{
	machine_end(ctx, OUTCOME_PANIC);
}

static int open_console(struct machine *machine, struct err *err)
{
	const struct tty_escape escape = { quit_machine, machine };
	int in = STDIN_FILENO, out = STDOUT_FILENO;
	int r;

	if (machine->config->console == CONSOLE_NONE) {
		in = out = -1;
	} else if (machine->config->terminal == TERMINAL_SOCKET) {
		r = tty_relay_new(&machine->relay, machine->loop,
				  send_console_break, machine, err);
		if (r < 0)
			return r;
		in = out = tty_relay_fd(machine->relay);
	} else if (machine->config->terminal == TERMINAL_FILE) {
		in = -1;
		out = machine->config->attendant.console_fd;
	}
	r = tty_new(&machine->tty, machine->loop, in, out, escape, err);
	if (r < 0)
		return r;
	machine->watch.panicked = console_told_panic;
	machine->watch.ctx = machine;
	return console_watch_begin(&machine->watch, machine->config,
				   machine->loop, machine->tty, err);
}

static int check_machine_limits(const struct machine *machine, struct err *err)
{
	const unsigned want = machine->config->cpus;
	const unsigned have = machine->limits.max_vcpus;

	if (want <= have)
		return 0;
	return err_input(err, -EINVAL,
			 "--cpus %u: this host's KVM takes at most %u", want,
			 have);
}

void machine_end_devices(struct machine *machine)
{
	const struct config_attendant *with = &machine->config->attendant;

	if (with->ended)
		with->ended(with->ctx, machine);
	if (machine->aio)
		aio_set_deadline(machine->aio, END_MS);
	if (machine->share_aio)
		aio_set_deadline(machine->share_aio, END_MS);
	devices_finish(&machine->devices);
	machine->mmio.count = machine->ports.count = 0;
	machine->abandoned |= machine->aio && aio_is_busy(machine->aio);
	machine->abandoned |= machine->share_aio &&
			      aio_is_busy(machine->share_aio);
	irq_finish(&machine->irq);
	machine->aio = aio_free(machine->aio);
	machine->share_aio = aio_free(machine->share_aio);
	machine->tty = tty_free(machine->tty);
	console_watch_end(&machine->watch);
	machine->relay = tty_relay_free(machine->relay);
}

struct machine *machine_free(struct machine *machine)
{
	if (!machine)
		return NULL;
	machine_end_devices(machine);
	/* The host still reads or writes guest memory. */
	if (machine->abandoned)
		return NULL;
	arch_machine_free(machine);
	dirty_finish(&machine->dirty);
	hotplug_finish(&machine->hotplugs);
	backings_finish(&machine->backings);
	flash_finish(&machine->flashes);
	machine->loop = loop_free(machine->loop);
	free(machine);
	return NULL;
}

static void machine_freep(struct machine **machine)
{
	*machine = machine_free(*machine);
}

/* The balloon does not hold what is unplugged. */
static void machine_lost_memory(void *ctx, struct range gpa)
{
	const struct machine *machine = ctx;

	if (machine->balloon)
		balloon_forget(machine->balloon, gpa);
}

static void machine_init_memory(struct machine *machine)
{
	machine->backings.map = &machine->mem;
	machine->backings.block_size = machine->limits.block_size;
	machine->hotplugs.map = &machine->mem;
	machine->hotplugs.page_size = machine->limits.page_size;
	machine->hotplugs.gone = machine_lost_memory;
	machine->hotplugs.ctx = machine;
}

int machine_new(struct machine **ret, const struct config *config,
		const struct kvm_limits *limits, struct err *err)
{
	_cleanup_(machine_freep) struct machine *machine = calloc(
		1, sizeof(*machine));
	int r;

	if (!machine)
		return err_set(err, -ENOMEM, "machine: out of memory");
	machine->config = config;
	machine->limits = *limits;
	machine->interrupt_fd = -1;
	machine_init_memory(machine);
	r = check_machine_limits(machine, err);
	if (r == 0)
		r = loop_new(&machine->loop, err);
	/* First, so that what may lie anywhere gives way. */
	if (r == 0)
		r = add_roms(machine, err);
	if (r == 0)
		r = arch_layout(machine, err);
	if (r < 0)
		return r;
	mem_freeze(&machine->mem);
	dirty_init(&machine->dirty, &machine->mem, machine->limits.page_size);
	machine->mem.watch = &machine->dirty.watch;
	*ret = TAKE_PTR(machine);
	return 0;
}

void machine_interrupt_by(struct machine *machine, int fd)
{
	machine->interrupt_fd = fd;
}

void machine_interrupt_after(struct machine *machine, uint64_t ns)
{
	const uint64_t ms = ns / NS_PER_MS + 1;

	if (ms > UINT_MAX)
		return; /* 49 days */
	if (machine->aio)
		aio_set_deadline(machine->aio, (unsigned)ms);
	if (machine->share_aio)
		aio_set_deadline(machine->share_aio, (unsigned)ms);
}

int machine_equip(struct machine *machine, bool boots, struct err *err)
{
	const struct config_attendant *with = &machine->config->attendant;
	int r = with->began ? with->began(with->ctx, machine, err) : 0;

	if (r == 0)
		r = open_console(machine, err);
	if (r == 0)
		r = arch_attach(machine, err);
	if (r == 0 && boots)
		r = vmgenid_renew(&machine->vmgenid, err);
	if (r == 0 && boots)
		r = arch_load(machine, err);
	return r;
}

void machine_reset_devices(struct machine *machine)
{
	devices_reset(&machine->devices);
}

void machine_pause(struct machine *machine)
{
	devices_pause(&machine->devices);
}

void machine_resume(struct machine *machine)
{
	/* They would do what the guest asks of another process by now. */
	if (machine->moved)
		return;
	devices_resume(&machine->devices);
}

int machine_reset(struct machine *machine, struct err *err)
{
	machine_reset_devices(machine);
	if (devices_are_busy(&machine->devices))
		return err_set(err, -EINTR,
			       "interrupted while a disk does not answer");
	hotplug_restart(&machine->hotplugs);
	irq_forget(&machine->irq);
	console_watch_forget(&machine->watch);
	__atomic_store_n(&machine->outcome, OUTCOME_NONE, __ATOMIC_RELEASE);
	return arch_load(machine, err);
}
