/*
 * arch/arch.h - what every architecture provides.
 *
 * Each function is defined once, in the arch/<name>/ that meson compiles for
 * this host. There is no table and no default: a missing one does not link.
 * They are called in the order they stand here, on the setup thread unless
 * said otherwise. Each returns 0, or a negative errno with @err set.
 */
#ifndef ARCH_ARCH_H
#define ARCH_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct cap_need;
struct config;
struct core_notes;
struct core_view;
struct doctor;
struct elf_target;
struct gdb_points;
struct gdb_registers;
struct gdb_stop;
struct io_access;
struct kvm_limits;
struct machine;
struct state;
struct state_view;
struct vcpu;
struct vm;

/* Name of the architecture, as in arch/<name>. */
extern const char *const arch_name;

/* QEMU's name of it. Source: QEMU, qapi/machine.json, SysEmuTarget */
extern const char *const arch_target;

/* Guest memory must start and end on this, in bytes, if the host page is not
 * larger (s390 takes 1 MiB segments). */
extern const uint64_t arch_mem_align;

/* Whether KVM can take doorbells and edge pins here (MIPS T&E cannot). */
extern const bool arch_has_ioeventfd;
extern const bool arch_has_irqfd;

/* Judges the words that only this architecture knows. Touches no host. */
int arch_check_config(const struct config *config, struct err *err);

/* The capabilities without which nothing runs here, beside those that every
 * architecture needs. */
const struct cap_need *arch_caps_needed(size_t *count);

/* Fills what KVM here can give. @kvm: /dev/kvm. */
int arch_limits(int kvm, struct kvm_limits *ret, struct err *err);

/* Adds this machine's RAM and reserved ranges to machine->mem. */
int arch_layout(struct machine *machine, struct err *err);

/* Puts this machine's devices on its bus. */
int arch_attach(struct machine *machine, struct err *err);

/*
 * Loads kernel and initrd, leaves room for what describes the machine, and sets
 * machine->boot. Called again after each reset: RAM then holds what the guest
 * left.
 */
int arch_load(struct machine *machine, struct err *err);

/* Releases machine->arch. NULL is fine. */
void arch_machine_free(struct machine *machine);

/* The argument of KVM_CREATE_VM. */
unsigned long arch_vm_type(const struct machine *machine);

/* Sets up a VM that has neither slots nor vCPUs yet: what KVM must know before
 * it makes these. */
int arch_vm_create(struct vm *vm, struct err *err);

/* Gives a new vCPU its features. */
int arch_vcpu_init(struct vcpu *vcpu, struct err *err);

/* Makes the interrupt controller. Every vCPU exists and is initialised. */
int arch_vm_init(struct vm *vm, struct err *err);

/*
 * Brings a new VM to where a guest starts: the first vCPU has the registers of
 * machine->boot, the others are off until the guest starts them (where KVM does
 * not know of that, arch_vcpu_init() has set vcpu->power); what describes the
 * machine is written to guest memory. A VM is either booted or loaded
 * (arch_vcpu_load() of each vCPU, then arch_vm_load()).
 */
int arch_vm_boot(struct vm *vm, struct err *err);

/*
 * Writes all that KVM holds of a vCPU, or of the VM beside its vCPUs, to
 * sections of @state (base/state.h); and reads it back into a new VM of the
 * same configuration, which then goes on where the saved one stood.
 *
 * It does not hold data that follows from the configuration (features,
 * addresses of the interrupt controller); nor guest memory, which is in place
 * before a load; nor state of this program: devices, and the levels of the pins
 * that they drive, which are set again after a load. Each architecture numbers
 * the kinds of its sections from 1, as it likes; the index is the vCPU's, or 0.
 *
 * Both save while the VM is paused (vm_pause()), every vCPU before the VM.
 * arch_vm_save() writes KVM's data that lives in guest memory (tables of the
 * ITS): the last harvest of dirty pages comes after it. A save changes nothing
 * that the guest sees; it may go on, too.
 *
 * Both load before any vCPU has run, every vCPU before the VM. The loaded state
 * is not trusted: state_open() has accepted it, and nothing else was checked.
 * After arch_vm_load() the guest's clock stands where it was saved, and
 * arch_clock_start() has it go on.
 *
 * Loads return what state_find() and state_get() return; -ENOTSUP if this
 * host's KVM does not know what is there; or KVM's errno. Thread: the loop's.
 */
int arch_vcpu_save(struct vcpu *vcpu, struct state *state, struct err *err);
int arch_vm_save(struct vm *vm, struct state *state, struct err *err);
int arch_vcpu_load(struct vcpu *vcpu, struct state_view *view, struct err *err);
int arch_vm_load(struct vm *vm, struct state_view *view, struct err *err);

/* Releases vm->arch, before vm->fd is closed. NULL is fine. */
void arch_vm_free(struct vm *vm);

/* Sets @ret to the gsi by which @vm knows an edge pin in KVM_IRQFD, for which
 * the architecture may make a route. */
int arch_irqfd_gsi(struct vm *vm, unsigned pin, uint32_t *ret, struct err *err);

/*
 * Makes the guest's clock stand, and go on from there. Every vCPU is parked.
 * Thread: the loop's.
 */
void arch_clock_stop(struct vm *vm);
void arch_clock_start(struct vm *vm);

/* Sets a level pin. Thread: any. Hot: no story, it cannot fail usefully. */
void arch_irq_set(struct vm *vm, unsigned pin, bool level);

/*
 * Tells KVM, before each KVM_RUN, what it has to be told on this thread: an
 * interrupt line it does not keep. Returns 0 or a negative errno. Thread: the
 * vCPU's. Hot.
 */
int arch_vcpu_enter(struct vcpu *vcpu, struct err *err);

/*
 * Which bits of io->val the guest writes, for a write that KVM brought as MMIO
 * though memory may be there: all, where KVM tells of such writes as they are.
 * Thread: the vCPU's.
 */
uint64_t arch_write_mask(const struct vcpu *vcpu, const struct io_access *io);

/*
 * Handles an exit that is not common to all. Thread: the vCPU's. Returns 0 to
 * run on, or a negative errno.
 */
int arch_vcpu_exit(struct vcpu *vcpu, struct err *err);

/*
 * For a core dump (vmm/debug/core.h). The VM is paused. Thread: the loop's.
 *
 * What kind of ELF file it is; a vCPU's notes, for which it returns 0 or KVM's
 * errno; and the windows in which the guest's kernel sees its memory.
 *
 * @info: the guest's VMCOREINFO; not trusted; NULL: none
 * @ret:  CORE_MAX_VIEWS of them
 *
 * Returns how many views there are.
 */
void arch_core_target(const struct machine *machine, struct elf_target *ret);
int arch_core_vcpu(struct vcpu *vcpu, struct core_notes *notes,
		   struct err *err);
size_t arch_core_views(const struct machine *machine, const char *info,
		       struct core_view *ret);

/*
 * For gdb (vmm/debug/gdb_guest.h): the registers as it has them, and the bytes
 * of a breakpoint instruction. Those that take a vCPU are called while it is
 * parked, on the loop's thread. Those that return int return 0, KVM's errno, or
 * what is said of them.
 */
extern const struct gdb_registers arch_gdb_registers;
extern const uint8_t arch_gdb_break[];
extern const size_t arch_gdb_break_size; /* at most GDB_BREAK_MAX */

/* -ENOTSUP: this KVM cannot debug its guests. */
int arch_gdb_check(const struct vm *vm, struct err *err);

/* @ret, @bytes: arch_gdb_registers.size bytes */
int arch_gdb_read(struct vcpu *vcpu, uint8_t *ret, struct err *err);
int arch_gdb_write(struct vcpu *vcpu, const uint8_t *bytes, struct err *err);

/* Walks the guest's page tables, which are not trusted, to the guest physical
 * address. -EFAULT: nothing is there. */
int arch_gdb_translate(struct vcpu *vcpu, uint64_t addr, uint64_t *ret,
		       struct err *err);

/* Has KVM stop the vCPU at @points, and after an instruction if it is to @step;
 * NULL: no more. -ENOSPC: there are more hardware points than the processor
 * has; -EINVAL: it cannot watch such a range. */
int arch_gdb_set(struct vcpu *vcpu, const struct gdb_points *points, bool step,
		 struct err *err);

/* Why a vCPU has stopped (KVM_EXIT_DEBUG), and where it stands. */
void arch_gdb_why(struct vcpu *vcpu, struct gdb_stop *ret, uint64_t *ret_pc);

/* Has the guest take the breakpoint instruction it stands at, which is its own.
 */
int arch_gdb_pass_on(struct vcpu *vcpu, struct err *err);

/* Adds what this architecture's KVM offers to `vmm doctor`'s report. */
void arch_doctor(struct doctor *doctor, int kvm);

#endif
