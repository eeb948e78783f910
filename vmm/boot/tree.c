/* vmm/boot/tree.c - brings the device tree, the user's or the machine's, to
 * guest memory. */
#include "vmm/boot/tree.h"

#include <errno.h>
#include <libfdt.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "vmm/boot/dtb_memory.h"

int tree_check_words(const char *user, const char *cmdline, struct err *err)
{
	if (!user || !*cmdline)
		return 0;
	return err_input(err, -EINVAL,
			 "--cmdline: the device tree of --dtb %s brings a "
			 "command line of its own",
			 user);
}

static int read_user_tree(struct tree_file *ret, const char *path,
			  const struct tree_limits *limits, struct err *err)
{
	_cleanup_(freep) uint8_t *dtb = NULL;
	size_t size;
	int r;

	r = file_read_all(path, limits->most, &dtb, &size, err);
	if (r < 0)
		return err_wrap(err, "device tree");
	r = fdt_check_full(dtb, size);
	if (r < 0)
		return err_input(err, -EBADMSG,
				 "device tree %s: not one, or broken (%s)",
				 path, fdt_strerror(r));
	r = dtb_memory_check(dtb, path, limits->ram, limits->rams, err);
	if (r < 0)
		return r;
	ret->size = fdt_totalsize(dtb);
	ret->dtb = TAKE_PTR(dtb);
	return 0;
}

int tree_file_open(struct tree_file *ret, const char *path,
		   const struct tree_limits *limits, struct err *err)
{
	*ret = (struct tree_file){ 0 };
	if (path)
		return read_user_tree(ret, path, limits, err);
	if (limits->space > limits->most)
		return err_input(err, -E2BIG,
				 "the kernel command line is too long for a "
				 "device tree");
	ret->size = limits->space;
	return 0;
}

void tree_file_finish(struct tree_file *file)
{
	free(file->dtb);
	*file = (struct tree_file){ 0 };
}

void tree_file_copy(const struct tree_file *file, const struct mem_map *mem,
		    struct range at)
{
	if (file->dtb)
		(void)mem_load(mem, at.start, file->dtb, at.size);
}

/*
 * The tree is written this late, into the room that arch_load() has left for
 * it, as only a VM says which interrupt controller it has, what its vCPUs are
 * called and how fast their clock is.
 */
int tree_write(struct tree *tree, const struct mem_map *mem,
	       int (*write)(void *ctx, void *at, size_t size, struct err *err),
	       void *ctx, struct err *err)
{
	void *at = mem_ptr(mem, tree->at.start, tree->at.size, MEM_LOAD);
	int r = 0;

	if (!tree->user)
		r = write(ctx, at, (size_t)tree->at.size, err);
	mem_wrote(mem, at, tree->at.size);
	if (r < 0 || !tree->dump || tree->dumped)
		return r;
	tree->dumped = true;
	/* The guest's seeds are in it. */
	r = file_write_all(tree->dump, FILE_FOR_OWNER, at, fdt_totalsize(at),
			   err);
	return r < 0 ? err_wrap(err, "--dump-dtb") : 0;
}
