/* tests/fuzz/fuzz_mem_policy.c - no --mem is taken that contradicts itself. */
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "mem/policy.h"
#include "tests/fuzz/fuzz.h"

static bool inside(const char *p, const char *text, size_t size)
{
	return p >= text && p < text + size;
}

static void check(const struct mem_policy *p, const char *text, size_t size)
{
	const bool tlb = p->huge == MEM_HUGE_TLB;

	if (p->source > MEM_FILE || p->huge > MEM_HUGE_TLB)
		abort();
	if ((p->source == MEM_FILE) != (p->path != NULL) ||
	    (p->path && (!inside(p->path, text, size) || !*p->path)))
		abort();
	if (tlb ? !is_pow2(p->huge_size) || p->huge_size < 4096
		: p->huge_size != 0)
		abort();
	if (p->source == MEM_ANON ? p->share
				  : p->source == MEM_MEMFD && !p->share)
		abort();
	if (p->merge && (p->share || tlb))
		abort();
	if (tlb && (!p->reserve || p->source == MEM_ANON))
		abort();
	if (p->node >= MEM_MAX_NODES || (!p->bind && p->node != 0))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* On the heap and no longer than it is: ASan sees the end. */
	_cleanup_(freep) char *text = size > 0
					    ? strndup((const char *)data, size)
					    : strdup("");
	struct mem_policy policy = { 0 };
	const char *place = NULL;
	struct err err = { 0 };
	size_t len;
	int r;

	if (!text)
		abort();
	len = strlen(text) + 1;
	r = mem_policy_parse(&policy, text, &place, &err);
	if (r < 0 && (r != err.code || !err.input || !err.msg[0]))
		abort();
	if (r < 0)
		return 0;
	if (!place || (*place && !inside(place, text, len)))
		abort();
	check(&policy, text, len);
	return 0;
}
