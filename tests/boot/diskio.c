/*
 * tests/boot/diskio.c - writes a disk in random order and finds out whether it
 * kept what was written; in the guest, and on the image afterwards.
 *
 * Usage: diskio write|verify|zeroes|discard|wipe FILE SEED
 *
 *   write    several processes, each with its part of the disk, write runs of
 *            sectors from scattered buffers, read some back at once, and flush
 *   verify   checks every sector of a disk of zeroes that was written so
 *   wipe     has the disk write zeroes everywhere (BLKZEROOUT)
 *   discard  discards the whole disk (BLKDISCARD)
 *   zeroes   checks that there is nothing but zeroes
 *
 * Which sector was written how often follows from SEED alone, so that another
 * process, on another machine, knows what must be there.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/fs.h>

#define SECTOR 512
#define WORDS (SECTOR / sizeof(uint64_t))
#define MAX_RUN 256 /* sectors of one request */
#define MAX_SEGMENTS 64
#define WORKERS 4
#define WRITES 150 /* of each worker */
#define FLUSH_EACH 40

struct part {
	int fd;
	uint64_t seed;
	uint64_t first; /* sector */
	uint64_t sectors;
	uint16_t *times; /* how often each sector was written */
	uint64_t random;
	uint8_t *buf; /* MAX_RUN sectors */
};

static uint64_t next_random(struct part *part)
{
	/* Marsaglia's xorshift64; never 0, as it does not begin there. */
	part->random ^= part->random << 13;
	part->random ^= part->random >> 7;
	part->random ^= part->random << 17;
	return part->random;
}

/* What must be in a sector that was written @times times. */
static void fill(const struct part *part, uint64_t sector, unsigned times,
		 uint64_t word[WORDS])
{
	uint64_t v = (part->seed + 1) * UINT64_C(0x9e3779b97f4a7c15) + sector;

	memset(word, 0, SECTOR);
	if (!times)
		return;
	word[0] = sector;
	word[1] = times;
	for (size_t i = 2; i < WORDS; i++) {
		v = (v ^ times) * UINT64_C(0xff51afd7ed558ccd);
		word[i] = v ^ v >> 32;
	}
}

static int fail(const char *what, uint64_t sector)
{
	(void)printf("diskio: sector %" PRIu64 ": %s\n", sector, what);
	return -1;
}

/* Cuts @len bytes at @buf into segments of random whole sectors. */
static int scatter(struct part *part, uint8_t *buf, size_t len,
		   struct iovec iov[MAX_SEGMENTS])
{
	int n = 0;

	while (len > 0) {
		size_t some = (size_t)(1 + next_random(part) % 8) * SECTOR;

		if (some > len || n == MAX_SEGMENTS - 1)
			some = len;
		iov[n++] = (struct iovec){ buf, some };
		buf += some;
		len -= some;
	}
	return n;
}

static int check_run(struct part *part, uint64_t from, uint64_t run)
{
	uint64_t want[WORDS];

	if (pread(part->fd, part->buf, (size_t)run * SECTOR,
		  (off_t)((part->first + from) * SECTOR)) !=
	    (ssize_t)(run * SECTOR))
		return fail(strerror(errno), part->first + from);
	for (uint64_t i = 0; i < run; i++) {
		fill(part, part->first + from + i, part->times[from + i], want);
		if (memcmp(part->buf + i * SECTOR, want, SECTOR) != 0)
			return fail("not what was written",
				    part->first + from + i);
	}
	return 0;
}

/* The next write of a part: where and how long. Only that, if not @doing. */
static int write_run(struct part *part, bool doing)
{
	const uint64_t run = 1 + next_random(part) % MAX_RUN;
	const uint64_t from = next_random(part) % (part->sectors - run);
	struct iovec iov[MAX_SEGMENTS];
	const int n = scatter(part, part->buf, (size_t)run * SECTOR, iov);
	uint64_t want[WORDS];

	for (uint64_t i = 0; i < run; i++) {
		part->times[from + i]++;
		if (!doing)
			continue;
		fill(part, part->first + from + i, part->times[from + i], want);
		memcpy(part->buf + i * SECTOR, want, SECTOR);
	}
	if (!doing)
		return 0;
	if (pwritev(part->fd, iov, n, (off_t)((part->first + from) * SECTOR)) !=
	    (ssize_t)(run * SECTOR))
		return fail(strerror(errno), part->first + from);
	return run % 4 == 0 ? check_run(part, from, run) : 0;
}

static int part_write(struct part *part, bool doing)
{
	for (unsigned i = 1; i <= WRITES; i++) {
		if (write_run(part, doing) < 0)
			return -1;
		if (doing && i % FLUSH_EACH == 0 && fsync(part->fd))
			return fail("cannot be flushed", part->first);
	}
	return 0;
}

static int part_verify(struct part *part)
{
	uint64_t run;

	if (part_write(part, false) < 0)
		return -1;
	for (uint64_t at = 0; at < part->sectors; at += run) {
		run = part->sectors - at;
		if (run > MAX_RUN)
			run = MAX_RUN;
		if (check_run(part, at, run) < 0)
			return -1;
	}
	return 0;
}

/* One worker's share. Returns the status of its process. */
static int work(const char *file, bool doing, uint64_t seed, unsigned worker,
		uint64_t sectors)
{
	struct part part = { .seed = seed, .sectors = sectors / WORKERS };

	part.first = worker * part.sectors;
	part.random = (seed + 1) * 1000003 + worker;
	part.times = calloc((size_t)part.sectors, sizeof(*part.times));
	/* O_DIRECT: what is read back comes from the disk, not from a cache. */
	part.fd = open(file, (doing ? O_RDWR : O_RDONLY) | O_DIRECT);
	if (part.fd < 0 && errno == EINVAL)
		part.fd = open(file, doing ? O_RDWR : O_RDONLY);
	if (part.fd < 0 || !part.times ||
	    posix_memalign((void **)&part.buf, 4096, MAX_RUN * SECTOR)) {
		(void)printf("diskio: %s: %s\n", file, strerror(errno));
		return 1;
	}
	return (doing ? part_write(&part, true) : part_verify(&part)) < 0;
}

static int all_workers(const char *file, bool doing, uint64_t seed,
		       uint64_t sectors)
{
	int bad = 0;
	int status;

	for (unsigned i = 0; i < WORKERS; i++) {
		const pid_t pid = fork();

		if (pid == 0) {
			const int r = work(file, doing, seed, i, sectors);

			(void)fflush(stdout);
			_exit(r);
		}
		bad |= pid < 0;
	}
	while (wait(&status) > 0)
		bad |= status != 0;
	return bad;
}

static int only_zeroes(int fd)
{
	static const uint8_t zero[SECTOR * MAX_RUN];
	uint8_t buf[sizeof(zero)];
	uint64_t at = 0;
	ssize_t n;

	while ((n = pread(fd, buf, sizeof(buf), (off_t)at)) > 0) {
		if (memcmp(buf, zero, (size_t)n) != 0)
			return fail("not zero", at / SECTOR);
		at += (uint64_t)n;
	}
	return n < 0 ? fail(strerror(errno), at / SECTOR) : 0;
}

static int whole_disk(int fd, unsigned long request, uint64_t size)
{
	uint64_t range[2] = { 0, size };

	if (ioctl(fd, request, range) == 0)
		return 0;
	(void)printf("diskio: %s\n", strerror(errno));
	return -1;
}

static uint64_t size_of(int fd)
{
	struct stat st;
	uint64_t size = 0;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		size = (uint64_t)st.st_size;
	else if (ioctl(fd, BLKGETSIZE64, &size))
		size = 0;
	return size;
}

int main(int argc, char *argv[])
{
	uint64_t size;
	int bad;
	int fd;

	if (argc != 4)
		return 2;
	fd = open(argv[2], !strcmp(argv[1], "verify") ? O_RDONLY : O_RDWR);
	size = fd < 0 ? 0 : size_of(fd);
	if (size < (uint64_t)WORKERS * 2 * MAX_RUN * SECTOR) {
		(void)printf("diskio: %s: %s\n", argv[2],
			     fd < 0 ? strerror(errno) : "too small");
		return 1;
	}
	if (!strcmp(argv[1], "zeroes"))
		bad = only_zeroes(fd);
	else if (!strcmp(argv[1], "wipe"))
		bad = whole_disk(fd, BLKZEROOUT, size);
	else if (!strcmp(argv[1], "discard"))
		bad = whole_disk(fd, BLKDISCARD, size);
	else
		bad = all_workers(argv[2], !strcmp(argv[1], "write"),
				  strtoull(argv[3], NULL, 10), size / SECTOR);
	(void)printf("diskio: %s: %s\n", argv[1], bad ? "bad" : "good");
	return bad ? 1 : 0;
}
