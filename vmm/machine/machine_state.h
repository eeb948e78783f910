/*
 * vmm/machine/machine_state.h - what a machine holds beside its memory, in
 * sections of a saved state: its devices, and which memory is plugged.
 *
 * KVM's part is in arch/arch.h. Sections of a machine have kinds that no
 * architecture uses. A device's section has its place among the devices as its
 * index, and its name as record 0: a state is for a machine with the same
 * devices in the same order. Nothing that is read is trusted. [pure]
 */
#ifndef VMM_MACHINE_MACHINE_STATE_H
#define VMM_MACHINE_MACHINE_STATE_H

#include "base/err.h"
#include "base/state.h"

struct machine;

enum { /* kinds of sections */
       MACHINE_STATE_DEVICE = 0x10000,
       MACHINE_STATE_BLOCKS = 0x10001, /* the index is the --mem's that has max=
					*/
};

/* Whether every device is quiet. Returns 0, or -EBUSY with @err naming one for
 * which the host still works though it was to pause. Thread: loop. */
int machine_check_quiet(const struct machine *machine, struct err *err);

/* Adds all sections of the machine, whose devices are paused. Thread: loop. */
void machine_save(struct machine *machine, struct state *state);

/*
 * Plugs what was plugged, and unplugs all else. Before the devices are loaded,
 * whose rings may be in such memory. No VM is there, or one that is paused.
 *
 * Returns 0; -EBADMSG if the blocks are not those of this machine; -ENOMEM if
 * the host has no memory for them; or what state_find() and state_get() return.
 * Thread: setup, or loop.
 */
int machine_load_memory(struct machine *machine, struct state_view *from,
			struct err *err);

/*
 * Loads every device, each new or reset. Guest memory is as it was when they
 * were saved.
 *
 * Returns 0; -EXDEV if the machine has other devices; what state_find() and
 * the devices return; or -ENOTSUP if a device leaves a record. The message
 * names the device. Thread: setup, or loop.
 */
int machine_load_devices(struct machine *machine, struct state_view *from,
			 struct err *err);

#endif
