/* vmm/test/early.c - the modules that init loads. */
#include "vmm/test/early.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MODULES_FOLDER "/lib/modules/"
#define EARLY_MODULES 7 /* names, and NULL */

/* What a guest needs before it has its root, and what it is given. */
static void list_early_modules(const struct test_words *words,
			       const char *names[EARLY_MODULES])
{
	size_t n = 0;

	names[n++] = "virtio_mmio";
	names[n++] = "virtio_console";
	names[n++] = "virtiofs";
	names[n++] = "overlay";
	if (words->net)
		names[n++] = "virtio_net";
	if (words->disk)
		names[n++] = "virtio_blk";
	names[n] = NULL;
}

int early_modules_read(struct modules *ret, const struct test_words *words,
		       struct err *err)
{
	char path[sizeof(MODULES_FOLDER) + MODULES_VERSION] = MODULES_FOLDER;
	const char *names[EARLY_MODULES];
	struct err unknown = { 0 };

	list_early_modules(words, names);
	if (words->modules)
		return modules_read(ret, words->modules, names, err);
	/* A kernel that tells no version has no modules to be found. */
	if (modules_version(words->kernel, path + strlen(path), &unknown) < 0 ||
	    access(path, F_OK) < 0)
		return 0;
	return modules_read(ret, path, names, err);
}
