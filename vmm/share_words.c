/* vmm/share_words.c - the value of --share. */
#include "vmm/share_words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/opt.h"

static int check_share(const struct share_spec *share,
		       const struct share_spec *others, size_t count,
		       struct err *err)
{
	if (share->ro && share->rw)
		return err_input(err, -EINVAL, "either ro or rw");
	if (strlen(share->tag) > SHARE_TAG_MAX)
		return err_input(err, -EINVAL,
				 "tag: at most %d bytes, as the device has no "
				 "room for more",
				 SHARE_TAG_MAX);
	for (size_t i = 0; i < count; i++)
		if (strcmp(others[i].tag, share->tag) == 0)
			return err_input(err, -EEXIST,
					 "tag=%s: another folder has it, and "
					 "each needs one of its own",
					 share->tag);
	return 0;
}

static int parse_share(struct share_spec *ret, const char *value,
		       struct err *err)
{
	/* As in enum fs_owners. */
	static const char *const owners[] = { "map", "same", NULL };
	struct words {
		const char *path, *tag;
		bool ro, rw;
		unsigned owners;
	} words = { .tag = "share" };
	static const struct opt table[] = {
		OPT("path", OPT_STR, struct words, path, .required = true,
		    .first = true),
		OPT("tag", OPT_STR, struct words, tag),
		OPT("ro", OPT_BOOL, struct words, ro),
		OPT("rw", OPT_BOOL, struct words, rw),
		OPT("uid", OPT_WORD, struct words, owners, .words = owners),
	};
	int r;

	r = opt_parse_copy(table, sizeof(table) / sizeof(*table), value,
			   &ret->text, &words, err);
	if (r < 0)
		return r;
	ret->path = words.path;
	ret->tag = words.tag;
	ret->ro = words.ro;
	ret->rw = words.rw;
	ret->owners = (enum fs_owners)words.owners;
	return 0;
}

int share_words_add(struct share_spec *list, size_t *count, const char *value,
		    struct err *err)
{
	struct share_spec *share = &list[*count];
	int r;

	if (*count == SHARE_MAX)
		return err_input(err, -ENOSPC, "at most %d shared folders",
				 SHARE_MAX);
	r = parse_share(share, value, err);
	if (r == 0)
		r = check_share(share, list, *count, err);
	++*count;
	return r;
}

void share_words_finish(struct share_spec *spec)
{
	free(spec->text);
}
