/* mem/cgroup.c - what memory the control group of this process leaves it. */
#include "mem/cgroup.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/size.h"

#define TEXT 4096 /* of memory.stat, the first lines are wanted */
#define NONE UINT64_MAX /* no limit */

/* Our group's path in the unified hierarchy. */
static bool own_path(const char *procfs, char path[CGROUP_PATH])
{
	char file[CGROUP_PATH], text[TEXT];
	const char *line = text;
	size_t len;

	(void)snprintf(file, sizeof(file), "%s/self/cgroup", procfs);
	if (file_read_text(file, text, sizeof(text)) < 0)
		return false;
	while (strncmp(line, "0::/", 4) != 0) {
		line = strchr(line, '\n');
		if (!line++)
			return false;
	}
	line += 3;
	len = strcspn(line, "\n");
	/* "/.." is outside of what our namespace shows. */
	if (len >= CGROUP_PATH || strncmp(line, "/..", 3) == 0)
		return false;
	memcpy(path, line, len);
	path[len] = '\0';
	return true;
}

static bool read_file(const char *cgroupfs, const char *path, const char *name,
		      char text[TEXT])
{
	char file[2 * CGROUP_PATH];
	const int len = snprintf(file, sizeof(file), "%s%s/%s", cgroupfs, path,
				 name);

	return len < (int)sizeof(file) && file_read_text(file, text, TEXT) == 0;
}

/* A file that holds a number, or the word "max". False if there is none. */
static bool read_limit(const char *cgroupfs, const char *path, const char *name,
		       uint64_t *ret)
{
	char text[TEXT];

	if (!read_file(cgroupfs, path, name, text))
		return false;
	if (strncmp(text, "max", 3) == 0) {
		*ret = NONE;
		return true;
	}
	return number_scan(text, ret);
}

/* The number on the line of memory.stat that begins with @key; 0: none. */
static uint64_t stat_line(const char *text, const char *key)
{
	const size_t len = strlen(key);
	uint64_t n = 0;

	for (const char *line = text; line && *line;) {
		if (strncmp(line, key, len) == 0 && line[len] == ' ')
			return number_scan(line + len, &n) ? n : 0;
		line = strchr(line, '\n');
		line += line != NULL;
	}
	return 0;
}

static uint64_t subtract_to_zero(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/*
 * How much the group may still put into @swap. A kernel without swap has no
 * such files.
 */
static uint64_t swap_room(const char *cgroupfs, const char *path, uint64_t swap)
{
	uint64_t max = 0, now = 0;

	if (!read_limit(cgroupfs, path, "memory.swap.max", &max))
		return 0;
	(void)read_limit(cgroupfs, path, "memory.swap.current", &now);
	return subtract_to_zero(max, now) < swap ? subtract_to_zero(max, now)
						 : swap;
}

static bool group_room(const char *cgroupfs, const char *path, uint64_t swap,
		       struct cgroup_room *ret)
{
	uint64_t now = 0;
	char text[TEXT];

	/* The hierarchy's root has no such file. */
	if (!read_limit(cgroupfs, path, "memory.max", &ret->max) ||
	    ret->max == NONE)
		return false;
	(void)read_limit(cgroupfs, path, "memory.current", &now);
	if (read_file(cgroupfs, path, "memory.stat", text))
		now = subtract_to_zero(now,
				       stat_line(text, "inactive_file") +
					       stat_line(text, "active_file"));
	ret->left = subtract_to_zero(ret->max, now);
	if (__builtin_add_overflow(ret->left, swap_room(cgroupfs, path, swap),
				   &ret->left))
		ret->left = NONE;
	(void)snprintf(ret->path, sizeof(ret->path), "%s", *path ? path : "/");
	return true;
}

bool cgroup_room(const char *procfs, const char *cgroupfs, uint64_t swap,
		 struct cgroup_room *ret)
{
	struct cgroup_room room;
	char path[CGROUP_PATH];
	bool found = false;

	if (!own_path(procfs, path))
		return false;
	/* Up to the top, which in a namespace is no root, and has a limit. */
	for (;;) {
		char *end = strrchr(path, '/');

		if (group_room(cgroupfs, path, swap, &room) &&
		    (!found || room.left < ret->left)) {
			*ret = room;
			found = true;
		}
		if (!end)
			return found;
		*end = '\0';
	}
}
