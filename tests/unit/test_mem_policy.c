/* tests/unit/test_mem_policy.c - mem/policy.c. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "mem/policy.h"
#include "tests/unit/test.h"

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)

static struct err err;
static char text[512];
static const char *place;

static int parse(const char *words, struct mem_policy *ret)
{
	err = (struct err){ 0 };
	place = NULL;
	(void)snprintf(text, sizeof(text), "%s", words);
	return mem_policy_parse(ret, text, &place, &err);
}

static struct mem_policy taken(const char *words)
{
	struct mem_policy p;

	memset(&p, 0xff, sizeof(p));
	if (parse(words, &p) != 0)
		fail_msg("%s: %s", words, err.msg);
	return p;
}

static void refused(const char *words, const char *sentence)
{
	struct mem_policy p;

	assert_int_equal(parse(words, &p), -EINVAL);
	assert_string_equal(err.msg, sentence);
	assert_true(err.input);
}

static void parse__a_size_alone_is_the_default(void **state)
{
	const struct mem_policy p = taken("1G@0x80000000");

	(void)state;
	assert_string_equal(place, "1G@0x80000000");
	assert_int_equal(p.source, MEM_ANON);
	assert_int_equal(p.huge, MEM_HUGE_AUTO);
	assert_int_equal(p.huge_size, 0);
	assert_null(p.path);
	assert_false(p.share || p.prealloc || p.reserve || p.lock || p.merge ||
		     p.dump || p.bind);
	(void)taken("size=1G");
	assert_string_equal(place, "1G");
	(void)taken("lock");
	assert_string_equal(place, "lock"); /* no key, but the place */
	(void)taken("lock=on");
	assert_string_equal(place, "");
}

static void parse__every_key_at_once(void **state)
{
	const struct mem_policy p = taken(
		"4G,backing=memfd,share=on,huge=1G,prealloc=on,reserve=on,"
		"lock=on,merge=off,node=1023,dump=on");

	(void)state;
	assert_int_equal(p.source, MEM_MEMFD);
	assert_true(p.share);
	assert_int_equal(p.huge, MEM_HUGE_TLB);
	assert_int_equal(p.huge_size, GIB);
	assert_true(p.prealloc && p.reserve && p.lock && p.bind && p.dump);
	assert_false(p.merge);
	assert_int_equal(p.node, 1023);
}

static void parse__a_file_is_shared_unless_told(void **state)
{
	struct mem_policy p = taken("1G,backing=file:/a,,b=c");

	(void)state;
	assert_int_equal(p.source, MEM_FILE);
	assert_string_equal(p.path, "/a,b=c");
	assert_true(p.share);
	p = taken("1G,backing=file:f,share=off,merge");
	assert_int_equal(p.source, MEM_FILE);
	assert_false(p.share);
	assert_true(p.merge);
}

static void parse__what_can_only_be_a_memfd_is_one(void **state)
{
	struct mem_policy p = taken("1G,share");

	(void)state;
	assert_int_equal(p.source, MEM_MEMFD);
	assert_true(p.share);
	p = taken("1G,huge=2M");
	assert_int_equal(p.source, MEM_MEMFD);
	assert_true(p.share);
	assert_int_equal(p.huge_size, 2 * MIB);
	assert_true(p.reserve);
	assert_false(p.prealloc);
	assert_int_equal(taken("1G,share=off").source, MEM_ANON);
}

static void parse__a_promise_that_is_none_becomes_prealloc(void **state)
{
	(void)state;
	assert_true(taken("1G,huge=2M,node=0").prealloc);
	assert_true(taken("1G,share,reserve").prealloc);
	assert_false(taken("1G,reserve").prealloc);
	assert_false(taken("1G,backing=file:x,reserve").prealloc);
}

static void parse__huge_words(void **state)
{
	(void)state;
	assert_int_equal(taken("1G,huge=off").huge, MEM_HUGE_OFF);
	assert_int_equal(taken("1G,huge=thp").huge, MEM_HUGE_THP);
	assert_int_equal(taken("1G,huge=64K").huge_size, 64 << 10);
	assert_int_equal(taken("1G,huge=0x200000").huge_size, 2 * MIB);
	refused("1G,huge=on", "huge: 'on' is neither off, nor thp, nor the "
			      "size of a page, as in 2M");
	refused("1G,huge=3M", "huge: '3M' is neither off, nor thp, nor the "
			      "size of a page, as in 2M");
	refused("1G,huge=2", "huge: '2' is neither off, nor thp, nor the "
			     "size of a page, as in 2M");
	refused("1G,huge=0", "huge: '0' is neither off, nor thp, nor the "
			     "size of a page, as in 2M");
	refused("1G,huge", "huge: value missing");
}

static void parse__backing_words(void **state)
{
	(void)state;
	assert_int_equal(taken("1G,backing=anon").source, MEM_ANON);
	refused("1G,backing=annon",
		"backing: unknown value 'annon' (did you mean 'anon'?)");
	refused("1G,backing=hugetlbfs",
		"backing: 'hugetlbfs' is not one of anon, memfd, file:PATH");
	refused("1G,backing=file:", "backing: a path is missing after 'file:'");
	refused("1G,backing=file",
		"backing: unknown value 'file' (did you mean 'file:PATH'?)");
	refused("1G,backing=", "backing: value missing");
}

static void parse__unknown_and_repeated_keys_are_refused(void **state)
{
	(void)state;
	refused("1G,prealoc=on",
		"unknown key 'prealoc' (did you mean 'prealloc'?)");
	refused("1G,lock,lock", "lock: given twice");
	refused("1G,", "a key is missing at a comma");
	refused("1G,merge=yes", "merge: 'yes' is neither on nor off");
	refused("1G,node=1024", "node: '1024' is not from 0 to 1023");
	refused("1G,node=a", "node: 'a' is not a number");
}

static void parse__contradictions_are_refused_by_name(void **state)
{
	static const struct {
		const char *words, *sentence;
	} bad[] = {
		{ "1G,backing=anon,share=on",
		  "share=on does not go with backing=anon, which no other "
		  "process can open; use backing=memfd or backing=file:PATH" },
		{ "1G,backing=anon,huge=2M",
		  "huge=2M does not go with backing=anon; use backing=memfd" },
		{ "1G,backing=memfd,share=off",
		  "share=off does not go with backing=memfd, which is shared "
		  "memory" },
		{ "1G,huge=1G,share=off",
		  "share=off does not go with huge=1G, which is shared "
		  "memory" },
		{ "1G,backing=file:x,huge=thp",
		  "huge=thp does not go with backing=file:, whose pages are "
		  "the file system's" },
		{ "1G,merge,share",
		  "merge=on does not go with share=on: the kernel merges "
		  "private memory alone" },
		{ "1G,merge,backing=memfd",
		  "merge=on does not go with backing=memfd: the kernel merges "
		  "private memory alone" },
		{ "1G,merge,backing=file:x",
		  "merge=on does not go with backing=file:: the kernel merges "
		  "private memory alone" },
		{ "1G,merge,huge=2M",
		  "merge=on does not go with huge=2M: the kernel merges "
		  "private memory alone" },
		{ "1G,huge=2M,reserve=off",
		  "reserve=off does not go with huge=2M: a page that is "
		  "missing later would end the guest" },
		{ "1G,share,reserve,prealloc=off",
		  "prealloc=off does not go with reserve=on and share=on: the "
		  "kernel promises shared memory by giving it" },
		{ "1G,huge=2M,node=1,prealloc=off",
		  "prealloc=off does not go with huge=2M and node=1: the "
		  "kernel promises huge pages, but not of which node" },
		{ "1G,backing=file:x,node=0",
		  "node=0 does not go with backing=file:, whose pages lie "
		  "where they were first read" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused(bad[i].words, bad[i].sentence);
}

static int fits(const char *words, gpa_t start, uint64_t size, bool placed)
{
	const struct mem_policy p = taken(words);

	return mem_policy_fits(&p, (struct range){ start, size }, placed, &err);
}

static void fits__huge_pages_are_whole(void **state)
{
	(void)state;
	assert_int_equal(fits("1G,huge=2M", 0, 4 * MIB, false), 0);
	assert_int_equal(fits("1G,huge=2M", 0, 4 * MIB - 4096, false), -EINVAL);
	assert_string_equal(err.msg,
			    "huge=2M: the size is not a multiple of it");
	assert_true(err.input);
	assert_int_equal(fits("1G,huge=1G", 0, 512 * MIB, false), -EINVAL);
	assert_int_equal(fits("1G,huge=thp", 4096, 4096, true), 0);
}

static void fits__huge_pages_begin_on_a_boundary(void **state)
{
	(void)state;
	assert_int_equal(fits("1G,huge=1G", 2 * GIB, GIB, true), 0);
	assert_int_equal(fits("1G,huge=1G", 2 * GIB + 2 * MIB, GIB, true),
			 -EINVAL);
	assert_string_equal(err.msg, "huge=1G: the address 0x80200000 is not "
				     "a multiple of it");
	assert_int_equal(fits("1G,huge=1G", 2 * MIB, GIB, false), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse__a_size_alone_is_the_default),
		cmocka_unit_test(parse__every_key_at_once),
		cmocka_unit_test(parse__a_file_is_shared_unless_told),
		cmocka_unit_test(parse__what_can_only_be_a_memfd_is_one),
		cmocka_unit_test(
			parse__a_promise_that_is_none_becomes_prealloc),
		cmocka_unit_test(parse__huge_words),
		cmocka_unit_test(parse__backing_words),
		cmocka_unit_test(parse__unknown_and_repeated_keys_are_refused),
		cmocka_unit_test(parse__contradictions_are_refused_by_name),
		cmocka_unit_test(fits__huge_pages_are_whole),
		cmocka_unit_test(fits__huge_pages_begin_on_a_boundary),
	};

	return RUN_TESTS(tests);
}
