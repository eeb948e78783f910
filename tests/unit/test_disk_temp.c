/* tests/unit/test_disk_temp.c - disks whose image stays as it is. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/disk.h"
#include "host/disk_temp.h"
#include "tests/unit/test.h"

#define IMAGE "test_disk_temp.img"
#define FOLDER "test_disk_temp.folder"
#define BLOCK 4096 /* more than any disk's here */
#define BLOCKS 256
#define SIZE ((size_t)BLOCK * BLOCKS)
#define AT_ONCE 6
#define BATCHES 400

static struct loop *loop;
static struct aio *aio;
static struct disk *disk;
static struct err err;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static uint8_t image[SIZE], model[SIZE];
static unsigned under_way;
static uint64_t seed;

/* A request, and what it is to come to. */
struct temp_io {
	struct disk_req req;
	struct iovec iov[3];
	uint8_t *buf; /* @req.len bytes */
	int res;
};

static void temp_io_done(struct disk_req *req, int res)
{
	container_of(req, struct temp_io, req)->res = res;
	if (--under_way == 0)
		loop_stop(loop);
}

static uint64_t draw(uint64_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % below;
}

static int make_loop(bool threads)
{
	if (loop_new(&loop, &err) < 0)
		return -1;
	return threads ? aio_new_threads(&aio, loop, 64, &err)
		       : aio_new(&aio, loop, 64, &err);
}

static void end_loop(void)
{
	if (disk)
		disk->ops->close(disk);
	disk = NULL;
	aio = aio_free(aio);
	loop = loop_free(loop);
}

static int begin_temp_test(void **state)
{
	_cleanup_(fd_closep) int fd = open(
		IMAGE, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	(void)state;
	err = (struct err){ 0 };
	seed = 0x9e3779b97f4a7c15;
	for (size_t i = 0; i < SIZE; i++)
		image[i] = (uint8_t)(i / 512 * 3 + i % 251 + 1);
	memcpy(model, image, SIZE);
	assert_int_equal(pwrite(fd, image, SIZE, 0), SIZE);
	(void)unsetenv("TMPDIR");
	return make_loop(false);
}

static int end_temp_test(void **state)
{
	(void)state;
	end_loop();
	(void)unsetenv("TMPDIR");
	(void)unlink(IMAGE);
	(void)rmdir(FOLDER);
	return 0;
}

static int get_temp_disk(bool direct)
{
	const struct disk_options opt = { .path = IMAGE,
					  .temp = true,
					  .direct = direct };
	int r = disk_open(&disk, &opt, aio, &err);

	if (r == 0)
		disk->ops->attach(disk, &lock);
	return r;
}

static void image_is_as_it_was(void)
{
	static uint8_t now[SIZE];
	_cleanup_(fd_closep) int fd = open(IMAGE, O_RDONLY | O_CLOEXEC);

	assert_int_equal(pread(fd, now, SIZE, 0), SIZE);
	assert_memory_equal(now, image, SIZE);
}

/* Scatters the bytes over three buffers, none of which is aligned. */
static void set_temp_buffers(struct temp_io *io)
{
	const size_t len = (size_t)io->req.len;
	const size_t first = (size_t)draw(len), second = (len - first) / 2;

	io->iov[0] = (struct iovec){ io->buf, first };
	io->iov[1] = (struct iovec){ io->buf + first, second };
	io->iov[2] = (struct iovec){ io->buf + first + second,
				     len - first - second };
	io->req.iov = io->iov;
	io->req.iovs = 3;
}

static void choose_request(struct temp_io *io)
{
	static const enum disk_kind kinds[] = { DISK_READ,  DISK_READ,
						DISK_WRITE, DISK_WRITE,
						DISK_ZERO,  DISK_DISCARD,
						DISK_FLUSH };
	const uint64_t blocks = SIZE / disk->block;
	const uint64_t from = draw(blocks);
	const uint64_t most = blocks - from < 40 ? blocks - from : 40;

	*io = (struct temp_io){ .res = 1 };
	io->req.kind = kinds[draw(sizeof(kinds) / sizeof(kinds[0]))];
	io->req.done = temp_io_done;
	io->req.fua = draw(2);
	io->req.unmap = draw(2);
	io->req.offset = from * disk->block;
	io->req.len = (1 + draw(most)) * disk->block;
	io->buf = malloc((size_t)io->req.len);
	for (size_t i = 0; i < io->req.len; i++)
		io->buf[i] = (uint8_t)draw(256);
	set_temp_buffers(io);
}

static bool requests_overlap(const struct disk_req *a, const struct disk_req *b)
{
	return a->offset < b->offset + b->len && b->offset < a->offset + a->len;
}

static bool is_free(const struct temp_io *io, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (requests_overlap(&io[i].req, &io[count].req))
			return false;
	return true;
}

/* Compares with the model, or changes it. */
static void check_request(const struct temp_io *io)
{
	uint8_t *at = model + io->req.offset;

	assert_int_equal(io->res, 0);
	switch (io->req.kind) {
	case DISK_READ:
		assert_memory_equal(io->buf, at, (size_t)io->req.len);
		break;
	case DISK_WRITE:
		memcpy(at, io->buf, (size_t)io->req.len);
		break;
	case DISK_ZERO:
	case DISK_DISCARD: /* no promise; these disks zero all the same */
		memset(at, 0, (size_t)io->req.len);
		break;
	case DISK_FLUSH:
		break;
	}
}

static void start_all(struct temp_io *io, unsigned count)
{
	GUARD(&lock);
	under_way = count;
	for (unsigned i = 0; i < count; i++)
		assert_int_equal(disk->ops->start(disk, &io[i].req), 0);
	disk->ops->kick(disk);
}

static void run_batch(void)
{
	struct temp_io io[AT_ONCE];
	unsigned count = 0;

	while (count < AT_ONCE) {
		choose_request(&io[count]);
		if (is_free(io, count))
			count++;
		else
			free(io[count].buf);
	}
	start_all(io, count);
	while (under_way > 0)
		assert_int_equal(loop_run(loop, &err), 0);
	for (unsigned i = 0; i < count; i++) {
		check_request(&io[i]);
		free(io[i].buf);
	}
}

static void read_all(uint8_t *buf)
{
	struct temp_io io = {
		.req = { .kind = DISK_READ, .len = SIZE, .done = temp_io_done },
		.iov = { { buf, SIZE } }
	};

	io.req.iov = io.iov;
	io.req.iovs = 1;
	start_all(&io, 1);
	while (under_way > 0)
		assert_int_equal(loop_run(loop, &err), 0);
	assert_int_equal(io.res, 0);
}

static void keeps_what_a_model_keeps(bool direct)
{
	static uint8_t all[SIZE];

	assert_int_equal(get_temp_disk(direct), 0);
	for (unsigned i = 0; i < BATCHES; i++)
		run_batch();
	read_all(all);
	assert_memory_equal(all, model, SIZE);
	image_is_as_it_was();
}

static void io__is_as_of_a_model_by_io_uring(void **state)
{
	(void)state;
	keeps_what_a_model_keeps(false);
}

static void io__is_as_of_a_model_by_threads(void **state)
{
	(void)state;
	end_loop();
	assert_int_equal(make_loop(true), 0);
	keeps_what_a_model_keeps(false);
}

static void io__is_as_of_a_model_with_a_file_in_tmpdir(void **state)
{
	(void)state;
	assert_int_equal(mkdir(FOLDER, 0700), 0);
	assert_int_equal(setenv("TMPDIR", FOLDER, 1), 0);
	keeps_what_a_model_keeps(false);
	/* It has no name, so that the folder is empty. */
	assert_int_equal(rmdir(FOLDER), 0);
}

static void io__is_as_of_a_model_directly(void **state)
{
	(void)state;
	if (get_temp_disk(true) == -EOPNOTSUPP) {
		print_message("SKIP: %s\n", err.msg);
		skip();
	}
	disk->ops->close(disk);
	disk = NULL;
	keeps_what_a_model_keeps(true);
}

static void open__an_image_may_be_shared_and_only_read(void **state)
{
	const struct disk_options reads = { .path = IMAGE, .ro = true };
	const struct disk_options writes = { .path = IMAGE };
	struct disk *other = NULL, *first;

	(void)state;
	assert_int_equal(chmod(IMAGE, 0400), 0);
	assert_int_equal(get_temp_disk(false), 0);
	assert_false(disk->ro);
	first = disk;
	assert_int_equal(get_temp_disk(false), 0);
	assert_int_equal(disk_open(&other, &reads, aio, &err), 0);
	other->ops->close(other);
	first->ops->close(first);
	/* Root may open it all the same. */
	assert_int_equal(chmod(IMAGE, 0600), 0);
	assert_int_equal(disk_open(&other, &writes, aio, &err), -EBUSY);
	assert_non_null(strstr(err.msg, "this machine uses it twice"));
}

static void open__a_folder_that_takes_no_file_is_named(void **state)
{
	(void)state;
	assert_int_equal(setenv("TMPDIR", "test_disk_temp.nowhere", 1), 0);
	assert_int_equal(get_temp_disk(false), -ENOENT);
	assert_true(err.input);
	assert_string_equal(err.msg,
			    IMAGE ": temporary file in test_disk_temp.nowhere, "
				  "which TMPDIR names: No such file or "
				  "directory");
}

static void resize__is_refused_with_the_reason(void **state)
{
	(void)state;
	assert_int_equal(get_temp_disk(false), 0);
	assert_int_equal(disk->ops->resize(disk, SIZE, &err), 0);
	assert_int_equal(disk->ops->resize(disk, SIZE + BLOCK, &err),
			 -EOPNOTSUPP);
	assert_non_null(strstr(err.msg, "a disk with 'temp' does not grow"));
	assert_int_equal(disk->size, SIZE);
	assert_int_equal(truncate(IMAGE, SIZE + BLOCK), 0);
	assert_int_equal(disk->ops->resize(disk, DISK_SIZE_OF_IMAGE, &err),
			 -EOPNOTSUPP);
}

static void run__ends_where_the_place_changes(void **state)
{
	struct disk_temp temp;
	bool written = true;

	(void)state;
	assert_int_equal(disk_temp_init(&temp, 1 << 20, 512, &err), 0);
	assert_int_equal(disk_temp_run(&temp, 0, 1 << 20, &written), 1 << 20);
	assert_false(written);
	disk_temp_wrote(&temp, 1024, 512);
	assert_int_equal(disk_temp_run(&temp, 0, 4096, &written), 1024);
	assert_false(written);
	assert_int_equal(disk_temp_run(&temp, 1024, 4096, &written), 512);
	assert_true(written);
	assert_int_equal(disk_temp_run(&temp, 1536, 512, &written), 512);
	assert_false(written);
	disk_temp_finish(&temp);
	disk_temp_finish(&temp);
}

static void wrote__a_block_counts_once_its_last_byte_is_there(void **state)
{
	struct disk_temp temp;
	bool written = true;

	(void)state;
	assert_int_equal(disk_temp_init(&temp, 1 << 20, 512, &err), 0);
	disk_temp_wrote(&temp, 512, 700);
	assert_int_equal(disk_temp_run(&temp, 512, 2048, &written), 512);
	assert_true(written);
	assert_int_equal(disk_temp_run(&temp, 1212, 836, &written), 836);
	assert_false(written);
	disk_temp_wrote(&temp, 1212, 836);
	assert_int_equal(disk_temp_run(&temp, 600, 1448, &written), 1448);
	assert_true(written);
	disk_temp_finish(&temp);
}

int main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, begin_temp_test, end_temp_test)
	const struct CMUnitTest tests[] = {
		TEST(io__is_as_of_a_model_by_io_uring),
		TEST(io__is_as_of_a_model_by_threads),
		TEST(io__is_as_of_a_model_with_a_file_in_tmpdir),
		TEST(io__is_as_of_a_model_directly),
		TEST(open__an_image_may_be_shared_and_only_read),
		TEST(open__a_folder_that_takes_no_file_is_named),
		TEST(resize__is_refused_with_the_reason),
		TEST(run__ends_where_the_place_changes),
		TEST(wrote__a_block_counts_once_its_last_byte_is_there),
	};

	return RUN_TESTS(tests);
}
