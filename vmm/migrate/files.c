/* vmm/migrate/files.c - the disks and flashes of a guest that moves. */
#include "vmm/migrate/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/aside.h"
#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/file_share.h"
#include "base/log.h"
#include "devices/virtio/blk.h"
#include "host/disk.h"
#include "vmm/machine/machine.h"

enum { /* bytes of an entry */
       ENTRY_SIZE = 0, /* 8 */
       ENTRY_SECONDS = 8, /* 8; when it was written last */
       ENTRY_NS = 16, /* 4 */
       ENTRY_FLAGS = 20, /* 4 */
       ENTRY_MARK = 24, /* 4 */
       ENTRY_ZERO = 28, /* 4 */
       ENTRY_INODE = 32, /* 8 */
};

enum { FLAG_WRITTEN = 1 };

static void add_file(struct migrate_files *files, const char *path, int fd,
		     bool written)
{
	files->file[files->count++] = (struct migrate_file){
		.path = path,
		.fd = fd,
		.written = written,
		.mark = FILE_MARK_NONE,
	};
}

int migrate_files_of(struct migrate_files *ret, const struct machine *machine,
		     struct err *err)
{
	const struct config *config = machine->config;

	ret->count = 0;
	for (size_t i = 0; i < machine->disks; i++) {
		struct virtio_blk_info info;

		virtio_blk_query(machine->disk[i], &info);
		if (info.fd < 0)
			return err_set(err, -ENOTSUP,
				       "--disk %s: what the guest writes is "
				       "in no file of that name",
				       config->disk[i].path);
		add_file(ret, config->disk[i].path, info.fd,
			 !config->disk[i].ro);
	}
	for (size_t i = 0; i < machine->flashes.count; i++) {
		const struct flash_image *image =
			&machine->flashes.flash[i].image;

		add_file(ret, image->path, image->fd, !image->ro);
	}
	return 0;
}

int migrate_files_share(struct migrate_files *files, struct err *err)
{
	for (size_t i = 0; i < files->count; i++) {
		struct migrate_file *file = &files->file[i];
		int r;

		if (!file->written)
			continue;
		r = file_share(file->fd, &file->mark);
		if (r < 0) {
			migrate_files_unshare(files);
			return err_set(err, r, "%s: its lock: %s", file->path,
				       strerrordesc_np(-r));
		}
		file->shared = file->mark != FILE_MARK_NONE;
	}
	return 0;
}

void migrate_files_unshare(struct migrate_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		struct migrate_file *file = &files->file[i];
		const int r = file->shared ? file_unshare(file->fd) : 0;

		file->shared = false;
		if (r < 0)
			log_warn("%s: is not locked any more: %s", file->path,
				 strerrordesc_np(-r));
	}
}

void migrate_files_yield(struct migrate_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		struct migrate_file *file = &files->file[i];

		/* One that cannot be told is none that nobody has written. */
		if (disk_stamp(file->fd, &file->stamp) < 0)
			file->stamp = (struct disk_stamp){ 0 };
		if (file->shared)
			file_yield(file->fd);
	}
}

static bool is_as_yielded(const struct migrate_file *file,
			  const struct disk_stamp *is)
{
	const struct disk_stamp *was = &file->stamp;

	return is->size == was->size && is->seconds == was->seconds &&
	       is->ns == was->ns;
}

int migrate_files_check_yielded(const struct migrate_files *files,
				struct err *err)
{
	for (size_t i = 0; i < files->count; i++) {
		const struct migrate_file *file = &files->file[i];
		struct disk_stamp is;
		int r;

		if (!file->written)
			continue;
		r = disk_stamp(file->fd, &is);
		if (r < 0)
			return err_set(err, r, "%s: %s", file->path,
				       strerrordesc_np(-r));
		if (!is_as_yielded(file, &is))
			return err_set(err, -ESTALE,
				       "%s: was written since the guest was "
				       "given up: it runs at the target, or "
				       "did",
				       file->path);
	}
	return 0;
}

/* fdatasync(2), which nothing interrupts. */
struct syncing {
	struct aside aside;
	int fd[MIGRATE_MAX_FILES]; /* owned */
	size_t count, failed; /* place of the one that failed */
	int code;
};

static void sync_aside(struct aside *aside)
{
	struct syncing *s = container_of(aside, struct syncing, aside);

	for (size_t i = 0; i < s->count; i++) {
		if (s->fd[i] < 0 || fdatasync(s->fd[i]) == 0)
			continue;
		s->code = -errno;
		s->failed = i;
		return;
	}
}

static void free_syncing(struct aside *aside)
{
	struct syncing *s = container_of(aside, struct syncing, aside);

	for (size_t i = 0; i < s->count; i++)
		fd_closep(&s->fd[i]);
	free(s);
}

static int fill_syncing(struct syncing *s, const struct migrate_files *files,
			struct err *err)
{
	for (size_t i = 0; i < files->count; i++) {
		const struct migrate_file *file = &files->file[i];

		s->fd[s->count++] = -1;
		if (!file->written)
			continue;
		s->fd[i] = fcntl(file->fd, F_DUPFD_CLOEXEC, 3);
		if (s->fd[i] < 0)
			return err_sys(err, "%s", file->path);
	}
	return 0;
}

static int await_sync(struct syncing *s, const struct migrate_files *files,
		      int stop, uint64_t deadline, struct err *err)
{
	int r = fill_syncing(s, files, err);

	if (r == 0)
		r = aside_start(&s->aside, err);
	if (r == 0)
		r = aside_wait(&s->aside, stop, deadline, err);
	if (r < 0)
		return err_wrap(err, "write to the disk");
	return s->code == 0 ? 0
			    : err_set(err, s->code, "%s: write to the disk: %s",
				      files->file[s->failed].path,
				      strerrordesc_np(-s->code));
}

int migrate_files_sync(const struct migrate_files *files, int stop,
		       uint64_t deadline, struct err *err)
{
	struct syncing *s;
	bool any = false;
	int r;

	for (size_t i = 0; i < files->count; i++)
		any = any || files->file[i].written;
	if (!any)
		return 0;
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(err, -ENOMEM, "out of memory");
	s->aside = (struct aside)ASIDE(sync_aside, free_syncing);
	r = await_sync(s, files, stop, deadline, err);
	aside_leave(&s->aside);
	return r;
}

static int encode_file(const struct migrate_file *file, uint8_t *entry)
{
	struct disk_stamp stamp = { 0 };
	struct stat st = { 0 };
	int r = disk_stamp(file->fd, &stamp);

	if (r == 0 && fstat(file->fd, &st) < 0)
		r = -errno;
	store_le64(entry + ENTRY_SIZE, stamp.size);
	store_le64(entry + ENTRY_SECONDS, (uint64_t)stamp.seconds);
	store_le32(entry + ENTRY_NS, stamp.ns);
	store_le32(entry + ENTRY_FLAGS, file->written ? FLAG_WRITTEN : 0);
	store_le32(entry + ENTRY_MARK, file->mark);
	store_le32(entry + ENTRY_ZERO, 0);
	store_le64(entry + ENTRY_INODE, st.st_ino);
	return r;
}

size_t migrate_files_encode(const struct migrate_files *files,
			    uint8_t buf[MIGRATE_MAX_FILES * FILE_ENTRY_SIZE])
{
	for (size_t i = 0; i < files->count; i++)
		(void)encode_file(&files->file[i], buf + i * FILE_ENTRY_SIZE);
	return files->count * FILE_ENTRY_SIZE;
}

/* A file that is written is known by the lock on it. One that is only read may
 * be a copy, if it is as old. */
static bool is_source_file(const struct migrate_file *own, const uint8_t *entry)
{
	uint8_t is[FILE_ENTRY_SIZE];
	const uint32_t mark = load_le32(entry + ENTRY_MARK);
	const bool written = load_le32(entry + ENTRY_FLAGS) & FLAG_WRITTEN;

	if (encode_file(own, is) < 0 || written != own->written ||
	    memcmp(is + ENTRY_SIZE, entry + ENTRY_SIZE, 8) != 0)
		return false;
	if (!written)
		return memcmp(is + ENTRY_SECONDS, entry + ENTRY_SECONDS, 12) ==
		       0;
	if (mark != FILE_MARK_NONE)
		return file_is_shared(own->fd, mark);
	return memcmp(is + ENTRY_INODE, entry + ENTRY_INODE, 8) == 0;
}

static int compare_file(const struct migrate_file *own, const uint8_t *entry,
			struct err *err)
{
	if (is_source_file(own, entry))
		return 0;
	return err_input(err, -ESTALE,
			 "%s: is not the file that the guest has now",
			 own->path);
}

static int check_disk(const struct disk_spec *spec, const uint8_t *entry,
		      struct err *err)
{
	_cleanup_(fd_closep) int fd = open(spec->path,
					   O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	const struct migrate_file own = { .path = spec->path,
					  .fd = fd,
					  .written = !spec->ro };

	if (fd < 0)
		return err_input(err, -errno, "--disk %s: %s", spec->path,
				 strerrordesc_np(errno));
	return compare_file(&own, entry, err);
}

int migrate_files_check(const struct machine *machine, const uint8_t *buf,
			size_t len, struct err *err)
{
	const struct config *config = machine->config;
	const size_t disks = config->disks, flashes = machine->flashes.count;
	int r = 0;

	if (len != (disks + flashes) * FILE_ENTRY_SIZE)
		return err_input(err, -EBADMSG,
				 "the stream is damaged: other disks than the "
				 "guest's");
	for (size_t i = 0; r == 0 && i < disks; i++, buf += FILE_ENTRY_SIZE)
		r = check_disk(&config->disk[i], buf, err);
	for (size_t i = 0; r == 0 && i < flashes; i++, buf += FILE_ENTRY_SIZE) {
		const struct flash_image *image =
			&machine->flashes.flash[i].image;
		const struct migrate_file own = { .path = image->path,
						  .fd = image->fd,
						  .written = !image->ro };

		r = compare_file(&own, buf, err);
		if (r == 0)
			r = file_inherit(own.fd, own.path, own.written, err);
	}
	return r;
}

void migrate_files_own(struct migrate_files *files)
{
	for (size_t i = 0; i < files->count; i++) {
		const struct migrate_file *file = &files->file[i];

		if (file->written && file_own(file->fd) == -EAGAIN)
			log_warn("%s: is still locked by another program",
				 file->path);
	}
}
