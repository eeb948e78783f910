/*
 * host/disk_raw.h - a raw image behind struct disk. Private to host/disk*.c.
 */
#ifndef HOST_DISK_RAW_H
#define HOST_DISK_RAW_H

#include <stdbool.h>
#include <stdint.h>

#include "host/disk.h"
#include "host/disk_temp.h"

#define DISK_PAGE 4096 /* more than direct I/O asks of memory */

struct raw {
	struct disk disk;
	char *path; /* owned; for messages */
	int fd; /* owned */
	struct disk_temp temp; /* owned; its fd is -1: writes go to @fd */
	struct aio_client client;
	uint32_t mem_align; /* of direct I/O's buffers, in bytes; 0: any do */
	bool cannot_zero; /* fallocate() has no FALLOC_FL_ZERO_RANGE here */
	uint64_t errors; /* requests the host failed; the first is logged */
};

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
