/* mem/policy.c - where a region's memory comes from, and how it is kept. */
#include "mem/policy.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/align.h"
#include "base/closest.h"
#include "base/opt.h"
#include "base/size.h"

#define NO_NODE UINT64_MAX
#define FILE_WORD "file:"
#define SMALLEST_PAGE 4096
#define MIB (UINT64_C(1) << 20)

/* The words, before they are held against each other. */
struct words {
	const char *place;
	const char *backing; /* NULL: not given */
	const char *huge; /* NULL: not given */
	uint64_t max, block; /* 0: not given */
	enum opt_switch share, prealloc, reserve;
	bool lock, merge, dump;
	uint64_t node;
};

static const struct opt table[] = {
	OPT("size", OPT_STR, struct words, place, .first = true),
	OPT("backing", OPT_STR, struct words, backing),
	OPT("share", OPT_SWITCH, struct words, share),
	OPT("huge", OPT_STR, struct words, huge),
	OPT("prealloc", OPT_SWITCH, struct words, prealloc),
	OPT("reserve", OPT_SWITCH, struct words, reserve),
	OPT("lock", OPT_BOOL, struct words, lock),
	OPT("merge", OPT_BOOL, struct words, merge),
	OPT("node", OPT_NUMBER, struct words, node, .max = MEM_MAX_NODES - 1),
	OPT("dump", OPT_BOOL, struct words, dump),
	OPT("max", OPT_SIZE, struct words, max, .unit = MIB, .min = 1),
	OPT("block", OPT_SIZE, struct words, block, .unit = MIB, .min = 1),
};

static int set_huge(struct mem_policy *p, const char *word, struct err *err)
{
	uint64_t size = 0;

	if (!word)
		return 0;
	if (strcmp(word, "off") == 0) {
		p->huge = MEM_HUGE_OFF;
		return 0;
	}
	if (strcmp(word, "thp") == 0) {
		p->huge = MEM_HUGE_THP;
		return 0;
	}
	if (size_parse(word, 1, &size) < 0 || !is_pow2(size) ||
	    size < SMALLEST_PAGE)
		return err_input(err, -EINVAL,
				 "huge: '%s' is neither off, nor thp, nor the "
				 "size of a page, as in 2M",
				 word);
	p->huge = MEM_HUGE_TLB;
	p->huge_size = size;
	return 0;
}

static int refuse_backing(const char *word, struct err *err)
{
	struct closest near = { .word = word };
	int r;

	if (strcmp(word, FILE_WORD) == 0)
		return err_input(err, -EINVAL,
				 "backing: a path is missing after 'file:'");
	closest_try(&near, "anon");
	closest_try(&near, "memfd");
	closest_try(&near, "file:PATH");
	if (!near.best)
		return err_input(err, -EINVAL,
				 "backing: '%s' is not one of anon, memfd, "
				 "file:PATH",
				 word);
	r = closest_refuse(&near, "value", err);
	(void)err_wrap(err, "backing");
	return r;
}

/* Infers the source from the other words if they allow only one kind. */
static int set_source(struct mem_policy *p, const struct words *w,
		      struct err *err)
{
	const size_t prefix = strlen(FILE_WORD);

	if (!w->backing) {
		if (w->share == SWITCH_ON || p->huge == MEM_HUGE_TLB)
			p->source = MEM_MEMFD;
	} else if (strcmp(w->backing, "memfd") == 0) {
		p->source = MEM_MEMFD;
	} else if (strncmp(w->backing, FILE_WORD, prefix) == 0 &&
		   w->backing[prefix]) {
		p->source = MEM_FILE;
		p->path = w->backing + prefix;
	} else if (strcmp(w->backing, "anon") != 0) {
		return refuse_backing(w->backing, err);
	}
	p->share = p->source != MEM_ANON && w->share != SWITCH_OFF;
	return 0;
}

static int check_source(const struct mem_policy *p, const struct words *w,
			struct err *err)
{
	if (p->source == MEM_ANON && w->share == SWITCH_ON)
		return err_input(
			err, -EINVAL,
			"share=on does not go with backing=anon, which "
			"no other process can open; use backing=memfd or "
			"backing=file:PATH");
	if (p->source == MEM_ANON && p->huge == MEM_HUGE_TLB)
		return err_input(err, -EINVAL,
				 "huge=%s does not go with backing=anon; use "
				 "backing=memfd",
				 w->huge);
	if (p->source == MEM_MEMFD && !p->share)
		return err_input(err, -EINVAL,
				 "share=off does not go with %s%s, which is "
				 "shared memory",
				 w->backing ? "backing=memfd" : "huge=",
				 w->backing ? "" : w->huge);
	if (p->source == MEM_FILE && p->huge == MEM_HUGE_THP)
		return err_input(err, -EINVAL,
				 "huge=thp does not go with backing=file:, "
				 "whose pages are the file system's");
	return 0;
}

/* The word that makes the memory shared. */
static const char *find_sharing_word(const struct words *w)
{
	if (w->share == SWITCH_ON)
		return "share=on";
	if (w->huge && !w->backing)
		return "huge=";
	return w->backing && *w->backing == 'm' ? "backing=memfd"
						: "backing=file:";
}

static int check_keeping(const struct mem_policy *p, const struct words *w,
			 struct err *err)
{
	const bool tlb = p->huge == MEM_HUGE_TLB;

	if (p->merge && (p->share || tlb))
		return err_input(err, -EINVAL,
				 "merge=on does not go with %s%s: the kernel "
				 "merges private memory alone",
				 tlb ? "huge=" : find_sharing_word(w),
				 tlb ? w->huge : "");
	if (tlb && w->reserve == SWITCH_OFF)
		return err_input(err, -EINVAL,
				 "reserve=off does not go with huge=%s: a page "
				 "that is missing later would end the guest",
				 w->huge);
	if (w->reserve == SWITCH_ON && w->prealloc == SWITCH_OFF &&
	    p->source == MEM_MEMFD && !tlb)
		return err_input(err, -EINVAL,
				 "prealloc=off does not go with reserve=on and "
				 "%s: the kernel promises shared memory by "
				 "giving it",
				 find_sharing_word(w));
	if (tlb && p->bind && w->prealloc == SWITCH_OFF)
		return err_input(err, -EINVAL,
				 "prealloc=off does not go with huge=%s and "
				 "node=%u: the kernel promises huge pages, but "
				 "not of which node",
				 w->huge, p->node);
	if (p->source == MEM_FILE && !tlb && p->bind)
		return err_input(
			err, -EINVAL,
			"node=%u does not go with backing=file:, whose "
			"pages lie where they were first read",
			p->node);
	return 0;
}

static int check_policy_growth(const struct mem_policy *p,
			       const struct words *w, struct err *err)
{
	char word[SIZE_TEXT];

	if (w->block && !is_pow2(w->block))
		return err_input(err, -EINVAL, "block=%s: not a power of two",
				 size_format(word, w->block));
	if (w->block && !w->max)
		return err_input(
			err, -EINVAL,
			"block= goes with max=: without it, the memory "
			"does not grow");
	if (w->max && p->source == MEM_FILE)
		return err_input(err, -EINVAL,
				 "max= does not go with backing=file:, which "
				 "has the size of the memory");
	if (w->max && w->reserve == SWITCH_ON)
		return err_input(err, -EINVAL,
				 "max= does not go with reserve=on: what the "
				 "guest has not got is not promised; with "
				 "prealloc=on it has its memory as it grows");
	return 0;
}

/* Where a promise of the kernel's would not hold, or is not to be had. */
static bool must_prealloc(const struct mem_policy *p)
{
	if (p->huge == MEM_HUGE_TLB)
		return p->bind;
	return p->reserve && p->source == MEM_MEMFD;
}

int mem_policy_parse(struct mem_policy *ret, char *text, const char **ret_place,
		     struct err *err)
{
	struct words w = { .place = "", .node = NO_NODE };
	struct mem_policy p = { 0 };
	int r = opt_parse(table, sizeof(table) / sizeof(table[0]), text, &w,
			  err);

	if (r == 0)
		r = set_huge(&p, w.huge, err);
	if (r == 0)
		r = set_source(&p, &w, err);
	if (r < 0)
		return r;
	p.lock = w.lock;
	p.merge = w.merge;
	p.dump = w.dump;
	p.max = w.max;
	p.block = w.block;
	p.bind = w.node != NO_NODE;
	p.node = p.bind ? (uint16_t)w.node : 0;
	p.reserve = w.reserve == SWITCH_ON || p.huge == MEM_HUGE_TLB;
	p.overcommit = w.reserve == SWITCH_OFF;
	p.prealloc = w.prealloc == SWITCH_ON || must_prealloc(&p);
	r = check_source(&p, &w, err);
	if (r == 0)
		r = check_keeping(&p, &w, err);
	if (r == 0)
		r = check_policy_growth(&p, &w, err);
	if (r < 0)
		return r;
	*ret = p;
	*ret_place = w.place;
	return 0;
}

int mem_policy_fits(const struct mem_policy *policy, struct range at,
		    bool placed, struct err *err)
{
	char page[SIZE_TEXT];

	if (policy->huge != MEM_HUGE_TLB)
		return 0;
	(void)size_format(page, policy->huge_size);
	if (!is_aligned(at.size, policy->huge_size))
		return err_input(err, -EINVAL,
				 "huge=%s: the size is not a multiple of it",
				 page);
	if (placed && !is_aligned(at.start, policy->huge_size))
		return err_input(err, -EINVAL,
				 "huge=%s: the address 0x%" PRIx64
				 " is not a multiple of it",
				 page, at.start);
	return 0;
}
