/*
 * vmm/test/user.h - the user that the command runs as. [pure]
 *
 * Names are looked up in the files of the guest's root, not in the host's
 * databases.
 */
#ifndef VMM_TEST_USER_H
#define VMM_TEST_USER_H

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

#define USER_GROUPS 64
#define USER_HOME 256
#define USER_SHELL 256

struct test_user {
	uid_t uid;
	gid_t gid;
	gid_t group[USER_GROUPS]; /* further ones */
	size_t groups;
	char name[64]; /* "": not known */
	char home[USER_HOME]; /* "/" if it is not known */
	char shell[USER_SHELL]; /* "/bin/sh" if it is not known */
};

/*
 * @root: folder of the guest's root, whose etc/passwd and etc/group are read;
 *        NULL: there are none
 * @word: a name, or numbers "UID" or "UID:GID"; NULL: the calling user, with
 *        its groups
 *
 * Returns 0; -ENOENT if there is no such name, a fault of the user's; or the
 * errno of getgroups(2).
 */
int test_user_find(struct test_user *ret, const char *root, const char *word,
		   struct err *err);

#endif
