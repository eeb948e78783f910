/* vmm/kvm/vcpu.h - one virtual CPU and the thread that runs it. */
#ifndef VMM_KVM_VCPU_H
#define VMM_KVM_VCPU_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "vmm/kvm/vcpu_group.h"

struct vm;
struct device;
struct kvm_run;

/* Where KVM does not keep it, a vCPU waits here until the guest starts it. */
enum vcpu_power { VCPU_ON, VCPU_OFF, VCPU_STARTING };

struct vcpu {
	struct vm *vm; /* borrowed; for the architecture */
	struct vcpu_group *group; /* borrowed */
	unsigned index;
	int fd; /* owned */
	int stats_fd; /* owned; see vmm/kvm/stats.h; -1: KVM has none */
	struct kvm_run *run; /* owned mapping; this vCPU's thread only, save
				for immediate_exit */
	size_t run_size; /* of the mapping, in bytes */
	pthread_t thread;
	bool started; /* thread is valid */
	pid_t tid; /* atomic: of the thread; 0: not yet; written under
		    * group->lock
		    */
	enum vcpu_power power; /* under group->lock once the threads run */
	bool trapped; /* KVM_EXIT_DEBUG, which is not told of yet */
	bool held; /* by a debugger that has others run */
	bool slowed; /* waits for its next part of the time; under group->lock
		      */
	const struct device *waits_for; /* is busy; NULL: none; its own thread
					 * only
					 */
	uint32_t stop; /* atomic: set by vcpu_stop(), read by the thread */
	struct err err; /* why the thread ended, or (vcpu_claim()) could not be
			   turned on; read after joining it */
};

/*
 * Creates a vCPU.
 *
 * @vcpu: zeroed, but for vm, group, index and run_size: what it is made with
 *
 * Returns 0 or -errno.
 */
int vcpu_init(struct vcpu *vcpu, int vm_fd, struct err *err);
void vcpu_finish(struct vcpu *vcpu); /* a zeroed one is fine */

/* Readies the signal that ends KVM_RUN. Once a process, before any thread. */
int vcpu_kick_setup(struct err *err);

/* Starts the thread. Returns 0 or pthread_create()'s errno, negative. */
int vcpu_start(struct vcpu *vcpu, struct err *err);

/* The thread's number, as gettid() has it. It is started. Thread: loop. */
pid_t vcpu_thread_id(struct vcpu *vcpu);

/* Makes KVM_RUN return -EINTR once its last exit is complete. The thread then
 * looks whether it is to end, or to wait (vm_pause()). Thread: any. */
void vcpu_kick(struct vcpu *vcpu);

/*
 * Makes arch_vcpu_enter() see what has changed: at once, in the guest or in
 * KVM_RUN's sleep. Does nothing on the vCPU's own thread, which comes there by
 * itself. Thread: any.
 */
void vcpu_interrupt(struct vcpu *vcpu);

/*
 * Starts a vCPU that is VCPU_OFF. The one caller that gets true from
 * vcpu_claim() sets the registers and then turns the vCPU on, or sets err and
 * ends the run. Thread: any.
 */
bool vcpu_claim(struct vcpu *vcpu);
void vcpu_turn_on(struct vcpu *vcpu);

/*
 * For a debugger (vmm/debug/gdb_guest.h): a vCPU that has trapped waits until
 * that was taken; returns whether it had. One that is held waits while others
 * run. Thread: the loop's.
 */
bool vcpu_take_trap(struct vcpu *vcpu);
void vcpu_set_held(struct vcpu *vcpu, bool held);

/* Keeps it out of the guest, or lets it go on (vmm/kvm/throttle.h). Thread: the
 * loop's. */
void vcpu_slow(struct vcpu *vcpu, bool waits);

/* Makes the thread end soon; vcpu_join() waits for it. Thread: any. */
void vcpu_stop(struct vcpu *vcpu);
void vcpu_join(struct vcpu *vcpu);

#endif
