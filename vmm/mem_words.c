/* vmm/mem_words.c - the value of --mem. */
#include "vmm/mem_words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

#define MIB (UINT64_C(1) << 20)

/* What is wrong with a size that size_at_parse() returned @r for. */
static int refuse_mem(const char *value, int r, struct err *err)
{
	const size_t len = strcspn(value, "@");
	uint64_t size = 1;
	char word[32] = "";

	if (r == -EINVAL)
		return err_input(err, r,
				 "not a size: " SIZE_FORM
				 " or 1G@0x80000000; a bare number is in "
				 "MiB");
	if (len < sizeof(word)) {
		memcpy(word, value, len);
		(void)size_parse(word, MIB, &size);
	}
	if (size == 0)
		return err_input(err, r, "a guest needs memory");
	return err_input(err, r, "more than 64 bits can address");
}

/* Refuses memory that is placed where other memory is. */
static int check_ram_place(const struct mem_spec *list, size_t count,
			   struct range at, struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		const struct mem_spec *other = &list[i];
		const struct range taken = { other->at, other->size };

		if (other->placed && range_overlaps(at, taken))
			return err_input(err, -EEXIST, "overlaps --mem %s",
					 other->word);
	}
	return 0;
}

static int check_mem_growth(const struct mem_spec *mem, struct err *err)
{
	char max[SIZE_TEXT];

	if (!mem->policy.max || mem->policy.max > mem->size)
		return 0;
	return err_input(err, -EINVAL,
			 "max=%s: not more than what there is at the start",
			 size_format(max, mem->policy.max));
}

static int parse_mem(const struct mem_spec *list, size_t count,
		     struct mem_spec *mem, struct err *err)
{
	const char *place = NULL;
	struct range at;
	int r = mem_policy_parse(&mem->policy, mem->text, &place, err);

	if (r < 0)
		return r;
	r = size_at_parse(place, MIB, &at, &mem->placed);
	if (r < 0)
		return refuse_mem(place, r, err);
	if (mem->placed)
		r = check_ram_place(list, count, at, err);
	if (r == 0)
		r = mem_policy_fits(&mem->policy, at, mem->placed, err);
	mem->size = at.size;
	mem->at = at.start;
	return r == 0 ? check_mem_growth(mem, err) : r;
}

int mem_words_add(struct mem_spec *list, size_t *count, const char *value,
		  struct err *err)
{
	struct mem_spec mem = { .word = value };
	int r;

	if (*count == MEM_WORDS_MAX)
		return err_input(err, -ENOSPC, "at most %d --mem options",
				 MEM_WORDS_MAX);
	mem.text = strdup(value);
	if (!mem.text)
		return err_set(err, -ENOMEM, "out of memory");
	r = parse_mem(list, *count, &mem, err);
	if (r < 0)
		mem_words_finish(&mem);
	else
		list[(*count)++] = mem;
	return r;
}

void mem_words_finish(struct mem_spec *spec)
{
	free(spec->text);
}
