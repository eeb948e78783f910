/* vmm/hugetlbfs.c - memory with the huge pages of a folder (--hugetlbfs). */
#include "vmm/hugetlbfs.h"

#include <errno.h>
#include <linux/magic.h>
#include <sys/vfs.h>

static int take_huge_pages(struct mem_spec *mem, const char *folder,
			   uint64_t page, struct err *err)
{
	const struct range at = { mem->at, mem->size };
	struct mem_policy *policy = &mem->policy;

	if (policy->source != MEM_ANON || policy->huge != MEM_HUGE_AUTO)
		return 0; /* it says itself what it is */
	if (policy->merge || policy->overcommit)
		return err_input(err, -EINVAL,
				 "--hugetlbfs %s: does not go with %s of "
				 "--mem %s",
				 folder,
				 policy->merge ? "merge=on" : "reserve=off",
				 mem->word);
	policy->source = MEM_MEMFD;
	policy->huge = MEM_HUGE_TLB;
	policy->huge_size = page;
	policy->share = true;
	policy->reserve = true;
	policy->prealloc |= policy->bind;
	if (mem_policy_fits(policy, at, mem->placed, err) < 0)
		return err_wrap(err, "--hugetlbfs %s: --mem %s", folder,
				mem->word);
	return 0;
}

int hugetlbfs_apply(struct config *config, struct err *err)
{
	const char *folder = config->kvmtool.hugetlbfs;
	struct statfs fs;
	int r = 0;

	if (!folder)
		return 0;
	if (statfs(folder, &fs) < 0) {
		r = err_sys(err, "--hugetlbfs %s", folder);
		err->input = true;
		return r;
	}
	if ((uint32_t)fs.f_type != HUGETLBFS_MAGIC)
		return err_input(err, -EINVAL,
				 "--hugetlbfs %s: it is not on a hugetlbfs",
				 folder);
	for (size_t i = 0; r == 0 && i < config->mems; i++)
		r = take_huge_pages(&config->mem[i], folder,
				    (uint64_t)fs.f_bsize, err);
	return r;
}
