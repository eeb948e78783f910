/* vmm/migrate/source_watch.c - a migration's source is watched, and limited,
 * while it sends. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "vmm/migrate/source_job.h"

void source_set_state(struct migrate_job *job, enum migrate_state state)
{
	GUARD(&job->lock);
	/* What was cancelled goes on as that, up to its end. */
	if (job->state != MIGRATE_CANCELLING || state > MIGRATE_CANCELLING)
		job->state = state;
}

void migrate_job_limit(struct migrate_job *job, const uint64_t *downtime,
		       const uint64_t *bandwidth)
{
	GUARD(&job->lock);
	if (downtime)
		job->downtime = *downtime;
	if (bandwidth && !job->unlimited)
		sender_limit(&job->sender, *bandwidth);
}

void migrate_job_progress(struct migrate_job *job, struct migrate_progress *ret)
{
	struct sender_count count;

	*ret = (struct migrate_progress){ .total = job->total };
	page_copy_rates(job->copy, &ret->rates);
	sender_count(&job->sender, &count);
	ret->sent = count.bytes;
	ret->pages = count.pages;
	ret->zero_pages = count.zero_pages;
	GUARD(&job->lock);
	ret->state = job->state;
	ret->setup = job->setup;
	ret->held = job->held;
	if (job->followed)
		ret->rates.left = job->left_pages * IMAGE_PAGE;
	ret->broke = job->broke;
	ret->took = job->took ? job->took : clock_ns() - job->began;
	if (ret->took > ret->setup)
		ret->rate = (uint64_t)((double)ret->sent * 1e9 /
				       (double)(ret->took - ret->setup));
}

const struct migrate_result *migrate_job_result(const struct migrate_job *job)
{
	return &job->result;
}
