/*
 * vmm/kvm/vcpu_group.h - what the vCPUs of one VM share: which of them run, and
 * whether they are to wait.
 *
 * A vCPU thread is parked while the VM is paused, its vCPU is off or slowed, a
 * device that it has reset is busy, or a debugger keeps it from running. It
 * says so by group->running, which it changes under the lock.
 */
#ifndef VMM_KVM_VCPU_GROUP_H
#define VMM_KVM_VCPU_GROUP_H

#include <pthread.h>
#include <stdbool.h>

struct machine;

struct vcpu_group {
	struct machine *machine; /* borrowed; whose memory and devices they use
				  */
	pthread_mutex_t lock; /* of what is below, and of vCPUs' power, trapped,
				 held and slowed */
	pthread_cond_t changed; /* one of them did */
	unsigned running; /* vCPU threads that are not parked */
	bool paused;
	int trap_fd; /* borrowed eventfd: a vCPU has trapped; -1: nobody debugs
			the guest */
};

/* Makes a group of no threads, not paused. Thread: setup. */
void vcpu_group_init(struct vcpu_group *group, struct machine *machine);

/* No thread of the group's is left. */
void vcpu_group_finish(struct vcpu_group *group);

/* Counts a thread that is about to start, or (-1) that did not start. */
void vcpu_group_count(struct vcpu_group *group, int change);

/*
 * Says whether the vCPUs are to wait. A vCPU in KVM_RUN does not see it before
 * it is kicked; vcpu_group_wait_parked() waits until none runs. Thread: the
 * loop's.
 */
void vcpu_group_set_paused(struct vcpu_group *group, bool paused);
void vcpu_group_wait_parked(struct vcpu_group *group);

/* Wakes the threads that are parked, to look whether they are to end, or a
 * device has settled. */
void vcpu_group_wake(struct vcpu_group *group);

/* Has KVM_EXIT_DEBUG told by @fd, an eventfd, which is borrowed until it is -1.
 * Thread: the loop's. */
void vcpu_group_set_trap(struct vcpu_group *group, int fd);

/* True if no vCPU thread runs. Thread: any. */
bool vcpu_group_is_quiet(struct vcpu_group *group);

#endif
