/* vmm/kvm/vcpu_group.c - what the vCPUs of one VM share. */
#include "vmm/kvm/vcpu_group.h"

#include "base/cleanup.h"

void vcpu_group_init(struct vcpu_group *group, struct machine *machine)
{
	*group = (struct vcpu_group){ .machine = machine, .trap_fd = -1 };
	(void)pthread_mutex_init(&group->lock, NULL);
	(void)pthread_cond_init(&group->changed, NULL);
}

void vcpu_group_finish(struct vcpu_group *group)
{
	(void)pthread_cond_destroy(&group->changed);
	(void)pthread_mutex_destroy(&group->lock);
}

void vcpu_group_count(struct vcpu_group *group, int change)
{
	GUARD(&group->lock);
	group->running += (unsigned)change;
}

void vcpu_group_set_paused(struct vcpu_group *group, bool paused)
{
	GUARD(&group->lock);
	group->paused = paused;
	(void)pthread_cond_broadcast(&group->changed);
}

void vcpu_group_wait_parked(struct vcpu_group *group)
{
	GUARD(&group->lock);
	while (group->running > 0)
		(void)pthread_cond_wait(&group->changed, &group->lock);
}

void vcpu_group_set_trap(struct vcpu_group *group, int fd)
{
	GUARD(&group->lock);
	group->trap_fd = fd;
}

void vcpu_group_wake(struct vcpu_group *group)
{
	GUARD(&group->lock);
	(void)pthread_cond_broadcast(&group->changed);
}

bool vcpu_group_is_quiet(struct vcpu_group *group)
{
	GUARD(&group->lock);
	return group->running == 0;
}
