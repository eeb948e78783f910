/*
 * host/disk_raw.h - a raw image behind struct disk. Private to host/disk*.c.
 */
#ifndef HOST_DISK_RAW_H
#define HOST_DISK_RAW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "host/disk.h"
#include "host/disk_temp.h"

#define DISK_PAGE 4096 /* more than direct I/O asks of memory */

struct raw {
	struct disk disk;
	char *path; /* owned; for messages */
	int fd; /* owned */
	struct disk_temp temp; /* owned; its fd is -1: writes go to @fd */
	struct aio_client client;
	struct disk_log *logs; /* a list; the device's lock */
	uint32_t mem_align; /* of direct I/O's buffers, in bytes; 0: any do */
	bool cannot_zero; /* fallocate() has no FALLOC_FL_ZERO_RANGE here */
	uint64_t errors; /* requests the host failed; the first is logged */
};

/* Functions of disk_ops in host/disk_peek.c. */
int raw_log(struct disk *disk, bool all, struct disk_log **ret,
	    struct err *err);
void raw_unlog(struct disk *disk, struct disk_log *log);
int raw_peek(struct disk *disk, uint64_t offset, void *buf, size_t len);
uint64_t raw_next_data(struct disk *disk, uint64_t from);

static inline struct raw *raw_of(struct disk *disk)
{
	return container_of(disk, struct raw, disk);
}

static inline bool raw_is_temp(const struct raw *raw)
{
	return raw->temp.fd >= 0;
}

/* The file that takes what is written. */
static inline int raw_write_fd(const struct raw *raw)
{
	return raw_is_temp(raw) ? raw->temp.fd : raw->fd;
}

extern const struct disk_ops raw_disk_ops;

#endif
