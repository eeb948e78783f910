/* vmm/restore_disks.c - how a guest that goes on finds its disks. */
#include "vmm/restore_disks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/opt.h"
#include "vmm/config.h"

/* What `vmm restore --disk` says. */
struct wanted_disk {
	const char *path;
	bool temp;
};

static int parse_wanted_disk(struct wanted_disk *ret, char *text,
			     struct err *err)
{
	static const struct opt table[] = {
		OPT("path", OPT_STR, struct wanted_disk, path, .required = true,
		    .first = true),
		OPT("temp", OPT_BOOL, struct wanted_disk, temp),
	};
	const int r = opt_parse(table, sizeof(table) / sizeof(*table), text,
				ret, err);

	if (r < 0) {
		err->input = true;
		return r;
	}
	if (!ret->temp)
		return err_input(err, -EINVAL,
				 "the guest has its own disks; what can be "
				 "said of one is FILE,temp");
	return 0;
}

static bool is_same_file(const struct stat *file, const char *path)
{
	struct stat other;

	return stat(path, &other) == 0 && other.st_dev == file->st_dev &&
	       other.st_ino == file->st_ino;
}

static int apply_disk(struct config *config, const char *value, struct err *err)
{
	_cleanup_(freep) char *text = strdup(value);
	struct wanted_disk wanted = { 0 };
	unsigned found = 0;
	struct stat file;
	int r;

	if (!text)
		return err_set(err, -ENOMEM, "out of memory");
	r = parse_wanted_disk(&wanted, text, err);
	if (r < 0)
		return r;
	if (stat(wanted.path, &file) < 0)
		return err_input(err, -errno, "%s", strerrordesc_np(errno));
	for (size_t i = 0; i < config->disks; i++) {
		struct disk_spec *disk = &config->disk[i];

		if (!is_same_file(&file, disk->path))
			continue;
		if (disk->ro)
			return err_input(err, -EINVAL,
					 "the guest cannot write it");
		disk->temp = true;
		found++;
	}
	if (found == 0)
		return err_input(err, -ENOENT,
				 "the snapshot's guest has no such disk");
	return 0;
}

int restore_disks_apply(struct config *config, char *const *value, size_t count,
			struct err *err)
{
	for (size_t i = 0; i < count; i++) {
		const int r = apply_disk(config, value[i], err);

		if (r < 0)
			return err_wrap(err, "--disk %s", value[i]);
	}
	return 0;
}
