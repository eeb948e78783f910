/* vmm/kvm/vcpu.c - one virtual CPU and the thread that runs it. */
#include "vmm/kvm/vcpu.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "arch/arch.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/event_fd.h"
#include "mem/dirty.h"
#include "vmm/kvm/kvm.h"
#include "vmm/kvm/port_io.h"
#include "vmm/kvm/sigbus.h"
#include "vmm/machine/machine.h"

#define VCPU_KICK SIGUSR1 /* its handler does nothing: EINTR is the point */

/*
 * A few frames and a struct err. Much less than the default of 8 MiB, whose top
 * the host would back with a 2 MiB huge page at the first touch.
 */
#define VCPU_STACK (256UL << 10)

int vcpu_init(struct vcpu *vcpu, int vm_fd, struct err *err)
{
	vcpu->stats_fd = -1;
	vcpu->fd = kvm_ioctl_int(vm_fd, KVM_CREATE_VCPU,
				 (unsigned long)vcpu->index, err);
	if (vcpu->fd < 0)
		return err_wrap(err, "vcpu %u", vcpu->index);
	/* Now, for it waits while a vCPU runs. Old KVMs have none. */
	vcpu->stats_fd = kvm_ioctl_int(vcpu->fd, KVM_GET_STATS_FD, 0UL,
				       &(struct err){ 0 });
	vcpu->run = mmap(NULL, vcpu->run_size, PROT_READ | PROT_WRITE,
			 MAP_SHARED, vcpu->fd, 0);
	if (vcpu->run == MAP_FAILED) {
		vcpu->run = NULL;
		return err_sys(err, "vcpu %u: mmap", vcpu->index);
	}
	return 0;
}

void vcpu_finish(struct vcpu *vcpu)
{
	if (vcpu->run)
		(void)munmap(vcpu->run, vcpu->run_size);
	/* A zeroed vCPU has descriptor 0, which is not its own. */
	if (vcpu->vm) {
		fd_closep(&vcpu->stats_fd);
		fd_closep(&vcpu->fd);
	}
	*vcpu = (struct vcpu){ .fd = -1, .stats_fd = -1 };
}

/*
 * Has the thread park before the guest goes on, once KVM_RUN has completed the
 * exit; see park_vcpu().
 */
static void wait_for_device(struct vcpu *vcpu, const struct device *dev)
{
	vcpu->waits_for = dev;
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
}

static void exit_mmio(struct vcpu *vcpu)
{
	struct kvm_run *run = vcpu->run;
	struct machine *machine = vcpu->group->machine;
	struct io_access io = {
		.addr = run->mmio.phys_addr,
		.size = run->mmio.len,
		.write = run->mmio.is_write != 0,
	};

	if (io.write)
		io.val = load_host(run->mmio.data, io.size);
	if (bus_access(&machine->mmio, &io) < 0)
		machine_access_memory(machine, &io, arch_write_mask(vcpu, &io));
	if (!io.write)
		store_host(run->mmio.data, io.size, io.val);
	if (io.busy)
		wait_for_device(vcpu, io.busy);
}

static void exit_io(struct vcpu *vcpu)
{
	struct machine *machine = vcpu->group->machine;
	const struct device *busy = port_io(&machine->ports, vcpu->run,
					    &machine->unclaimed);

	if (busy)
		wait_for_device(vcpu, busy);
}

/* Nobody debugs the guest any more: it goes on. */
static void exit_debug(struct vcpu *vcpu)
{
	struct vcpu_group *group = vcpu->group;

	GUARD(&group->lock);
	if (group->trap_fd < 0)
		return;
	vcpu->trapped = true;
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	event_fd_signal(group->trap_fd);
}

static int handle_exit(struct vcpu *vcpu)
{
	switch (vcpu->run->exit_reason) {
	case KVM_EXIT_MMIO:
		exit_mmio(vcpu);
		return 0;
	case KVM_EXIT_IO:
		exit_io(vcpu);
		return 0;
	case KVM_EXIT_DEBUG:
		exit_debug(vcpu);
		return 0;
	case KVM_EXIT_DIRTY_RING_FULL:
		return dirty_sync(&vcpu->group->machine->dirty, &vcpu->err);
	default:
		return arch_vcpu_exit(vcpu, &vcpu->err);
	}
}

static bool is_vcpu_stopping(const struct vcpu *vcpu)
{
	return __atomic_load_n(&vcpu->stop, __ATOMIC_SEQ_CST) != 0;
}

static bool vcpu_waits(const struct vcpu *vcpu)
{
	return vcpu->group->paused || vcpu->power != VCPU_ON || vcpu->trapped ||
	       vcpu->held || vcpu->slowed ||
	       (vcpu->waits_for && device_is_busy(vcpu->waits_for));
}

/*
 * Waits while the VM is paused or a debugger wants it to, until this vCPU is
 * started, and until the device that it has reset is not busy. KVM completed
 * the last exit (the value of an MMIO read, say) on the way to the EINTR that
 * led here, so a parked vCPU's registers are whole. The group's lock is held.
 */
static void wait_parked(struct vcpu *vcpu)
{
	struct vcpu_group *group = vcpu->group;

	if (!vcpu_waits(vcpu))
		return;
	group->running--;
	(void)pthread_cond_broadcast(&group->changed);
	while (vcpu_waits(vcpu) && !is_vcpu_stopping(vcpu))
		(void)pthread_cond_wait(&group->changed, &group->lock);
	group->running++;
}

/*
 * Take the request before looking at anything: a thread that wants a pause, an
 * end or an interrupt sets its flag first and then kicks, so one of the two is
 * seen.
 */
static void park_vcpu(struct vcpu *vcpu)
{
	__atomic_store_n(&vcpu->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
	GUARD(&vcpu->group->lock);
	wait_parked(vcpu);
	vcpu->waits_for = NULL;
}

/* Says who runs this vCPU; and a VM may begin paused. */
static void begin_vcpu(struct vcpu *vcpu)
{
	struct vcpu_group *group = vcpu->group;

	GUARD(&group->lock);
	__atomic_store_n(&vcpu->tid, gettid(), __ATOMIC_SEQ_CST);
	(void)pthread_cond_broadcast(&group->changed);
	wait_parked(vcpu);
}

/* KVM says -EFAULT where we would get a SIGBUS, and newer ones say where. */
static int run_failed(struct vcpu *vcpu, int code)
{
	const struct mem_map *mem = &vcpu->group->machine->mem;
	const struct kvm_run *run = vcpu->run;
	const struct mem_region *r = NULL;

	if (code == -EFAULT && run->exit_reason == KVM_EXIT_MEMORY_FAULT)
		r = mem_find(mem, run->memory_fault.gpa);
	if (r && r->backing)
		return sigbus_explain(r, run->memory_fault.gpa - r->gpa.start,
				      &vcpu->err);
	if (code == -EFAULT && sigbus_find(mem, &vcpu->err) < 0)
		return vcpu->err.code;
	return err_set(&vcpu->err, code, "KVM_RUN: %s", strerrordesc_np(-code));
}

static int run_vcpu(struct vcpu *vcpu)
{
	begin_vcpu(vcpu);
	while (!is_vcpu_stopping(vcpu)) {
		int r = arch_vcpu_enter(vcpu, &vcpu->err);

		if (r < 0)
			return r;
		r = kvm_run(vcpu->fd);
		if (r == -EINTR || r == -EAGAIN) {
			park_vcpu(vcpu);
			continue;
		}
		if (r < 0)
			return run_failed(vcpu, r);
		r = handle_exit(vcpu);
		if (r < 0)
			return r;
	}
	return 0;
}

pid_t vcpu_thread_id(struct vcpu *vcpu)
{
	GUARD(&vcpu->group->lock);
	while (vcpu->tid == 0)
		(void)pthread_cond_wait(&vcpu->group->changed,
					&vcpu->group->lock);
	return vcpu->tid;
}

static void *vcpu_thread(void *arg)
{
	struct vcpu *vcpu = arg;
	struct vcpu_group *group = vcpu->group;

	if (run_vcpu(vcpu) < 0) {
		(void)err_wrap(&vcpu->err, "vcpu %u", vcpu->index);
		machine_end(group->machine, OUTCOME_ERROR);
	}
	GUARD(&group->lock);
	group->running--;
	(void)pthread_cond_broadcast(&group->changed);
	return NULL;
}

static void vcpu_kicked(int sig)
{
	(void)sig;
}

int vcpu_kick_setup(struct err *err)
{
	const struct sigaction act = { .sa_handler = vcpu_kicked };
	sigset_t set;

	/*
	 * The parent process may have left it blocked; then no kick would
	 * arrive.
	 */
	(void)sigemptyset(&set);
	(void)sigaddset(&set, VCPU_KICK);
	if (sigaction(VCPU_KICK, &act, NULL) < 0)
		return err_sys(err, "signal of the vCPUs");
	errno = pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	return errno ? err_sys(err, "signal mask") : 0;
}

int vcpu_start(struct vcpu *vcpu, struct err *err)
{
	const struct config *config = vcpu->group->machine->config;
	pthread_attr_t attr;
	int r;

	r = pthread_attr_init(&attr);
	if (r == 0) {
		(void)pthread_attr_setstacksize(&attr, VCPU_STACK);
		if (config->kvmtool.affinity_word)
			r = pthread_attr_setaffinity_np(
				&attr, sizeof(config->kvmtool.affinity),
				&config->kvmtool.affinity);
		if (r == 0)
			r = pthread_create(&vcpu->thread, &attr, vcpu_thread,
					   vcpu);
		(void)pthread_attr_destroy(&attr);
	}
	if (r == EINVAL && config->kvmtool.affinity_word)
		return err_input(err, -r,
				 "--vcpu-affinity %s: this process has none of "
				 "these processors",
				 config->kvmtool.affinity_word);
	if (r != 0)
		return err_set(err, -r, "vcpu %u: thread: %s", vcpu->index,
			       strerrordesc_np(r));
	vcpu->started = true;
	return 0;
}

void vcpu_stop(struct vcpu *vcpu)
{
	__atomic_store_n(&vcpu->stop, 1, __ATOMIC_SEQ_CST);
	vcpu_kick(vcpu);
}

void vcpu_kick(struct vcpu *vcpu)
{
	pid_t tid;

	/* Not in KVM_RUN yet: it returns at once. In it: the signal ends it. */
	__atomic_store_n(&vcpu->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	tid = __atomic_load_n(&vcpu->tid, __ATOMIC_SEQ_CST);
	if (tid != 0)
		(void)tgkill(getpid(), tid, VCPU_KICK);
}

void vcpu_interrupt(struct vcpu *vcpu)
{
	if (__atomic_load_n(&vcpu->tid, __ATOMIC_RELAXED) != gettid())
		vcpu_kick(vcpu);
}

bool vcpu_take_trap(struct vcpu *vcpu)
{
	bool was;
	GUARD(&vcpu->group->lock);

	was = vcpu->trapped;
	vcpu->trapped = false;
	(void)pthread_cond_broadcast(&vcpu->group->changed);
	return was;
}

void vcpu_set_held(struct vcpu *vcpu, bool held)
{
	GUARD(&vcpu->group->lock);
	vcpu->held = held;
	(void)pthread_cond_broadcast(&vcpu->group->changed);
}

static bool change_slowed(struct vcpu *vcpu, bool waits)
{
	GUARD(&vcpu->group->lock);
	if (vcpu->slowed == waits)
		return false;
	vcpu->slowed = waits;
	if (!waits)
		(void)pthread_cond_broadcast(&vcpu->group->changed);
	return true;
}

void vcpu_slow(struct vcpu *vcpu, bool waits)
{
	if (change_slowed(vcpu, waits) && waits)
		vcpu_kick(vcpu);
}

bool vcpu_claim(struct vcpu *vcpu)
{
	GUARD(&vcpu->group->lock);
	if (vcpu->power != VCPU_OFF)
		return false;
	vcpu->power = VCPU_STARTING;
	return true;
}

void vcpu_turn_on(struct vcpu *vcpu)
{
	GUARD(&vcpu->group->lock);
	vcpu->power = VCPU_ON;
	(void)pthread_cond_broadcast(&vcpu->group->changed);
}

void vcpu_join(struct vcpu *vcpu)
{
	if (!vcpu->started)
		return;
	(void)pthread_join(vcpu->thread, NULL);
	vcpu->started = false;
}
