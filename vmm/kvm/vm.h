/*
 * vmm/kvm/vm.h - one KVM virtual machine: descriptor, slots, vCPUs.
 *
 * Made over a machine (vmm/machine/machine.h), thrown away on reset. The order
 * inside vm_new() is fixed: KVM_CREATE_VM, arch_vm_create(), how writes are
 * logged, slots, vCPUs, then arch_vm_init() for the interrupt controller,
 * arch_vm_boot() for what the guest starts with, then doorbells and interrupt
 * pins.
 */
#ifndef VMM_KVM_VM_H
#define VMM_KVM_VM_H

#include "vmm/config.h"
#include "vmm/kvm/slot.h"
#include "vmm/kvm/vcpu.h"
#include "vmm/machine/machine.h"
#include "vmm/machine/slot_view.h"

struct arch_vm;
struct dirty_log;
struct state;
struct state_view;

struct vm {
	struct machine *machine; /* borrowed */
	int kvm; /* /dev/kvm, borrowed */
	int fd; /* owned */
	unsigned vcpus; /* that have been made */
	struct vcpu_group group; /* who of them runs, and is the VM paused */
	struct slots slots;
	struct slot_view view; /* of them, for the machine */
	struct err broken; /* why nothing is left that could run */
	struct dirty_log *dirty_log; /* owned */
	struct arch_vm *arch; /* owned; NULL if the architecture has none */
	struct vcpu vcpu[]; /* as many as the configuration says */
};

/*
 * Makes a VM ready to run.
 *
 * @kvm: from kvm_open(), borrowed
 *
 * Returns 0, or a negative errno with @err saying which step. Nothing is left
 * behind on failure. Thread: setup.
 */
int vm_new(struct vm **ret, int kvm, struct machine *machine, struct err *err);

/*
 * The same for a VM that goes on where a saved one stood. Guest memory is there
 * as it was; the devices are loaded here. It begins paused.
 *
 * @from: what vm_save() wrote, opened by state_open(); not trusted.
 *        machine_load_memory() has taken its part
 *
 * Returns 0; what machine_load_devices() and arch_vm_load() return; -ENOTSUP if
 * more is in it than the machine has; or the errno of what KVM refused. Thread:
 * setup.
 */
int vm_load(struct vm **ret, int kvm, struct machine *machine,
	    struct state_view *from, struct err *err);

struct vm *vm_free(struct vm *vm); /* NULL is fine; returns NULL */

/* Starts the vCPU threads: the first boots, the others wait for PSCI or SIGP.
 */
int vm_start(struct vm *vm, struct err *err);

/*
 * Takes every vCPU out of KVM_RUN and keeps it out; the devices are quiet and
 * the guest's clock is stopped. Guest memory and registers do not change from
 * the return on until vm_resume(). Both do nothing if that is so already, nor
 * does vm_resume() for a machine that has moved. A VM that is paused before
 * vm_start() does not run until it is resumed. Thread: the loop's.
 */
void vm_pause(struct vm *vm);
void vm_resume(struct vm *vm);

/*
 * Writes all that KVM holds of a VM to a new state: arch/arch.h says what. It
 * is paused, and may go on after it.
 *
 * Returns 0, what state_end() returns, or KVM's errno, and nothing has changed
 * then; or what irq_settle() returns: then the run ends with that error.
 * Thread: the loop's.
 */
int vm_save(struct vm *vm, struct state *state, struct err *err);

/*
 * Saves a VM that runs or is paused, throws all away that KVM has of it, makes
 * it anew over the same machine, and loads it: the guest goes on as from a
 * pause. A snapshot's way, in one process.
 *
 * @ret_size: of the state, in bytes
 *
 * Returns 0; -ECANCELED if the guest has just ended; what vm_save() returns; or
 * what made the new VM fail: then the run ends with that error. Thread: the
 * loop's.
 */
int vm_rebuild(struct vm *vm, size_t *ret_size, struct err *err);

/* Has every vCPU thread end soon, one that is not started yet as well. Thread:
 * any; safe in a signal handler. */
void vm_halt(struct vm *vm);

/*
 * Stops and joins every vCPU thread. Returns 0, or the first vCPU's error.
 * Thread: the loop's, outside loop_run().
 */
int vm_stop(struct vm *vm, struct err *err);

#endif
