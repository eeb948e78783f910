/* tests/unit/test_disk.c - host/disk*.c, on files in the working folder. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/disk.h"
#include "tests/unit/test.h"

#define IMAGE "test_disk.img"
#define OTHER "test_disk.other"
#define BLOCKS 64

static struct loop *loop;
static struct aio *aio;
static struct disk *disk;
static struct err err;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

struct io {
	struct disk_req req;
	struct iovec iov[4];
	int res;
	unsigned calls;
};

static void io_done(struct disk_req *req, int res)
{
	struct io *io = container_of(req, struct io, req);

	io->res = res;
	io->calls++;
	loop_stop(loop);
}

static int setup(void **state)
{
	(void)state;
	err = (struct err){ 0 };
	if (loop_new(&loop, &err) < 0)
		return -1;
	return aio_new(&aio, loop, 64, &err);
}

static void put_disk(void)
{
	if (disk)
		disk->ops->close(disk);
	disk = NULL;
}

static int teardown(void **state)
{
	(void)state;
	put_disk();
	aio = aio_free(aio);
	loop = loop_free(loop);
	(void)unlink(IMAGE);
	(void)unlink(OTHER);
	return 0;
}

static void make_image(const char *path, off_t size)
{
	_cleanup_(fd_closep) int fd = open(
		path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, size), 0);
}

static void image_write(off_t offset, const char *text)
{
	_cleanup_(fd_closep) int fd = open(IMAGE, O_WRONLY | O_CLOEXEC);

	assert_int_equal(pwrite(fd, text, strlen(text), offset), strlen(text));
}

static int get_disk(const char *path, bool ro, bool direct)
{
	const struct disk_options opt = { .path = path,
					  .ro = ro,
					  .direct = direct };
	int r = disk_open(&disk, &opt, aio, &err);

	if (r == 0)
		disk->ops->attach(disk, &lock);
	return r;
}

static void begin(void)
{
	make_image(IMAGE, BLOCKS * 512);
	assert_int_equal(get_disk(IMAGE, false, false), 0);
}

/* The image's own bytes, past the disk. */
static void image_read(uint64_t offset, void *buf, size_t len)
{
	_cleanup_(fd_closep) int fd = open(IMAGE, O_RDONLY | O_CLOEXEC);

	assert_int_equal(pread(fd, buf, len, (off_t)offset), len);
}

static void image_fill(uint8_t byte)
{
	_cleanup_(fd_closep) int fd = open(IMAGE, O_WRONLY | O_CLOEXEC);
	uint8_t buf[BLOCKS * 512];

	memset(buf, byte, sizeof(buf));
	assert_int_equal(pwrite(fd, buf, sizeof(buf), 0), sizeof(buf));
}

static void io_start(struct io *io)
{
	GUARD(&lock);
	io->req.done = io_done;
	assert_int_equal(disk->ops->start(disk, &io->req), 0);
	disk->ops->kick(disk);
}

static int io_run(struct io *io)
{
	io_start(io);
	while (io->calls == 0)
		assert_int_equal(loop_run(loop, &err), 0);
	assert_int_equal(io->calls, 1);
	return io->res;
}

/* Reads or writes @len bytes at @offset from two pieces of @buf. */
static int transfer(enum disk_kind kind, uint64_t offset, uint8_t *buf,
		    size_t len)
{
	const size_t half = len / 2;
	struct io io = { .req = { .kind = kind, .offset = offset, .len = len },
			 .iov = { { buf, half }, { buf + half, len - half } } };
	int r;

	io.req.iov = io.iov;
	io.req.iovs = 2;
	r = io_run(&io);
	if (r == 0)
		assert_int_equal(io.req.moved, len);
	return r;
}

static int range(enum disk_kind kind, uint64_t offset, uint64_t len, bool unmap)
{
	struct io io = { .req = { .kind = kind,
				  .offset = offset,
				  .len = len,
				  .unmap = unmap } };

	return io_run(&io);
}

static void refused(int code, const char *path, bool direct, const char *why)
{
	err = (struct err){ 0 };
	assert_int_equal(get_disk(path, false, direct), code);
	assert_true(err.input);
	assert_memory_equal(err.msg, path, strlen(path));
	assert_non_null(strstr(err.msg, why));
}

static void open__what_is_no_image_is_refused_by_name(void **state)
{
	(void)state;
	refused(-ENOENT, "test_disk.missing", false, "No such file");
	refused(-EISDIR, "/", false, "directory");
	refused(-EINVAL, "/dev/null", false, "not a regular file");
	assert_int_equal(mkfifo(OTHER, 0600), 0);
	refused(-EINVAL, OTHER, false, "not a regular file");
	make_image(IMAGE, 0);
	refused(-ENODATA, IMAGE, false, "empty");
	make_image(IMAGE, 511);
	refused(-EINVAL, IMAGE, false, "less than one block");
}

static void open__a_tail_that_is_no_block_is_left_out(void **state)
{
	(void)state;
	make_image(IMAGE, 512 + 511);
	assert_int_equal(get_disk(IMAGE, false, false), 0);
	assert_int_equal(disk->size, 512);
	assert_int_equal(disk->block, 512);
}

static void open__one_writer_or_many_readers(void **state)
{
	struct disk *first;

	(void)state;
	make_image(IMAGE, 512);
	assert_int_equal(get_disk(IMAGE, false, false), 0);
	first = disk;
	refused(-EBUSY, IMAGE, false, "this machine uses it twice");
	assert_int_equal(get_disk(IMAGE, true, false), -EBUSY);
	first->ops->close(first);

	assert_int_equal(get_disk(IMAGE, true, false), 0);
	first = disk;
	assert_int_equal(get_disk(IMAGE, true, false), 0);
	put_disk();
	assert_int_equal(get_disk(IMAGE, false, false), -EBUSY);
	disk = first;
}

static void open__an_image_that_is_not_raw_is_refused_by_name(void **state)
{
	const struct disk_options insist = { .path = IMAGE, .raw = true };

	(void)state;
	/* A descriptor file is less than one block. */
	make_image(IMAGE, 0);
	image_write(0, "# Disk DescriptorFile\nversion=1\n");
	refused(-EMEDIUMTYPE, IMAGE, false, ": is a VMDK image");
	make_image(IMAGE, 65536);
	image_write(65536 - 512, "conectix");
	refused(-EMEDIUMTYPE, IMAGE, false, ": is a VHD image");
	image_write(0, "QFI\xfb");
	refused(-EMEDIUMTYPE, IMAGE, false, ": is a qcow2 image");
	assert_non_null(strstr(err.msg, "\",format=raw\""));
	assert_int_equal(get_disk(IMAGE, true, false), -EMEDIUMTYPE);

	assert_int_equal(disk_open(&disk, &insist, aio, &err), 0);
	assert_int_equal(disk->size, 65536);
}

static void move__writes_and_reads_back(void **state)
{
	uint8_t out[1024], in[1024], raw[1024];

	(void)state;
	begin();
	memset(out, 0x5a, sizeof(out));
	out[0] = 1;
	assert_int_equal(transfer(DISK_WRITE, 62 * 512, out, 1024), 0);
	image_read(62 * 512, raw, 1024);
	assert_memory_equal(raw, out, 1024);
	assert_int_equal(transfer(DISK_READ, 62 * 512, in, 1024), 0);
	assert_memory_equal(in, out, 1024);
}

static void move__an_image_that_shrank_is_an_error(void **state)
{
	uint8_t buf[1024];

	(void)state;
	begin();
	assert_int_equal(truncate(IMAGE, 512), 0);
	assert_int_equal(transfer(DISK_READ, 0, buf, 512), 0);
	/* Half of it is there: the short read is gone on with. */
	assert_int_equal(transfer(DISK_READ, 0, buf, 1024), -EIO);
	assert_int_equal(transfer(DISK_READ, 1024, buf, 512), -EIO);
}

static void move__what_the_host_refuses_is_an_error(void **state)
{
	_cleanup_(fd_closep) int fd = memfd_create(
		"disk", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	uint8_t buf[1024] = { 0 };
	char path[32];

	(void)state;
	assert_int_equal(ftruncate(fd, 65536), 0);
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(get_disk(path, false, false), 0);
	assert_int_equal(transfer(DISK_WRITE, 0, buf, 1024), -EPERM);
	assert_int_equal(range(DISK_ZERO, 0, 1024, true), -EPERM);
	assert_int_equal(transfer(DISK_READ, 0, buf, 1024), 0);
}

static void move__fua_writes_and_flushes_succeed(void **state)
{
	uint8_t buf[512] = { 7 }, raw[512];
	struct io io = { .req = { .kind = DISK_WRITE, .len = 512, .fua = true },
			 .iov = { { buf, 512 } } };
	struct io flush = { .req = { .kind = DISK_FLUSH } };

	(void)state;
	begin();
	io.req.iov = io.iov;
	io.req.iovs = 1;
	assert_int_equal(io_run(&io), 0);
	image_read(0, raw, 512);
	assert_memory_equal(raw, buf, 512);
	assert_int_equal(io_run(&flush), 0);
}

static void zero__clears_its_bytes_and_no_others(void **state)
{
	static const struct {
		enum disk_kind kind;
		bool unmap;
	} cases[] = {
		{ DISK_ZERO, false },
		{ DISK_ZERO, true },
		{ DISK_DISCARD, false },
	};
	uint8_t raw[4 * 512];

	(void)state;
	begin();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		image_fill(0xff);
		assert_int_equal(
			range(cases[i].kind, 8 * 512, 2 * 512, cases[i].unmap),
			0);
		image_read(7 * 512, raw, sizeof(raw));
		assert_int_equal(raw[511], 0xff);
		assert_int_equal(raw[3 * 512], 0xff);
		if (cases[i].kind == DISK_DISCARD)
			continue; /* a hint */
		assert_int_equal(raw[512], 0);
		assert_int_equal(raw[3 * 512 - 1], 0);
	}
}

/* A memfd can punch holes, and not zero a range. */
static void zero__is_written_where_it_cannot_be_asked_for(void **state)
{
	_cleanup_(fd_closep) int fd = memfd_create("disk", MFD_CLOEXEC);
	const uint64_t size = 1 << 20;
	_cleanup_(freep) uint8_t *buf = malloc(size);
	char path[32];

	(void)state;
	memset(buf, 0xff, size);
	assert_int_equal(pwrite(fd, buf, size, 0), size);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_int_equal(get_disk(path, false, false), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(range(DISK_ZERO, 512, size - 1024, false), 0);
		assert_int_equal(pread(fd, buf, size, 0), size);
		assert_int_equal(buf[511], 0xff);
		assert_int_equal(buf[size - 512], 0xff);
		for (uint64_t at = 512; at < size - 512; at++)
			assert_int_equal(buf[at], 0);
	}
}

static void direct__buffers_of_any_alignment_are_served(void **state)
{
	const size_t len = 160 * 1024; /* more than one bounce */
	_cleanup_(freep) uint8_t *mem = aligned_alloc(4096, 512 * 1024);
	uint8_t *out = mem + 3, *in = mem + 256 * 1024 + 1;
	uint8_t *even = mem + 4096;

	(void)state;
	make_image(IMAGE, 1 << 20);
	if (get_disk(IMAGE, false, true) == -EOPNOTSUPP) {
		print_message("SKIP: %s\n", err.msg);
		skip();
	}
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)(i * 7 + i / 512);
	assert_int_equal(transfer(DISK_WRITE, 8192, out, len), 0);
	assert_int_equal(transfer(DISK_READ, 8192, in, len), 0);
	assert_memory_equal(in, out, len);

	memmove(even, out, len);
	assert_int_equal(transfer(DISK_WRITE, 0, even, 65536), 0);
	memset(in, 0, len);
	assert_int_equal(transfer(DISK_READ, 0, in, 65536), 0);
	assert_memory_equal(in, even, 65536);
}

/* Whether there is any for memory depends on the kernel. */
static void direct__is_had_or_refused_by_name(void **state)
{
	_cleanup_(fd_closep) int fd = memfd_create("disk", MFD_CLOEXEC);
	char path[32];

	(void)state;
	assert_int_equal(ftruncate(fd, 65536), 0);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (get_disk(path, true, true) < 0)
		refused(-EOPNOTSUPP, path, true, "direct I/O");
	else
		assert_true(disk->block >= SECTOR_SIZE);
}

static int resize(uint64_t size)
{
	err = (struct err){ 0 };
	return disk->ops->resize(disk, size, &err);
}

static uint64_t image_size(void)
{
	struct stat st;

	assert_int_equal(stat(IMAGE, &st), 0);
	return (uint64_t)st.st_size;
}

static void resize__extends_the_image_and_keeps_its_bytes(void **state)
{
	const uint64_t size = 3 * BLOCKS * 512;
	uint8_t buf[1024];

	(void)state;
	begin();
	image_fill(0x5a);
	assert_int_equal(resize(size), 0);
	assert_int_equal(disk->size, size);
	assert_int_equal(image_size(), size);
	assert_int_equal(
		transfer(DISK_READ, BLOCKS * 512 - 512, buf, sizeof(buf)), 0);
	assert_int_equal(buf[511], 0x5a);
	assert_int_equal(buf[512], 0);
	memset(buf, 7, sizeof(buf));
	assert_int_equal(transfer(DISK_WRITE, size - 1024, buf, sizeof(buf)),
			 0);
	assert_int_equal(resize(size), 0); /* it has this size */
	assert_int_equal(image_size(), size);
}

static void resize__an_image_that_has_grown_stays_as_it_is(void **state)
{
	const off_t size = 2 * BLOCKS * 512 + 100;

	(void)state;
	begin();
	assert_int_equal(truncate(IMAGE, size), 0);
	assert_int_equal(resize(BLOCKS * 512 + 512), 0);
	assert_int_equal(disk->size, BLOCKS * 512 + 512);
	assert_int_equal(resize(DISK_SIZE_OF_IMAGE), 0);
	assert_int_equal(disk->size, 2 * BLOCKS * 512); /* whole blocks */
	assert_int_equal(image_size(), size);
}

static void resize_refused(uint64_t size, int code, const char *why)
{
	const uint64_t was = disk->size;

	assert_int_equal(resize(size), code);
	assert_non_null(strstr(err.msg, why));
	assert_int_equal(disk->size, was);
}

static void resize__what_cannot_be_is_refused_by_name(void **state)
{
	(void)state;
	begin();
	resize_refused(BLOCKS * 512 - 512, -EINVAL, "cannot shrink");
	resize_refused(0, -EINVAL, "cannot shrink");
	resize_refused(BLOCKS * 512 + 1, -EINVAL, "no number of blocks");
	resize_refused(UINT64_MAX - 1023, -EFBIG, "so large");
	/* No file system has files of 8 EiB - 512. */
	assert_true(resize(INT64_MAX - 511) < 0);
	assert_int_equal(image_size(), BLOCKS * 512);
	assert_int_equal(truncate(IMAGE, 512), 0);
	resize_refused(DISK_SIZE_OF_IMAGE, -EINVAL, "cannot shrink");
}

static void resize__a_disk_that_is_only_read_grows_with_its_image(void **state)
{
	(void)state;
	make_image(IMAGE, BLOCKS * 512);
	assert_int_equal(get_disk(IMAGE, true, false), 0);
	resize_refused(BLOCKS * 1024, -EROFS, "only read");
	assert_int_equal(image_size(), BLOCKS * 512);
	assert_int_equal(truncate(IMAGE, BLOCKS * 1024), 0);
	assert_int_equal(resize(BLOCKS * 1024), 0);
	assert_int_equal(disk->size, BLOCKS * 1024);
}

static void stamp__is_of_the_open_image_whatever_its_path_names(void **state)
{
	struct disk_stamp was = { 0 }, is = { 0 };
	struct stat st;

	(void)state;
	begin();
	assert_int_equal(stat(IMAGE, &st), 0);
	assert_int_equal(disk->ops->stamp(disk, &was, &err), 0);
	assert_int_equal(was.size, BLOCKS * 512);
	assert_int_equal(was.seconds, st.st_mtim.tv_sec);
	assert_int_equal(was.ns, st.st_mtim.tv_nsec);
	make_image(OTHER, 512);
	assert_int_equal(rename(OTHER, IMAGE), 0);
	assert_int_equal(disk->ops->stamp(disk, &is, &err), 0);
	assert_memory_equal(&is, &was, sizeof(is));
	assert_int_equal(disk_stamp(-1, &is), -EBADF);
}

static void cancel__ends_all_requests(void **state)
{
	uint8_t buf[16][512];
	struct io io[16];

	(void)state;
	begin();
	for (unsigned i = 0; i < 16; i++) {
		io[i] = (struct io){ .req = { .kind = DISK_WRITE,
					      .offset = i * 512,
					      .len = 512,
					      .iovs = 1,
					      .fua = true },
				     .iov = { { buf[i], 512 } } };
		io[i].req.iov = io[i].iov;
		memset(buf[i], (int)i, 512);
		if (i < 8)
			io_start(&io[i]);
	}
	GUARD(&lock);
	for (unsigned i = 8; i < 16; i++) {
		io[i].req.done = io_done;
		assert_int_equal(disk->ops->start(disk, &io[i].req), 0);
	}
	disk->ops->cancel(disk);
	assert_true(disk->ops->drain(disk));
	for (unsigned i = 0; i < 16; i++) {
		assert_int_equal(io[i].calls, 1);
		assert_true(io[i].res == 0 || io[i].res == -ECANCELED);
	}
	/* Those the host has not seen can only be taken back. */
	assert_int_equal(io[15].res, -ECANCELED);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(open__what_is_no_image_is_refused_by_name),
		TEST(open__a_tail_that_is_no_block_is_left_out),
		TEST(open__one_writer_or_many_readers),
		TEST(open__an_image_that_is_not_raw_is_refused_by_name),
		TEST(move__writes_and_reads_back),
		TEST(move__an_image_that_shrank_is_an_error),
		TEST(move__what_the_host_refuses_is_an_error),
		TEST(move__fua_writes_and_flushes_succeed),
		TEST(zero__clears_its_bytes_and_no_others),
		TEST(zero__is_written_where_it_cannot_be_asked_for),
		TEST(direct__buffers_of_any_alignment_are_served),
		TEST(direct__is_had_or_refused_by_name),
		TEST(resize__extends_the_image_and_keeps_its_bytes),
		TEST(resize__an_image_that_has_grown_stays_as_it_is),
		TEST(resize__what_cannot_be_is_refused_by_name),
		TEST(resize__a_disk_that_is_only_read_grows_with_its_image),
		TEST(stamp__is_of_the_open_image_whatever_its_path_names),
		TEST(cancel__ends_all_requests),
	};

	return RUN_TESTS(tests);
}
