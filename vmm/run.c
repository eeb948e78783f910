/* vmm/run.c - one run of a guest, from the configuration to the exit status. */
#include "vmm/run.h"

#include <errno.h>
#include <sys/epoll.h>

#include "arch/arch.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/signal_fd.h"
#include "vmm/control/arrival.h"
#include "vmm/control/control.h"
#include "vmm/control/lifetime.h"
#include "vmm/control/panic.h"
#include "vmm/control/snapshot_commands.h"
#include "vmm/kvm/caps.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/sigbus.h"
#include "vmm/kvm/vm.h"
#include "vmm/machine/machine.h"
#include "vmm/machine/prealloc.h"
#include "vmm/migrate/files.h"
#include "vmm/migrate/rest.h"
#include "vmm/migrate/target.h"
#include "vmm/snapshot/restore.h"
#include "vmm/restart.h"
#include "vmm/run_signals.h"

enum { STATUS_RESET = 3, STATUS_PANIC = 4, STATUS_TIMEOUT = 124 };

struct run {
	const struct config *config; /* borrowed */
	struct restore *restore; /* borrowed; NULL: the guest boots */
	bool goes_on; /* with @restore: it has not begun to */
	bool begun; /* a VM has */
	/* What changes from the snapshot on; owned until control has it. */
	struct dirty_reader *since;
	struct migrate_target *from; /* borrowed; NULL once the guest is here,
					or if it comes from nowhere */
	struct rest *rest; /* owned; memory that follows the guest from another
			      process; NULL: all is here */
	struct loop_watch rest_here; /* its fd is @rest's */
	int kvm; /* owned */
	struct machine *machine; /* owned */
	struct control control;
	struct run_signals signals;
	struct loop_timer timeout;
	struct restart restart;
	struct loop_timer slowed; /* ends the wait of a guest that restarts */
	struct sigbus sigbus;
	struct vm *vm; /* borrowed; atomic: whose vCPUs run; NULL: none */
};

static void run_finish(struct run *run)
{
	run->machine = machine_free(run->machine);
	run_signals_finish(&run->signals);
	fd_closep(&run->kvm);
}

static void timed_out(struct loop_timer *timer)
{
	machine_end(container_of(timer, struct run, timeout)->machine,
		    OUTCOME_TIMEOUT);
}

static int watch_clock(struct run *run, struct err *err)
{
	int r;

	/* It may have begun when the run began to wait for the guest. */
	if (run->config->timeout_ns == 0 || run->timeout.expired)
		return 0;
	r = loop_timer_add(run->machine->loop, &run->timeout, err);
	if (r < 0)
		return err_wrap(err, "--timeout");
	run->timeout.expired = timed_out;
	/* The loop, and this timer, may wait for a disk when it passes. */
	machine_interrupt_after(run->machine, run->config->timeout_ns);
	loop_timer_set(&run->timeout, run->config->timeout_ns);
	return 0;
}

/* The user's pause outlasts the wait. */
static void wait_over(struct loop_timer *timer)
{
	struct run *run = container_of(timer, struct run, slowed);
	struct vm *vm = __atomic_load_n(&run->vm, __ATOMIC_RELAXED);

	/* One that a snapshot holds goes on when that releases it. */
	if (vm && !run->control.paused && !run->control.held)
		vm_resume(vm);
}

/*
 * Lets a guest wait that restarts too often. Its VM is there, and paused, so
 * that signals and clients are served as ever. The VM has not started.
 */
static int slow_down(struct run *run, struct vm *vm, struct err *err)
{
	if (run->restart.delay == 0)
		return 0;
	if (!run->slowed.expired) {
		const int r = loop_timer_add(run->machine->loop, &run->slowed,
					     err);

		if (r < 0)
			return r;
		run->slowed.expired = wait_over;
		log_warn("the guest has restarted %u times, each within a "
			 "second of its start: it is slowed down "
			 "(--no-reboot ends it instead)",
			 run->restart.quick);
	}
	vm_pause(vm);
	loop_timer_set(&run->slowed, run->restart.delay);
	return 0;
}

static void free_run_vm(struct vm **vm)
{
	*vm = vm_free(*vm);
}

/* What a restored guest needs before it runs. */
static int begin_restored(struct run *run, struct err *err)
{
	int r = 0;

	if (run->since)
		r = snapshot_commands_restored(&run->control,
					       &run->restore->chain,
					       TAKE_PTR(run->since), err);
	/* Another guest may go on from the same snapshot. */
	if (r == 0)
		r = vmgenid_renew(&run->machine->vmgenid, err);
	if (r == 0)
		r = restore_tell(run->restore, err);
	/* Last: their files are the user's. */
	if (r == 0)
		r = restore_flashes(run->restore, run->machine, err);
	run->control.paused = run->restore->paused;
	return r;
}

/* A VM that was loaded begins paused. */
static void let_go_on(struct run *run, struct vm *vm)
{
	if (!run->control.paused && !run->control.held)
		vm_resume(vm);
	restore_runs(run->restore);
	run->goes_on = false;
}

/* The control socket whose place this run is to take. */
static const struct control_file *owner_of(const struct run *run,
					   struct control_file *ret)
{
	if (!run->from || !migrate_place_is_here(&run->from->place))
		return NULL;
	ret->dev = (dev_t)run->from->place.dev;
	ret->ino = (ino_t)run->from->place.ino;
	return ret;
}

/* The guest is here, and nowhere else: nothing that fails ends it. */
static void own_guest(struct run *run)
{
	struct migrate_files files;
	struct err err = { 0 };

	if (migrate_files_of(&files, run->machine, &err) == 0)
		migrate_files_own(&files);
}

static void take_name(struct run *run)
{
	struct err err = { 0 };

	if (control_socket_take(&run->control.socket, &err) < 0)
		log_warn("the control socket stays at %s: %s",
			 run->control.socket.at.sun_path, err.msg);
}

/* From here on the source's name is this guest's, and that may be copied. */
static void rest_is_here(struct loop_watch *watch, uint32_t events)
{
	struct run *run = container_of(watch, struct run, rest_here);

	(void)events;
	loop_remove(run->machine->loop, watch);
	watch->ready = NULL;
	run->control.busy = NULL;
	take_name(run);
	rest_end(run->rest);
}

/* Memory that is at the source still: the guest is not copied before it is
 * here. */
static void await_rest(struct run *run)
{
	struct err err = { 0 };

	run->rest = TAKE_PTR(run->from->rest);
	if (!run->rest)
		return;
	run->control.rest = run->rest;
	run->control.busy = "the arrival of its memory";
	run->rest_here.ready = rest_is_here;
	run->rest_here.fd = rest_fd(run->rest);
	if (loop_add(run->machine->loop, &run->rest_here, EPOLLIN, &err) == 0)
		return;
	run->rest_here.ready = NULL;
	log_warn("%s: the guest cannot be copied from here", err.msg);
	take_name(run);
	rest_end(run->rest);
}

/* A guest that comes from another process: this one tells that it is ready, and
 * lets the guest run once the other has given it up. */
static int take_guest(struct run *run, struct vm *vm, struct err *err)
{
	struct err late = { 0 };
	const int r = migrate_target_take(run->from, err);

	if (r < 0) {
		__atomic_store_n(&run->vm, NULL, __ATOMIC_RELEASE);
		(void)vm_stop(vm, &late);
		return r;
	}
	own_guest(run);
	/* The source of memory that is missing still has to be found. */
	if (!run->from->rest)
		take_name(run);
	if (!run->control.paused && !run->control.held)
		vm_resume(vm);
	migrate_target_done(run->from);
	await_rest(run);
	run->from = NULL;
	arrival_ends(&run->control, true);
	return 0;
}

/* The first time when nothing is left that could go wrong before a guest runs.
 */
static int begin_run(struct run *run, struct vm *vm, struct err *err)
{
	struct control_file owner;
	int r = 0;

	if (!run->control.machine)
		r = control_init(&run->control, run->machine,
				 owner_of(run, &owner), err);
	if (r < 0)
		return r;
	if (!run->begun)
		control_equipped(&run->control);
	run->begun = true;
	if (run->goes_on)
		r = begin_restored(run, err);
	if (r < 0)
		return r;
	if (run->from && run->from->paused)
		run->control.paused = true;
	r = control_begin(&run->control, vm, err);
	if (r == 0)
		r = slow_down(run, vm, err);
	if (r < 0)
		return r;
	/* Its vCPUs may lose a page before the last of them is started. */
	__atomic_store_n(&run->vm, vm, __ATOMIC_RELEASE);
	/* One that was lost before nobody stops for. */
	r = run->goes_on ? restore_error(run->restore, err) : 0;
	if (r == 0)
		r = vm_start(vm, err);
	if (r < 0)
		__atomic_store_n(&run->vm, NULL, __ATOMIC_RELEASE);
	else if (run->goes_on)
		let_go_on(run, vm);
	return r == 0 && run->from ? take_guest(run, vm, err) : r;
}

static int make_vm(struct run *run, struct vm **ret, struct err *err)
{
	if (run->goes_on)
		return vm_load(ret, run->kvm, run->machine,
			       &run->restore->state, err);
	if (run->from)
		return vm_load(ret, run->kvm, run->machine, &run->from->state,
			       err);
	return vm_new(ret, run->kvm, run->machine, err);
}

/* Returns @r, or the error of a page that was lost on the way to it. */
static int or_lost(const struct run *run, int r, struct err *err)
{
	/* The snapshot knows best why a page could not be had. */
	int lost = run->restore ? restore_error(run->restore, err) : 0;

	if (lost == 0)
		lost = sigbus_error(&run->sigbus, err);
	if (lost == 0 && r == -EFAULT)
		lost = sigbus_find(&run->machine->mem, err);
	return lost < 0 ? lost : r;
}

/* Whether what ended the loop does not end the guest. */
static bool run_goes_on(struct run *run)
{
	switch (machine_outcome(run->machine)) {
	case OUTCOME_NONE:
		return true;
	case OUTCOME_PANIC:
		return control_panicked(&run->control);
	default:
		return false;
	}
}

/* Two of one guest must not run. */
static bool run_restarts(const struct run *run)
{
	return machine_outcome(run->machine) == OUTCOME_RESET &&
	       !run->config->no_reboot && !run->machine->moved;
}

/* One boot cycle of the guest, from power-on or reset to its end. */
static int boot_cycle(struct run *run, struct err *err)
{
	_cleanup_(free_run_vm) struct vm *vm = NULL;
	struct err late = { 0 };
	int r, stopped;

	r = make_vm(run, &vm, err);
	if (r == 0)
		r = begin_run(run, vm, err);
	if (r < 0)
		return r;
	/* A late loop_stop() of the cycle before may end the loop early. */
	do
		r = loop_run(run->machine->loop, err);
	while (r == 0 && run_goes_on(run));
	control_settle(&run->control);
	/* A CPU may wait for a page. */
	if (run->rest && !run_restarts(run))
		rest_give_up(run->rest);
	stopped = vm_stop(vm, &late);
	__atomic_store_n(&run->vm, NULL, __ATOMIC_RELEASE);
	r = or_lost(run, r, err);
	if (r == 0 && stopped < 0) {
		*err = late;
		r = stopped;
	}
	return r;
}

static int exit_status(const struct machine *machine)
{
	switch (machine_outcome(machine)) {
	case OUTCOME_RESET:
		return STATUS_RESET;
	case OUTCOME_PANIC:
		return STATUS_PANIC;
	case OUTCOME_TIMEOUT:
		return STATUS_TIMEOUT;
	case OUTCOME_SIGNAL:
		return 128 + machine->signal;
	default:
		return 0;
	}
}

/* A wait for a disk was given up: for a signal, or as the time has passed. */
static void note_interrupt(struct run *run)
{
	run_signals_take(&run->signals);
	if (run->machine->signal == 0)
		machine_end(run->machine, OUTCOME_TIMEOUT);
}

static int boot_cycles(struct run *run, struct err *err)
{
	bool again = false;
	int r;

	run->restart.began = clock_ns();
	r = boot_cycle(run, err);

	while (r == 0 && run_restarts(run)) {
		again = true;
		r = or_lost(run, machine_reset(run->machine, err), err);
		if (r == -EINTR) {
			note_interrupt(run);
			r = 0;
			break;
		}
		if (r < 0) {
			(void)err_wrap(err, "restart");
			break;
		}
		control_restarts(&run->control);
		(void)restart_next(&run->restart, clock_ns());
		r = boot_cycle(run, err);
	}
	/* The user's files were good at the start: this is no bad usage. */
	if (r < 0 && again)
		err->input = false;
	control_ends(&run->control, r < 0);
	return r;
}

/*
 * The guest must not run on: what it then found in the lost page's place would
 * not be what it put there.
 */
static void memory_lost(void *ctx)
{
	struct run *run = ctx;
	struct vm *vm = __atomic_load_n(&run->vm, __ATOMIC_ACQUIRE);

	if (vm)
		vm_halt(vm);
	machine_end(run->machine, OUTCOME_ERROR);
}

/* Takes the memory and the state of a guest that another process sends. */
static int receive_guest_memory(struct run *run, struct err *err)
{
	int r;

	if (!run->config->await)
		return migrate_target_memory(run->from, run->machine, arch_name,
					     run->signals.ending.fd, err);
	r = control_init(&run->control, run->machine, NULL, err);
	if (r == 0)
		r = watch_clock(run, err);
	return r == 0 ? arrival_wait(&run->control, run->from,
				     run->signals.ending.fd, err)
		      : r;
}

/* Loads what boots, into memory that may turn out not to be there. */
static int equip_machine(struct run *run, struct err *err)
{
	int r;

	run->sigbus = (struct sigbus){ .map = &run->machine->mem,
				       .stop = memory_lost,
				       .ctx = run };
	r = sigbus_catch(&run->sigbus, err);
	if (r < 0)
		return r;
	if (run->restore) {
		run->restore->lost = memory_lost;
		run->restore->lost_ctx = run;
		r = restore_memory(run->restore, run->machine,
				   run->signals.ending.fd, err);
	}
	/* From here on, what is written is not in the snapshot. */
	if (r == 0 && run->restore && control_is_wanted(run->config))
		r = dirty_reader_add(&run->machine->dirty, DIRTY_FROM_NOW,
				     &run->since, err);
	if (r == 0 && run->from)
		r = receive_guest_memory(run, err);
	if (r == 0)
		r = machine_equip(run->machine, !run->restore && !run->from,
				  err);
	return or_lost(run, r, err);
}

/* True, and @ret_status set, if a run was ended before the machine was there:
 * by a signal, or, while it waited for a guest, by a client or a limit. */
static bool ended_early(struct run *run, int r, int *ret_status)
{
	const bool early = r == -EINTR || (r == -ECANCELED && run->from);
	int signal;

	if (!early || !run->machine)
		return false;
	if (machine_outcome(run->machine) != OUTCOME_NONE) {
		control_ends(&run->control, false);
		*ret_status = exit_status(run->machine);
		return true;
	}
	signal = signal_fd_take(run->signals.ending.fd);
	*ret_status = 128 + signal;
	return signal > 0;
}

/* Where a person would see how far we are; -1: nowhere. */
static int progress_fd(void)
{
	return isatty(STDERR_FILENO) ? STDERR_FILENO : -1;
}

static int run_all(struct run *run, int *ret_status, struct err *err)
{
	struct kvm_limits limits = { 0 };
	int r;

	run->kvm = kvm_open(err);
	if (run->kvm < 0)
		return run->kvm;
	r = run_signals_catch(&run->signals, err);
	if (r == 0)
		r = vcpu_kick_setup(err);
	if (r == 0)
		r = caps_check(run->kvm, &limits, err);
	if (r == 0)
		r = machine_new(&run->machine, run->config, &limits, err);
	if (r == 0)
		r = run_signals_watch(&run->signals, run->machine, err);
	if (r == 0)
		machine_interrupt_by(run->machine, run->signals.ending.fd);
	/* Before the terminal is the guest's, so that Ctrl-C is a signal. */
	if (r == 0)
		r = prealloc(&run->machine->mem, run->signals.ending.fd,
			     progress_fd(), err);
	if (r > 0) {
		*ret_status = 128 + r;
		return 0;
	}
	if (r == 0)
		r = equip_machine(run, err);
	if (ended_early(run, r, ret_status))
		return 0;
	if (r == 0)
		r = watch_clock(run, err);
	if (r == 0)
		r = boot_cycles(run, err);
	if (r < 0)
		return r;
	*ret_status = exit_status(run->machine);
	return 0;
}

static void stop_run_watches(struct run *run)
{
	struct loop *loop = run->machine->loop;

	run_signals_unwatch(&run->signals);
	if (run->timeout.expired)
		loop_timer_remove(loop, &run->timeout);
	if (run->slowed.expired)
		loop_timer_remove(loop, &run->slowed);
	if (run->rest_here.ready)
		loop_remove(loop, &run->rest_here);
}

/*
 * Ends the devices while a lost page is still caught: what they finish may be
 * in it. Returns @r, or the error of such a page.
 */
static int end_devices(struct run *run, int r, struct err *err)
{
	run->since = dirty_reader_remove(run->since);
	control_finish(&run->control);
	if (!run->machine)
		return r;
	stop_run_watches(run);
	machine_end_devices(run->machine);
	run->control.rest = NULL;
	run->rest = rest_free(run->rest);
	if (run->from)
		run->from->rest = rest_free(run->from->rest);
	if (run->restore)
		restore_stop(run->restore);
	if (r == 0)
		r = sigbus_error(&run->sigbus, err);
	sigbus_release(&run->sigbus);
	return r;
}

int run_guest(const struct config *config, struct restore *restore,
	      struct migrate_target *from, int *ret_status, struct err *err)
{
	_cleanup_(run_finish) struct run run = { .config = config,
						 .restore = restore,
						 .goes_on = restore,
						 .from = from,
						 .kvm = -1,
						 .signals = RUN_SIGNALS_NONE };
	const int r = arch_check_config(config, err);

	if (r < 0)
		return r;
	return end_devices(&run, run_all(&run, ret_status, err), err);
}
