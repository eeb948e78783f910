/*
 * tests/unit/test_disk_copy.c - vmm/snapshot/disk_copy.c and disk_load.c: disks
 * in snapshots, on files in the working folder.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "mem/image_chain.h"
#include "tests/unit/temp_folder.h"
#include "tests/unit/test.h"
#include "vmm/snapshot/disk_copy.h"
#include "vmm/snapshot/disk_load.h"

#define IMAGE "test_disk_copy.img"
#define SIZE ((size_t)300 * 4096 + 512) /* its last page is not whole */
#define AT_ONCE 4
#define SNAPSHOTS 6

struct copy_io {
	struct disk_req req;
	struct iovec iov;
	uint8_t *buf;
};

struct rig {
	struct temp_folder folder;
	struct loop *loop;
	struct aio *aio;
	struct disk *disk;
	struct disk_copies copies;
	struct mem_map map; /* of no memory */
	struct snapshot_chain chain;
	unsigned under_way;
	uint64_t seed;
	struct err err;
	uint8_t model[SIZE];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct rig rig;

static void copy_io_done(struct disk_req *req, int res)
{
	struct copy_io *io = container_of(req, struct copy_io, req);

	assert_int_equal(res, 0);
	free(io->buf);
	if (--rig.under_way == 0)
		loop_stop(rig.loop);
}

static uint64_t draw(uint64_t below)
{
	rig.seed ^= rig.seed << 13;
	rig.seed ^= rig.seed >> 7;
	rig.seed ^= rig.seed << 17;
	return rig.seed % below;
}

static int begin_copy_test(void **state)
{
	_cleanup_(fd_closep) int fd = open(
		IMAGE, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	(void)state;
	rig = (struct rig){ .seed = 0x2545f4914f6cdd1d };
	mem_freeze(&rig.map);
	(void)unsetenv("TMPDIR");
	/* A hole, data, and zeroes that are none. */
	memset(rig.model + 100 * 4096, 0x5a, 50 * 4096);
	assert_int_equal(ftruncate(fd, SIZE), 0);
	assert_int_equal(
		pwrite(fd, rig.model + 100 * 4096, 100 * 4096, 100 * 4096),
		100 * 4096);
	assert_int_equal(temp_folder_make(&rig.folder, "/tmp"), 0);
	assert_int_equal(loop_new(&rig.loop, &rig.err), 0);
	return aio_new(&rig.aio, rig.loop, 64, &rig.err);
}

static int end_copy_test(void **state)
{
	(void)state;
	disk_copies_finish(&rig.copies);
	image_chain_finish(&rig.chain.memory);
	if (rig.disk)
		assert_true(rig.disk->ops->close(rig.disk));
	rig.aio = aio_free(rig.aio);
	rig.loop = loop_free(rig.loop);
	(void)unlink(IMAGE);
	return temp_folder_remove(&rig.folder);
}

static void open_disk(bool temp)
{
	const struct disk_options opt = { .path = IMAGE, .temp = temp };

	assert_int_equal(disk_open(&rig.disk, &opt, rig.aio, &rig.err), 0);
	rig.disk->ops->attach(rig.disk, &lock);
}

/* Changes a place of the model, and has the disk do the same. */
static void start_change(struct copy_io *io, uint64_t from, uint64_t to)
{
	const uint64_t begin = from + draw(to - from);
	uint64_t sectors = 1 + draw(60);

	if (sectors > to - begin)
		sectors = to - begin;
	*io = (struct copy_io){ .req = { .kind = DISK_WRITE,
					 .offset = begin * 512,
					 .len = sectors * 512,
					 .done = copy_io_done } };
	io->buf = malloc((size_t)io->req.len);
	memset(io->buf, (int)draw(3), (size_t)io->req.len);
	io->iov = (struct iovec){ io->buf, (size_t)io->req.len };
	io->req.iov = &io->iov;
	io->req.iovs = 1;
	if (draw(4) == 0) {
		io->req.kind = DISK_ZERO;
		io->req.unmap = draw(2);
		memset(io->buf, 0, (size_t)io->req.len);
	}
	memcpy(rig.model + io->req.offset, io->buf, (size_t)io->req.len);
	assert_int_equal(rig.disk->ops->start(rig.disk, &io->req), 0);
}

static void start_changes(struct copy_io io[AT_ONCE])
{
	const uint64_t part = SIZE / 512 / AT_ONCE;

	GUARD(&lock);
	rig.under_way = AT_ONCE;
	for (unsigned i = 0; i < AT_ONCE; i++)
		start_change(&io[i], i * part, (i + 1) * part);
	rig.disk->ops->kick(rig.disk);
}

static void end_changes(void)
{
	while (rig.under_way > 0)
		assert_int_equal(loop_run(rig.loop, &rig.err), 0);
}

static void make_changes(unsigned times)
{
	for (unsigned i = 0; i < times; i++) {
		struct copy_io io[AT_ONCE];

		start_changes(io);
		end_changes();
	}
}

static int make_folder(unsigned number)
{
	char name[TEMP_PATH_SIZE], path[TEMP_PATH_SIZE];

	(void)snprintf(name, sizeof(name), "%u", number);
	temp_folder_path(&rig.folder, name, path);
	assert_int_equal(mkdir(path, 0700), 0);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Writes a snapshot while the disk changes, and then holds it. */
static void take_snapshot(unsigned number)
{
	_cleanup_(fd_closep) int dir = make_folder(number);
	struct image_region region[CONFIG_MAX_DISKS];
	struct copy_io io[AT_ONCE];
	struct image_copy *copy = NULL;
	struct image *image = NULL;
	uint64_t bytes;

	disk_copies_regions(&rig.copies, region);
	rig.copies.fresh = number == 0;
	assert_int_equal(
		image_copy_new_disks(&copy, &rig.map,
				     &(const struct image_disks){ region, 1 },
				     dir, number == 0 ? IMAGE_FULL : IMAGE_DIFF,
				     &rig.err),
		0);
	for (unsigned i = (unsigned)draw(4); i > 0; i--) {
		start_changes(io);
		assert_int_equal(
			disk_copies_pass(&rig.copies, copy, &bytes, &rig.err),
			0);
		end_changes();
	}
	assert_int_equal(disk_copies_pass(&rig.copies, copy, &bytes, &rig.err),
			 0);
	assert_int_equal(image_writer_end(image_copy_writer(copy), &rig.err),
			 0);
	(void)image_copy_free(copy);
	assert_int_equal(image_open(&image, dir, &rig.err), 0);
	assert_int_equal(image_memory_regions(image), 0);
	assert_int_equal(image_chain_add(&rig.chain.memory, image, &rig.err),
			 0);
}

/* The disk that a guest which goes on would have. */
static void restores_to_the_model(void)
{
	static uint8_t now[SIZE];
	static char path[] = IMAGE, folder[] = "snapshot";
	struct config config = { .disks = 1, .disk = { { .path = path } } };
	_cleanup_(fd_closep) int fd = -1;
	struct stat st;

	rig.chain.full_path = folder;
	rig.chain.about.disks = 1;
	rig.chain.about.disk[0] = (struct snapshot_disk){ .size = SIZE,
							  .copied = true };
	assert_int_equal(snapshot_disks_load(&rig.chain, &config, &rig.err), 0);
	assert_true(config.disk[0].copied);
	fd = open(config.disk[0].file, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_size, SIZE);
	assert_int_equal(pread(fd, now, SIZE, 0), SIZE);
	assert_memory_equal(now, rig.model, SIZE);
	(void)close(config.disk[0].fd);
	free(config.disk[0].file);
}

static void keeps_the_disk_of_each_moment(bool temp)
{
	open_disk(temp);
	assert_int_equal(
		disk_copies_add(&rig.copies, 0, rig.disk, true, &rig.err), 0);
	for (unsigned i = 0; i < SNAPSHOTS; i++) {
		make_changes((unsigned)draw(6));
		take_snapshot(i);
		restores_to_the_model();
		assert_int_equal(
			image_chain_verify(&rig.chain.memory, &rig.err), 0);
	}
}

static void copies__a_chain_has_the_disk_of_each_moment(void **state)
{
	(void)state;
	keeps_the_disk_of_each_moment(false);
}

static void copies__so_has_one_of_a_disk_whose_writes_vanish(void **state)
{
	(void)state;
	keeps_the_disk_of_each_moment(true);
}

static void copies__holes_are_not_read(void **state)
{
	_cleanup_(fd_closep) int dir = make_folder(0);
	struct image_region region[CONFIG_MAX_DISKS];
	struct image_copy *copy = NULL;
	uint64_t bytes;

	(void)state;
	open_disk(false);
	assert_int_equal(
		disk_copies_add(&rig.copies, 0, rig.disk, true, &rig.err), 0);
	disk_copies_regions(&rig.copies, region);
	assert_int_equal(region[0].gpa.start, IMAGE_DISKS);
	assert_int_equal(region[0].gpa.size, 301 * 4096);
	assert_string_equal(region[0].name, "disk0");
	assert_int_equal(
		image_copy_new_disks(&copy, &rig.map,
				     &(const struct image_disks){ region, 1 },
				     dir, IMAGE_FULL, &rig.err),
		0);
	rig.copies.fresh = true;
	assert_int_equal(disk_copies_pass(&rig.copies, copy, &bytes, &rig.err),
			 0);
	assert_true(bytes >= 100 * 4096);
	assert_true(bytes < SIZE - 50 * 4096);
	assert_int_equal(disk_copies_pass(&rig.copies, copy, &bytes, &rig.err),
			 0);
	assert_int_equal(bytes, 0);

	disk_copies_stop(&rig.copies);
	make_changes(1);
	assert_int_equal(disk_copies_pass(&rig.copies, copy, &bytes, &rig.err),
			 -ECANCELED);
	(void)image_copy_free(copy);
}

static void copies__a_disk_that_has_grown_needs_a_full_one(void **state)
{
	(void)state;
	open_disk(false);
	assert_int_equal(
		disk_copies_add(&rig.copies, 0, rig.disk, true, &rig.err), 0);
	assert_int_equal(disk_copies_check(&rig.copies, &rig.err), 0);
	assert_int_equal(rig.disk->ops->resize(rig.disk, 2 * SIZE, &rig.err),
			 0);
	assert_int_equal(disk_copies_check(&rig.copies, &rig.err), -ESTALE);
	assert_non_null(strstr(rig.err.msg, "disk0: has grown"));
}

static void load__a_disk_that_is_not_there_is_refused(void **state)
{
	static char path[] = IMAGE, folder[] = "snapshot";
	struct config config = {
		.disks = 2, .disk = { { .path = path }, { .path = path } }
	};

	(void)state;
	open_disk(false);
	assert_int_equal(
		disk_copies_add(&rig.copies, 0, rig.disk, true, &rig.err), 0);
	take_snapshot(0);
	rig.chain.full_path = folder;
	rig.chain.about.disks = 2;
	rig.chain.about.disk[1] = (struct snapshot_disk){ .size = SIZE,
							  .copied = true };
	assert_int_equal(snapshot_disks_load(&rig.chain, &config, &rig.err),
			 -EBADMSG);
	assert_string_equal(rig.err.msg, "snapshot: --disk " IMAGE
					 ": the snapshot says that "
					 "it holds disk 1, and does not");
	rig.chain.about.disk[1].copied = false;
	rig.chain.about.disk[0] = (struct snapshot_disk){ .size = SIZE + 4096,
							  .copied = true };
	assert_int_equal(snapshot_disks_load(&rig.chain, &config, &rig.err),
			 -EBADMSG);
	assert_false(config.disk[0].copied);
}

/* A snapshot whose storage hangs looks at its disks after the guest's end. */
static void close__a_disk_with_a_log_stays(void **state)
{
	for (int temp = 0; temp < 2; temp++) {
		uint8_t page[4096];

		(void)state;
		open_disk(temp);
		assert_int_equal(disk_copies_add(&rig.copies, 0, rig.disk, true,
						 &rig.err),
				 0);
		assert_false(rig.disk->ops->close(rig.disk));
		assert_int_equal(rig.disk->ops->peek(rig.disk, 100 * 4096, page,
						     sizeof(page)),
				 0);
		assert_memory_equal(page, rig.model + 100 * 4096, sizeof(page));
		disk_copies_finish(&rig.copies);
		if (temp == 0)
			assert_true(rig.disk->ops->close(rig.disk));
	}
}

int main(void)
{
#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, begin_copy_test, end_copy_test)
	const struct CMUnitTest tests[] = {
		TEST(copies__a_chain_has_the_disk_of_each_moment),
		TEST(copies__so_has_one_of_a_disk_whose_writes_vanish),
		TEST(copies__holes_are_not_read),
		TEST(copies__a_disk_that_has_grown_needs_a_full_one),
		TEST(load__a_disk_that_is_not_there_is_refused),
		TEST(close__a_disk_with_a_log_stays),
	};

	return RUN_TESTS(tests);
}
