/* vmm/control/names.c - which machines have, or had, a socket. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "vmm/control/socket.h"

static void close_names_dir(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir);
}

void control_names_finish(struct control_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->name[i]);
	free(names->name);
	*names = (struct control_names){ 0 };
}

static int add_machine_name(struct control_names *names, const char *name,
			    size_t len)
{
	char **more = reallocarray(names->name, names->count + 1,
				   sizeof(*more));

	if (!more)
		return -ENOMEM;
	names->name = more;
	more[names->count] = strndup(name, len);
	if (!more[names->count])
		return -ENOMEM;
	names->count++;
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int read_names(struct control_names *names, DIR *dir)
{
	const size_t tail = strlen(CONTROL_SUFFIX);
	const struct dirent *entry;
	int r = 0;

	/* No other thread reads this folder by this stream. */
	while (r == 0 && (entry = readdir(dir))) { // NOLINT
		const size_t len = strlen(entry->d_name);

		if (len > tail &&
		    !strcmp(entry->d_name + len - tail, CONTROL_SUFFIX))
			r = add_machine_name(names, entry->d_name, len - tail);
	}
	return r;
}

int control_names(struct control_names *ret, struct err *err)
{
	_cleanup_(control_names_finish) struct control_names names = { 0 };
	_cleanup_(close_names_dir) DIR *dir = NULL;
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
	int r;

	r = control_folder(folder, sizeof(folder), err);
	if (r < 0)
		return r;
	dir = opendir(folder);
	if (!dir && errno != ENOENT)
		return err_sys(err, "%s", folder);
	if (dir && read_names(&names, dir) < 0)
		return err_set(err, -ENOMEM, "%s: out of memory", folder);
	if (names.count > 1)
		qsort(names.name, names.count, sizeof(*names.name),
		      compare_names);
	*ret = names;
	names = (struct control_names){ 0 };
	return 0;
}
