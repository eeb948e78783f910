/* host/disk_peek.c - looks at a disk beside its requests. */
#include <errno.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "host/disk_raw.h"

int raw_log(struct disk *disk, bool all, struct disk_log **ret, struct err *err)
{
	struct raw *raw = raw_of(disk);
	struct disk_log *log;
	const int r = disk_log_new(&log, disk->size, all, err);

	if (r < 0)
		return err_wrap(err, "%s", raw->path);
	GUARD(raw->client.lock);
	log->next = raw->logs;
	raw->logs = log;
	*ret = log;
	return 0;
}

static void forget_log(struct raw *raw, const struct disk_log *log)
{
	struct disk_log **link = &raw->logs;

	GUARD(raw->client.lock);
	while (*link && *link != log)
		link = &(*link)->next;
	if (*link)
		*link = log->next;
}

void raw_unlog(struct disk *disk, struct disk_log *log)
{
	forget_log(raw_of(disk), log);
	(void)disk_log_free(log);
}

/* How many bytes from @offset on are in the same place now. */
static uint64_t find_disk_place(struct raw *raw, uint64_t offset, uint64_t len,
				bool *ret_written)
{
	GUARD(raw->client.lock);
	len = disk_temp_run(&raw->temp, offset, len, ret_written);
	return len;
}

/* What was written covers what the image holds. */
static int cover_written(struct raw *raw, uint64_t offset, uint8_t *buf,
			 size_t len)
{
	int r = 0;

	for (size_t at = 0; r == 0 && at < len;) {
		bool written = false;
		const size_t run = (size_t)find_disk_place(raw, offset + at,
							   len - at, &written);

		if (written)
			r = file_read_at(raw->temp.fd, buf + at, run,
					 offset + at);
		at += run;
	}
	return r;
}

int raw_peek(struct disk *disk, uint64_t offset, void *buf, size_t len)
{
	struct raw *raw = raw_of(disk);
	int r = file_read_at(raw->fd, buf, len, offset);

	if (r == 0 && raw_is_temp(raw))
		r = cover_written(raw, offset, buf, len);
	return r;
}

uint64_t raw_next_data(struct disk *disk, uint64_t from)
{
	const struct raw *raw = raw_of(disk);
	off_t at;

	if (raw_is_temp(raw))
		return from;
	at = lseek(raw->fd, (off_t)from, SEEK_DATA);
	if (at >= 0)
		return (uint64_t)at;
	return errno == ENXIO ? UINT64_MAX : from;
}
