/* vmm/kvm/vm.c - one KVM virtual machine: descriptor, slots, vCPUs. */
#include "vmm/kvm/vm.h"

#include <errno.h>
#include <inttypes.h>

#include "arch/arch.h"
#include "base/cleanup.h"
#include "base/state.h"
#include "vmm/kvm/dirty_log.h"
#include "vmm/kvm/doorbells.h"
#include "vmm/kvm/irq.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/slot.h"
#include "vmm/machine/machine_state.h"

/* Leaves nothing of KVM's; the machine stays, and what the VM is told. */
static void unmake_vm(struct vm *vm)
{
	irq_chip_disconnect(&vm->machine->irq);
	vm->dirty_log = dirty_log_free(vm->dirty_log);
	machine_connect(vm->machine, NULL);
	devices_listen(&vm->machine->devices, NULL, NULL);
	for (unsigned i = 0; i < vm->vcpus; i++)
		vcpu_finish(&vm->vcpu[i]);
	vm->vcpus = 0;
	arch_vm_free(vm);
	fd_closep(&vm->fd);
	vm->fd = -1;
}

struct vm *vm_free(struct vm *vm)
{
	if (!vm)
		return NULL;
	unmake_vm(vm);
	vcpu_group_finish(&vm->group);
	free(vm);
	return NULL;
}

static void vm_freep(struct vm **vm)
{
	*vm = vm_free(*vm);
}

static int make_vcpus(struct vm *vm, struct err *err)
{
	const int size = kvm_ioctl_int(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0UL,
				       err);
	if (size < 0)
		return size;
	for (unsigned i = 0; i < vm->machine->config->cpus; i++) {
		struct vcpu *vcpu = &vm->vcpu[i];
		int r;

		*vcpu = (struct vcpu){ .vm = vm,
				       .group = &vm->group,
				       .index = i,
				       .run_size = (size_t)size };
		vm->vcpus = i + 1;
		r = vcpu_init(vcpu, vm->fd, err);
		if (r == 0)
			r = dirty_log_add_vcpu(vm->dirty_log, vcpu->fd, err);
		if (r == 0)
			r = arch_vcpu_init(vcpu, err);
		if (r < 0)
			return r;
	}
	return 0;
}

static void device_settled(void *ctx)
{
	vcpu_group_wake(ctx);
}

static int connect_doorbells(const struct vm *vm, struct err *err)
{
	const struct machine *machine = vm->machine;
	int r = 0;

	if (arch_has_ioeventfd)
		r = doorbells_connect(vm->fd, &machine->mmio, false, err);
	if (arch_has_ioeventfd && r == 0)
		r = doorbells_connect(vm->fd, &machine->ports, true, err);
	return r;
}

/* The devices first: what they do to their interrupt lines is kept until they
 * are connected. */
static int load_vm(struct vm *vm, struct state_view *from, struct err *err)
{
	struct machine *machine = vm->machine;
	int r;

	machine_reset_devices(machine);
	r = machine_load_devices(machine, from, err);
	machine_pause(machine);

	for (unsigned i = 0; r == 0 && i < vm->vcpus; i++)
		r = arch_vcpu_load(&vm->vcpu[i], from, err);
	if (r == 0)
		r = arch_vm_load(vm, from, err);
	/* Sections of a vCPU that this machine has not, say. */
	return r == 0 ? state_sections_end(from, err) : r;
}

static bool no_vcpu_runs(void *ctx)
{
	struct vm *vm = ctx;

	return vcpu_group_is_quiet(&vm->group);
}

/* How writes are logged must be said before there are slots. */
static int make_memory(struct vm *vm, struct err *err)
{
	struct machine *machine = vm->machine;
	const struct kvm_limits *limits = &machine->limits;
	const struct dirty_log_setup over = { .fd = vm->fd,
					      .slots = &vm->slots,
					      .dirty = &machine->dirty,
					      .page_size = limits->page_size,
					      .is_quiet = no_vcpu_runs,
					      .ctx = vm };
	int r;

	vm->slots = (struct slots){ .fd = vm->fd,
				    .map = &machine->mem,
				    .lock = PTHREAD_MUTEX_INITIALIZER };
	vm->view = slots_view(&vm->slots);
	r = dirty_log_new(&vm->dirty_log, &over, machine->config->dirty_log,
			  err);
	if (r < 0)
		return r;
	return slots_install(&vm->slots,
			     limits->page_size > arch_mem_align
				     ? limits->page_size
				     : arch_mem_align,
			     limits->max_slots, err);
}

static struct irq_route irqs_of(struct vm *vm)
{
	return (struct irq_route){ &vm->machine->irq, vm, vm->fd };
}

static int connect_irqs(struct vm *vm, struct err *err)
{
	const struct irq_route route = irqs_of(vm);

	return irq_connect(&route, err);
}

/* @from: the state that the guest goes on from; NULL: it starts */
static int make_kvm_vm(struct vm *vm, struct state_view *from, struct err *err)
{
	struct machine *machine = vm->machine;
	int r;

	vm->fd = kvm_ioctl_int(vm->kvm, KVM_CREATE_VM, arch_vm_type(machine),
			       err);
	if (vm->fd < 0)
		return vm->fd;
	r = arch_vm_create(vm, err);
	if (r == 0)
		r = make_memory(vm, err);
	if (r == 0) {
		machine_connect(machine, &vm->view);
		devices_listen(&machine->devices, device_settled, &vm->group);
	}
	if (r == 0)
		r = make_vcpus(vm, err);
	if (r == 0)
		r = dirty_log_attach(vm->dirty_log, err);
	if (r == 0)
		r = arch_vm_init(vm, err);
	if (r == 0)
		r = from ? load_vm(vm, from, err) : arch_vm_boot(vm, err);
	if (r == 0)
		r = connect_doorbells(vm, err);
	return r == 0 ? connect_irqs(vm, err) : r;
}

static int new_vm(struct vm **ret, int kvm, struct machine *machine,
		  struct state_view *from, struct err *err)
{
	const size_t vcpus = machine->config->cpus * sizeof(struct vcpu);
	_cleanup_(vm_freep) struct vm *vm = calloc(1, sizeof(*vm) + vcpus);
	int r;

	if (!vm)
		return err_set(err, -ENOMEM, "virtual machine: out of memory");
	vm->machine = machine;
	vm->kvm = kvm;
	vcpu_group_init(&vm->group, machine);
	r = make_kvm_vm(vm, from, err);
	if (r < 0)
		return r;
	/* A clock that was loaded stands until it is resumed. */
	vm->group.paused = from != NULL;
	*ret = TAKE_PTR(vm);
	return 0;
}

int vm_new(struct vm **ret, int kvm, struct machine *machine, struct err *err)
{
	return new_vm(ret, kvm, machine, NULL, err);
}

int vm_load(struct vm **ret, int kvm, struct machine *machine,
	    struct state_view *from, struct err *err)
{
	return new_vm(ret, kvm, machine, from, err);
}

int vm_start(struct vm *vm, struct err *err)
{
	int r = 0;

	/* The others first: they sleep in KVM until the first one calls them,
	 * and must not make it wait for a thread that does not exist yet. */
	for (unsigned i = vm->vcpus; r == 0 && i-- > 0;) {
		vcpu_group_count(&vm->group, 1);
		r = vcpu_start(&vm->vcpu[i], err);
		if (r < 0)
			vcpu_group_count(&vm->group, -1);
	}
	if (r < 0)
		(void)vm_stop(vm, &(struct err){ 0 });
	return r;
}

void vm_pause(struct vm *vm)
{
	/* A broken VM runs nothing. */
	if (vm->group.paused || vm->broken.code < 0)
		return;
	vcpu_group_set_paused(&vm->group, true);
	for (unsigned i = 0; i < vm->vcpus; i++)
		vcpu_kick(&vm->vcpu[i]);
	vcpu_group_wait_parked(&vm->group);
	machine_pause(vm->machine);
	arch_clock_stop(vm);
}

void vm_resume(struct vm *vm)
{
	if (!vm->group.paused || vm->broken.code < 0 || vm->machine->moved)
		return;
	arch_clock_start(vm);
	machine_resume(vm->machine);
	vcpu_group_set_paused(&vm->group, false);
}

void vm_halt(struct vm *vm)
{
	for (unsigned i = 0; i < vm->vcpus; i++)
		vcpu_stop(&vm->vcpu[i]);
}

/* Ends the vCPU threads, those that are parked, too. */
static void join_vcpus(struct vm *vm)
{
	vm_halt(vm);
	vcpu_group_wake(&vm->group);
	for (unsigned i = 0; i < vm->vcpus; i++)
		vcpu_join(&vm->vcpu[i]);
}

int vm_stop(struct vm *vm, struct err *err)
{
	const bool paused = vm->group.paused;
	int r = vm->broken.code;

	join_vcpus(vm);
	vcpu_group_set_paused(&vm->group, false);
	/* The devices may see another VM, which pauses them again. */
	if (paused)
		machine_resume(vm->machine);
	if (r < 0)
		*err = vm->broken;
	for (unsigned i = 0; r == 0 && i < vm->vcpus; i++) {
		r = vm->vcpu[i].err.code;
		if (r < 0)
			*err = vm->vcpu[i].err;
	}
	return r;
}

/* Leaves nothing, for half of a VM would have a client wait for its vCPUs. No
 * thread of theirs runs. */
static int give_up_vm(struct vm *vm, const char *why, struct err *err)
{
	unmake_vm(vm);
	(void)err_wrap(err, "%s", why);
	vm->broken = *err;
	machine_end(vm->machine, OUTCOME_ERROR);
	return err->code;
}

int vm_save(struct vm *vm, struct state *state, struct err *err)
{
	const struct irq_route route = irqs_of(vm);
	int r = irq_settle(&route, err);

	/* Some of its interrupts are not connected any more. */
	if (r < 0) {
		join_vcpus(vm);
		return give_up_vm(vm, "interrupts", err);
	}
	r = machine_check_quiet(vm->machine, err);
	if (r < 0)
		return r;
	state_begin(state, arch_name);
	for (unsigned i = 0; r == 0 && i < vm->vcpus; i++)
		r = arch_vcpu_save(&vm->vcpu[i], state, err);
	if (r == 0)
		r = arch_vm_save(vm, state, err);
	if (r < 0)
		return r;
	machine_save(vm->machine, state);
	return state_end(state, err);
}

/* The VM is paused, and stays so. */
static int replace_vm(struct vm *vm, struct state_view *from, struct err *err)
{
	const bool started = vm->vcpu[0].started;
	int r;

	join_vcpus(vm);
	unmake_vm(vm);
	r = machine_load_memory(vm->machine, from, err);
	if (r == 0)
		r = make_kvm_vm(vm, from, err);
	if (r == 0 && started)
		r = vm_start(vm, err);
	if (r < 0)
		return give_up_vm(vm, "virtual machine made anew", err);
	vcpu_group_wait_parked(&vm->group);
	return 0;
}

int vm_rebuild(struct vm *vm, size_t *ret_size, struct err *err)
{
	_cleanup_(state_finish) struct state state = { 0 };
	const bool paused = vm->group.paused;
	struct state_view view;
	int r;

	vm_pause(vm);
	if (machine_outcome(vm->machine) != OUTCOME_NONE)
		r = err_set(err, -ECANCELED, "the guest has ended");
	else
		r = vm_save(vm, &state, err);
	if (r == 0)
		r = state_open(&view, state.data, state.size, arch_name, err);
	if (r == 0)
		r = replace_vm(vm, &view, err);
	/* A page may have been lost on the way: then nothing runs any more. */
	if (!paused && machine_outcome(vm->machine) == OUTCOME_NONE)
		vm_resume(vm);
	*ret_size = state.size;
	return r;
}
