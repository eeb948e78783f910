/*
 * tests/unit/fake_disk.h - a disk in memory, whose pace the test sets.
 *
 * Stands in for an image: a request that was started waits until the test lets
 * the disk work, or the device cancels it. Copies are the program's own, so a
 * sanitizer sees each byte.
 */
#ifndef TESTS_UNIT_FAKE_DISK_H
#define TESTS_UNIT_FAKE_DISK_H

#include "host/disk.h"

#define FAKE_DISK_MAX 512

struct fake_disk {
	struct disk disk;
	uint8_t *data; /* @room bytes */
	pthread_mutex_t *lock;
	struct disk_req *waiting[FAKE_DISK_MAX];
	unsigned count; /* waiting */
	unsigned kicks, closes, flushes, cancels;
	unsigned cancelled; /* of those waiting */
	bool hangs; /* drain() gives up */
	int fails; /* 0, or what every request ends with */
	int ends; /* what the one taken last ends with */
	uint64_t room; /* bytes of @data; what the disk may grow to */
	int resize_fails; /* 0, or what resize() returns */
	int start_fails; /* 0, or what start() returns */
};

void fake_disk_init(struct fake_disk *fake, uint64_t size);
void fake_disk_finish(struct fake_disk *fake);

/* Does the request that waits at @index. The device's lock is not held. */
void fake_disk_do(struct fake_disk *fake, unsigned index);

/* Does all of them, the last one first. */
void fake_disk_do_all(struct fake_disk *fake);

#endif
