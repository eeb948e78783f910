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
#include "devices/devices.h"
#include "devices/vmgenid.h"
#include "host/tty.h"
#include "mem/dirty.h"
#include "mem/map.h"
#include "vmm/boot/boot_state.h"
#include "vmm/config.h"
#include "vmm/machine/backings.h"
#include "vmm/machine/console_watch.h"
#include "vmm/machine/flash.h"
#include "vmm/machine/hotplug.h"
#include "vmm/machine/irq_chip.h"
#include "vmm/machine/limits.h"

struct arch_machine;
struct ram_layout;
struct slot_view;
struct virtio;

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
	struct console_watch watch; /* of what goes to @tty */
	struct aio *aio; /* owned; NULL: there is no disk */
	struct aio *share_aio; /* owned; threads; NULL: no folder is shared */
	int interrupt_fd; /* borrowed; see machine_interrupt_by() */
	bool abandoned; /* a disk or a shared folder does not answer, and may
			   use all of this */
	struct kvm_limits limits;
	struct mem_map mem; /* frozen once laid out */
	struct dirty dirty; /* which pages of @mem change */
	struct backings backings; /* of @mem */
	struct flashes flashes;
	struct hotplugs hotplugs;
	struct devices devices; /* all, wherever they are */
	/* Two address spaces, of @devices; fixed before the vCPUs run. */
	struct bus mmio; /* guest physical addresses */
	struct bus ports; /* port numbers, where the architecture has them */
	struct irq_chip irq; /* what the devices' pins are plugged into */
	struct virtio *disk[CONFIG_MAX_DISKS]; /* of @devices, in the order of
						  config->disk */
	size_t disks; /* that were made */
	struct virtio *net[NET_MAX_CARDS]; /* the same, of config->nets */
	size_t nets;
	struct virtio *balloon; /* of @devices; NULL: none */
	struct virtio *power_button; /* the same */
	struct vmgenid vmgenid; /* zeroed: the architecture has none */
	struct boot_state boot; /* set by arch_load() */
	struct arch_machine *arch; /* owned; arch_machine_free() */
	bool moved; /* the guest is another process', and never runs here again:
		       machine_resume() does nothing. The loop's */
	enum outcome outcome; /* atomic; set by machine_end() */
	int signal;
	struct log_limit unclaimed; /* accesses no device took */
	struct log_limit rom_writes; /* of them: writes to ROM */
};

/*
 * Ends the run. The first reason stays, save that a reset gives way: who wants
 * to leave while the guest restarts must not be forgotten. A reset of a guest
 * whose console told a panic (--on-panic) is that panic.
 * Thread: any; safe in a signal handler.
 */
void machine_end(struct machine *machine, enum outcome why);

enum outcome machine_outcome(const struct machine *machine);

/* The run that OUTCOME_PANIC ended goes on. Thread: the loop's, outside
 * loop_run(). */
void machine_forget_panic(struct machine *machine);

/*
 * Makes a machine with its memory, and nothing else.
 *
 * @config: borrowed; outlives the machine
 * @limits: from caps_check(); copied
 *
 * Returns 0, or a negative errno with @err set; nothing is left behind then.
 * Thread: setup.
 */
int machine_new(struct machine **ret, const struct config *config,
		const struct kvm_limits *limits, struct err *err);

/*
 * Takes the terminal and makes the devices. Call once per machine.
 *
 * @boots: loads what boots, too
 *
 * Returns 0, or a negative errno with @err set. Thread: setup.
 */
int machine_equip(struct machine *machine, bool boots, struct err *err);

/*
 * Has waits for what does not answer end once @fd is readable: for a disk, by a
 * reset of the machine, a pause, or the end; and for a network that starts.
 * Call before machine_equip(). @fd: borrowed. Thread: setup.
 */
void machine_interrupt_by(struct machine *machine, int fd);

/* The same once @ns have passed from now. Does nothing for more than 49 days.
 */
void machine_interrupt_after(struct machine *machine, uint64_t ns);

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

/* Brings the devices alone back to their first state. No vCPU runs. Thread: the
 * loop's, or setup. */
void machine_reset_devices(struct machine *machine);

/* Makes every device quiet, or lets it go on (device_ops.pause), wherever it
 * is. Thread: the loop's; no vCPU runs. */
void machine_pause(struct machine *machine);
void machine_resume(struct machine *machine);

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

/* Backs and adds each region of the user's. For arch_layout(). Returns what
 * backings_add() does, with the --mem in @err. */
int machine_add_rams(struct machine *machine, const struct ram_layout *layout,
		     struct err *err);

/* A VM has come that shows the machine's memory by @view; NULL: it has gone. No
 * vCPU and no loop callback runs. */
void machine_connect(struct machine *machine, const struct slot_view *view);

/*
 * Gives the machine a device that is on no bus. For arch_attach(). Returns what
 * devices_add() does, and takes the device over as that.
 */
int machine_add_device(struct machine *machine, struct device *dev,
		       struct err *err);

/*
 * The same, and puts it on the MMIO bus, where no memory is. Returns what
 * devices_add() and bus_attach() do; -EEXIST, a fault of the user's, if there
 * is memory.
 */
int machine_attach(struct machine *machine, struct io_slot slot,
		   struct err *err);

/* The same, on the bus of ports, where memory is in nobody's way. Returns what
 * devices_add() and bus_attach() do. */
int machine_attach_ports(struct machine *machine, struct io_slot slot,
			 struct err *err);

#endif
