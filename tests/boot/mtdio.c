/*
 * tests/boot/mtdio.c - erases and writes a flash and finds out whether it kept
 * what was written; in the guest, and on the file afterwards.
 *
 * Usage: mtdio fill|verify|lock|refused FILE SEED
 *
 *   fill     erases all of an MTD device, writes it in pieces of odd sizes and
 *            at odd places, and reads it back
 *   verify   checks every byte of a device, or a file, that was filled so
 *   lock     a block that is locked cannot be written or erased, until unlocked
 *   refused  nothing of the device can be written or erased
 *
 * What is written follows from SEED alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <mtd/mtd-user.h>

#define PIECE 5000

static _Noreturn void fail(const char *what)
{
	printf("mtdio: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t next_random(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static uint8_t *content(uint64_t seed, size_t size)
{
	uint8_t *data = malloc(size);

	if (!data)
		fail("memory");
	for (size_t i = 0; i < size; i++)
		data[i] = (uint8_t)(next_random(&seed) >> 24);
	return data;
}

static struct mtd_info_user info(int fd)
{
	struct mtd_info_user mtd;

	if (ioctl(fd, MEMGETINFO, &mtd) < 0)
		fail("MEMGETINFO");
	if (mtd.type != MTD_NORFLASH)
		fail("not a NOR flash");
	return mtd;
}

static int erase(int fd, uint32_t at, uint32_t size)
{
	const struct erase_info_user block = { at, size };

	return ioctl(fd, MEMERASE, &block);
}

static void verify(int fd, uint64_t seed, size_t size)
{
	uint8_t *want = content(seed, size);
	uint8_t *got = malloc(size);

	for (size_t at = 0; at < size;) {
		const ssize_t n = pread(fd, got + at, size - at, (off_t)at);

		if (n <= 0)
			fail("read");
		at += (size_t)n;
	}
	for (size_t at = 0; at < size; at++) {
		if (got[at] == want[at])
			continue;
		printf("mtdio: byte %zu is 0x%x, not 0x%x\n", at, got[at],
		       want[at]);
		exit(1);
	}
	free(got);
	free(want);
}

static void fill(int fd, uint64_t seed)
{
	const struct mtd_info_user mtd = info(fd);
	uint8_t *data = content(seed, mtd.size);
	size_t len;

	for (uint32_t at = 0; at < mtd.size; at += mtd.erasesize)
		if (erase(fd, at, mtd.erasesize) < 0)
			fail("MEMERASE");
	for (size_t at = 0; at < mtd.size; at += len) {
		len = (size_t)(next_random(&seed) % PIECE) + 1;
		if (len > mtd.size - at)
			len = mtd.size - at;
		if (pwrite(fd, data + at, len, (off_t)at) != (ssize_t)len)
			fail("write");
	}
	free(data);
}

static void lock(int fd)
{
	const struct mtd_info_user mtd = info(fd);
	const struct erase_info_user last = { mtd.size - mtd.erasesize,
					      mtd.erasesize };

	if (ioctl(fd, MEMLOCK, &last) < 0)
		fail("MEMLOCK");
	if (ioctl(fd, MEMISLOCKED, &last) != 1)
		fail("MEMISLOCKED");
	if (pwrite(fd, "x", 1, last.start) != -1 || errno != EROFS)
		fail("write to a locked block");
	if (ioctl(fd, MEMERASE, &last) != -1 || errno != EROFS)
		fail("erase of a locked block");
	if (ioctl(fd, MEMUNLOCK, &last) < 0 ||
	    ioctl(fd, MEMISLOCKED, &last) != 0)
		fail("MEMUNLOCK");
	if (ioctl(fd, MEMERASE, &last) < 0)
		fail("erase of an unlocked block");
}

static void refused(int fd)
{
	const struct mtd_info_user mtd = info(fd);

	for (uint32_t at = 0; at < mtd.size; at += mtd.erasesize) {
		if (pwrite(fd, "x", 1, at) != -1 || errno != EROFS)
			fail("write to a read-only flash");
		if (erase(fd, at, mtd.erasesize) != -1 || errno != EROFS)
			fail("erase of a read-only flash");
	}
}

int main(int argc, char **argv)
{
	const bool verifies = argc == 4 && strcmp(argv[1], "verify") == 0;
	struct stat st;
	uint64_t seed;
	int fd;

	if (argc != 4)
		return 2;
	seed = strtoull(argv[3], NULL, 0) + 1;
	fd = open(argv[2], verifies ? O_RDONLY : O_RDWR);
	if (fd < 0 || fstat(fd, &st) < 0)
		fail(argv[2]);
	if (verifies)
		verify(fd, seed,
		       S_ISCHR(st.st_mode) ? info(fd).size
					   : (size_t)st.st_size);
	else if (strcmp(argv[1], "fill") == 0)
		fill(fd, seed);
	else if (strcmp(argv[1], "lock") == 0)
		lock(fd);
	else if (strcmp(argv[1], "refused") == 0)
		refused(fd);
	else
		return 2;
	printf("mtdio: %s good\n", argv[1]);
	return 0;
}
