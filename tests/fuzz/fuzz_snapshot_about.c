/*
 * tests/fuzz/fuzz_snapshot_about.c - what is taken as a vm.json is within its
 * limits, and is the same after it was written again.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_folder.h"
#include "vmm/snapshot/about.h"
#include "vmm/snapshot/directory.h"

static void must(bool right)
{
	if (!right)
		abort();
}

static bool is_same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static void compare(const struct snapshot_about *a,
		    const struct snapshot_about *b)
{
	must(is_same(a->id, b->id) && is_same(a->parent_id, b->parent_id));
	must(is_same(a->parent, b->parent) && is_same(a->name, b->name));
	must(is_same(a->architecture, b->architecture));
	must(is_same(a->vmm, b->vmm) && a->made == b->made);
	must(a->page == b->page && a->words == b->words);
	for (size_t i = 0; i <= a->words; i++)
		must(is_same(a->word[i], b->word[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int dir = -1; /* kept: to make it costs more than a run */
	struct snapshot_about about = { 0 }, again = { 0 };
	struct err err = { 0 };
	int r;

	if (dir < 0)
		dir = fuzz_folder_make();
	fuzz_folder_put(dir, SNAPSHOT_ABOUT, data, size, size);
	r = snapshot_about_read(&about, dir, NULL, &err);
	if (r < 0) {
		must(r == err.code && err.input && err.msg[0]);
		return 0;
	}
	must(about.words <= SNAPSHOT_MAX_WORDS && !about.word[about.words]);
	must(strlen(about.id) == SNAPSHOT_ID_SIZE - 1);
	must(!about.parent == !about.parent_id[0]);
	fuzz_folder_clear(dir);
	must(snapshot_about_write(&about, dir, &err) == 0);
	must(snapshot_about_read(&again, dir, about.architecture, &err) == 0);
	compare(&about, &again);
	snapshot_about_finish(&again);
	snapshot_about_finish(&about);
	return 0;
}
