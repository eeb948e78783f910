/*
 * vmm/machine/machine.h - what the guest believes it has: memory and devices.
 *
 * A machine outlives its KVM VM: on a reset the VM is thrown away and a new
 * one is made over the same memory and the same devices (docs/adr/0007). So
 * nothing in here holds a KVM descriptor.
 */
#ifndef VMM_MACHINE_MACHINE_H
#define VMM_MACHINE_MACHINE_H

#include "base/loop.h"
#include "devices/bus.h"
#include "host/tty.h"
#include "mem/backing.h"
#include "mem/dirty.h"
#include "mem/map.h"
#include "vmm/config.h"
#include "vmm/kvm/irq.h"
#include "vmm/machine/flash.h"
#include "vmm/machine/hotplug.h"

struct arch_machine;
struct ram_layout;
struct virtio;

/* What a guest starts with: where its first vCPU does, in the architecture's
 * own terms, and what is in memory for it. */
struct boot_state {
	uint64_t pc; /* guest address (s390: of the PSW) */
	uint64_t arg[4]; /* arm64 x0..x3, MIPS a0..a3 */
	struct range initrd; /* of size 0: none */
	struct range dtb; /* room for the tree, or the user's own tree; of size
			     0: none */
};

/* What this host's KVM can give; filled before anything is laid out. */
struct kvm_limits {
	unsigned address_bits; /* of a guest physical address */
	unsigned max_vcpus;
	unsigned max_slots;
	uint64_t page_size; /* of the host, in bytes */
	uint64_t block_size; /* the largest that stage 2 maps at once, bytes */
	bool sync_mmu; /* host memory may change under a running guest */
	unsigned features; /* the architecture's own bits */
};

/* Why a run ended. */
enum outcome {
	OUTCOME_NONE, /* still running */
	OUTCOME_RESET, /* the one that gives way to a later reason */
	OUTCOME_POWEROFF,
	OUTCOME_PANIC, /* the guest said so */
	OUTCOME_TIMEOUT,
	OUTCOME_QUIT, /* Ctrl-a x */
	OUTCOME_SIGNAL, /* machine->signal says which */
	OUTCOME_ERROR, /* a vCPU or the loop failed; its err says why */
};

struct machine {
	const struct config *config; /* borrowed */
	struct loop *loop; /* owned */
	struct tty *tty; /* owned */
	struct tty_relay *relay; /* owned; NULL: the console is a terminal */
	struct uring *uring; /* owned; NULL: no disk asked for it yet */
	struct kvm_limits limits;
	struct mem_map mem; /* frozen once laid out */
	struct dirty dirty; /* which pages of @mem change */
	struct backing backing[MEM_MAX_REGIONS]; /* owned */
	size_t backings;
	struct flash flash[CONFIG_MAX_FLASHES]; /* owned; as in config */
	struct hotplug hotplug[CONFIG_MAX_MEM]; /* owned */
	size_t hotplugs;
	struct bus mmio; /* owns its devices; fixed before the vCPUs run */
	struct irq_chip irq; /* what the devices' pins are plugged into */
	struct virtio *balloon; /* on a bus, which owns it; NULL: none */
	struct virtio *power_button; /* the same */
	struct boot_state boot; /* set by arch_load() */
	bool dtb_dumped; /* --dump-dtb is done */
	struct arch_machine *arch; /* owned; arch_machine_free() */
	enum outcome outcome; /* atomic; set by machine_end() */
	int signal;
	struct log_limit unclaimed; /* accesses no device took */
	struct log_limit rom_writes; /* of them: writes to ROM */
};

/*
 * Ends the run. The first reason stays, save that a reset gives way: who wants
 * to leave while the guest restarts must not be forgotten.
 * Thread: any; safe in a signal handler.
 */
void machine_end(struct machine *machine, enum outcome why);

enum outcome machine_outcome(const struct machine *machine);

/*
 * Makes a machine with its memory, and nothing else.
 *
 * @kvm: from kvm_open(); only asked for its limits, and not kept
 *
 * Returns 0, or a negative errno with @err set; nothing is left behind then.
 * Thread: setup.
 */
int machine_new(struct machine **ret, const struct config *config, int kvm,
		struct err *err);

/*
 * Takes the terminal, makes the devices, and loads what boots. Once a machine.
 * Returns 0, or a negative errno with @err set. Thread: setup.
 */
int machine_equip(struct machine *machine, struct err *err);

/*
 * Ends all devices, whose last requests may still access guest memory, and
 * restores the terminal. Idempotent. No VM is running. Thread: the loop's,
 * outside loop_run().
 */
void machine_end_devices(struct machine *machine);

/* Does the same, and releases everything. NULL is fine; returns NULL. */
struct machine *machine_free(struct machine *machine);

/*
 * Brings the devices back to their first state and loads the kernel again. RAM
 * keeps what the guest left elsewhere, as on hardware; what was plugged is
 * gone. No VM is running.
 */
int machine_reset(struct machine *machine, struct err *err);

/*
 * Performs on memory an access that KVM brought as MMIO and no device took. For
 * some KVMs do that (trap & emulate on MIPS, where a guest uses an address that
 * it can only tell as a device's). What is no memory either is counted; a write
 * to ROM is that, and changes nothing.
 *
 * @mask: of io->val, for a write: the bits that are written; all, or those of
 *        some bytes
 *
 * Thread: any vCPU.
 */
void machine_access_memory(struct machine *machine, struct io_access *io,
			   uint64_t mask);

/*
 * Backs @at and adds it to the map. For arch_layout().
 *
 * @policy: how; NULL: the default
 *
 * Returns 0, or what backing_init() and mem_add() return.
 */
int machine_add_ram(struct machine *machine, struct range at,
		    enum mem_kind kind, const struct mem_policy *policy,
		    const char *name, struct err *err);

/* Backs and adds each region of the user's. For arch_layout(). Returns what
 * machine_add_ram() does, with the --mem in @err. */
int machine_add_rams(struct machine *machine, const struct ram_layout *layout,
		     struct err *err);

/*
 * Makes a backing of the machine's own, for who adds it to the map: hotplug.
 * @ret: borrowed. Returns 0, -ENOSPC, or what backing_init() returns.
 */
int machine_make_backing(struct machine *machine, struct range at,
			 const struct mem_policy *policy, struct backing **ret,
			 struct err *err);

/*
 * Adds a file to the map as ROM at @at; what is written to it is seen. For
 * arch_layout().
 *
 * @fd:   of @at's size; borrowed for the call
 * @path: its name; outlives the machine
 *
 * Returns 0, or what backing_init_file() and mem_add() return.
 */
int machine_add_file(struct machine *machine, struct range at, int fd,
		     const char *path, const char *name, struct err *err);

/*
 * Puts a device on the MMIO bus; the bus owns it from then on, failure
 * included. For arch_attach().
 */
int machine_attach(struct machine *machine, struct io_slot slot,
		   struct err *err);

#endif
