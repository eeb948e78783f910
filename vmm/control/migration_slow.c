/* vmm/control/migration_slow.c - slows vCPUs that write faster than their
 * memory can be sent. */
#include "vmm/control/migration.h"

#include "base/log.h"
#include "vmm/control/control.h"
#include "vmm/kvm/dirty_log.h"
#include "vmm/kvm/vm.h"

_Static_assert(CONVERGE_MAX_VCPUS == CONFIG_MAX_CPUS, "vCPUs of a plan");

/* Takes how many pages each vCPU wrote since the last time. False: KVM does not
 * tell. */
static bool take_written_pages(struct migration *m, uint64_t *ret)
{
	const struct vm *vm = m->control->vm;

	for (unsigned i = 0; i < vm->vcpus; i++) {
		uint32_t now = 0;

		if (!dirty_log_vcpu_pages(vm->dirty_log, i, &now))
			return false;
		ret[i] = now - m->slow.pages[i];
		m->slow.pages[i] = now;
	}
	return true;
}

void migration_slow_begin(struct migration *m, bool wanted)
{
	uint64_t unused[CONFIG_MAX_CPUS];

	m->slow.wanted = wanted;
	m->slow.plan = (struct converge){ .vcpus = m->control->vm->vcpus,
					  .most = m->slow.most };
	if (wanted)
		(void)take_written_pages(m, unused);
}

void migration_slow_guest(struct migration *m, const struct migrate_progress *p)
{
	const struct page_copy_rates *rates = &p->rates;
	uint64_t wrote[CONFIG_MAX_CPUS];
	struct err err = { 0 };
	uint64_t way;
	bool known;

	if (!m->slow.wanted || p->state != MIGRATE_ACTIVE || rates->pause == 0)
		return;
	way = (uint64_t)((double)rates->left * 1e9 / (double)rates->pause);
	known = take_written_pages(m, wrote);
	converge_plan(&m->slow.plan, known ? wrote : NULL, rates->dirty_rate,
		      way);
	if (throttle_set(&m->slow.throttle, m->control->vm,
			 m->slow.plan.percent, &err) < 0)
		log_warn("migration: the guest cannot be slowed: %s", err.msg);
}

unsigned migration_slow_percent(const struct migration *m)
{
	return m->slow.throttle.vm ? converge_worst(&m->slow.plan) : 0;
}

void migration_slow_end(struct migration *m)
{
	throttle_end(&m->slow.throttle);
}
