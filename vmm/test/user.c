/* vmm/test/user.c - the user that the command runs as. */
#include "vmm/test/user.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/size.h"

#define DATABASE_MAX ((size_t)16 << 20)
#define FIELDS 7

/* A database of the root's, as one text; NULL if it cannot be read. */
static char *read_database(const char *root, const char *name)
{
	_cleanup_(freep) char *path = NULL;
	struct err none = { 0 };
	uint8_t *text = NULL;
	size_t size;

	if (!root || asprintf(&path, "%s/etc/%s", root, name) < 0) {
		path = NULL;
		return NULL;
	}
	if (file_read_all(path, DATABASE_MAX, &text, &size, &none) < 0)
		return NULL;
	return (char *)text;
}

/* Cuts the next line at its colons. Returns false at the end. */
static bool next_fields(char **at, char *field[FIELDS])
{
	char *line = strsep(at, "\n");

	if (!line)
		return false;
	for (size_t i = 0; i < FIELDS; i++)
		field[i] = line ? strsep(&line, ":") : NULL;
	return true;
}

static bool parse_id(const char *word, uid_t *ret)
{
	uint64_t n;

	if (!word || number_parse(word, &n) < 0 || n >= UINT32_MAX)
		return false;
	*ret = (uid_t)n;
	return true;
}

static void copy_field(char *to, size_t size, const char *from)
{
	if (from && *from && strlen(from) < size)
		memcpy(to, from, strlen(from) + 1);
}

/* Looks for a name; or, if that is NULL, for ret->uid. */
static bool find_passwd(struct test_user *ret, char *text, const char *name)
{
	char *field[FIELDS];
	uid_t uid, gid;

	while (next_fields(&text, field)) {
		if (!parse_id(field[2], &uid) || !parse_id(field[3], &gid))
			continue;
		if (name ? strcmp(field[0], name) != 0 : uid != ret->uid)
			continue;
		if (name) {
			ret->uid = uid;
			ret->gid = gid;
		}
		copy_field(ret->name, sizeof(ret->name), field[0]);
		copy_field(ret->home, sizeof(ret->home), field[5]);
		copy_field(ret->shell, sizeof(ret->shell), field[6]);
		return true;
	}
	return false;
}

static void find_groups(struct test_user *ret, char *text)
{
	char *field[FIELDS];
	gid_t gid;

	while (ret->groups < USER_GROUPS && next_fields(&text, field)) {
		if (!parse_id(field[2], &gid) || !field[3])
			continue;
		for (char *name; (name = strsep(&field[3], ","));) {
			if (strcmp(name, ret->name) == 0) {
				ret->group[ret->groups++] = gid;
				break;
			}
		}
	}
}

static int find_caller(struct test_user *ret, struct err *err)
{
	const int n = getgroups(USER_GROUPS, ret->group);

	if (n < 0)
		return err_sys(err, "groups");
	ret->uid = geteuid();
	ret->gid = getegid();
	ret->groups = (size_t)n;
	return 0;
}

/* "UID" or "UID:GID". */
static bool parse_numbers(struct test_user *ret, const char *word)
{
	const size_t len = strcspn(word, ":");
	char uid[16];

	if (len >= sizeof(uid))
		return false;
	memcpy(uid, word, len);
	uid[len] = '\0';
	if (!parse_id(uid, &ret->uid))
		return false;
	ret->gid = ret->uid;
	return !word[len] || parse_id(word + len + 1, &ret->gid);
}

int test_user_find(struct test_user *ret, const char *root, const char *word,
		   struct err *err)
{
	_cleanup_(freep) char *passwd = read_database(root, "passwd");
	_cleanup_(freep) char *group = read_database(root, "group");
	const bool named = word && (*word < '0' || *word > '9');

	*ret = (struct test_user){ .home = "/", .shell = "/bin/sh" };
	if (!word && find_caller(ret, err) < 0)
		return err->code;
	if (word && !named && !parse_numbers(ret, word))
		return err_input(err, -EINVAL,
				 "--user %s: neither a name, nor UID or "
				 "UID:GID",
				 word);
	if ((!passwd || !find_passwd(ret, passwd, named ? word : NULL)) &&
	    named)
		return err_input(err, -ENOENT,
				 "--user %s: not in etc/passwd of the guest's "
				 "root",
				 word);
	if (named && group)
		find_groups(ret, group);
	return 0;
}
