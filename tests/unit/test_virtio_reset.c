/*
 * tests/unit/test_virtio_reset.c - a disk is reset, or paused, while it is at
 * work.
 *
 * The loop runs on its own thread, as in a machine, and this one is the vCPU.
 */
#include <fcntl.h>
#include <linux/virtio_blk.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/loop.h"
#include "devices/virtio/blk.h"
#include "devices/virtio/mmio.h"
#include "tests/unit/test.h"
#include "tests/unit/virtq_driver.h"

#define IMAGE "test_virtio_reset.img"
#define REQUESTS 16
#define LENGTH ((size_t)64 * 1024) /* of each: they fill the second region */
#define ROUNDS 60

enum { ON_DISK = 0x33, MINE = 0x22 };

struct rig {
	struct fake_ram ram;
	struct fake_irq irq;
	struct loop *loop;
	struct aio *aio;
	struct disk *disk;
	struct device *dev;
	struct loop_watch pause; /* its eventfd: make the device quiet, or
				    let it go on */
	bool paused; /* atomic */
	pthread_t thread;
	gpa_t headers; /* 16 bytes, and one for the status, each */
	struct fake_queue q;
};

static void make_image(void)
{
	_cleanup_(fd_closep) int fd = open(
		IMAGE, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	static uint8_t buf[LENGTH];

	memset(buf, ON_DISK, sizeof(buf));
	for (unsigned i = 0; i < REQUESTS; i++)
		assert_int_equal(write(fd, buf, sizeof(buf)), sizeof(buf));
}

/* What vm_pause() and vm_resume() do, on the loop's thread as they do. */
static void pause_ready(struct loop_watch *watch, uint32_t events)
{
	struct rig *rig = container_of(watch, struct rig, pause);
	const bool on = !__atomic_load_n(&rig->paused, __ATOMIC_ACQUIRE);
	uint64_t count;

	(void)events;
	assert_int_equal(read(watch->fd, &count, sizeof(count)), sizeof(count));
	GUARD(rig->dev->lock);
	if (on)
		rig->dev->ops->pause(rig->dev);
	else
		rig->dev->ops->resume(rig->dev);
	__atomic_store_n(&rig->paused, on, __ATOMIC_RELEASE);
}

static void *run_loop(void *arg)
{
	struct err err = { 0 };

	(void)loop_run(arg, &err);
	return NULL;
}

static void begin(struct rig *rig)
{
	/* The page cache would answer at once, with nothing in flight. */
	struct disk_options opt = { .path = IMAGE, .direct = true };
	struct virtio *vio;
	struct err err = { 0 };

	assert_int_equal(loop_new(&rig->loop, &err), 0);
	assert_int_equal(aio_new(&rig->aio, rig->loop, 64, &err), 0);
	make_image();
	ram_init(&rig->ram);
	if (disk_open(&rig->disk, &opt, rig->aio, &err) < 0) {
		opt.direct = false;
		assert_int_equal(disk_open(&rig->disk, &opt, rig->aio, &err),
				 0);
	}
	assert_int_equal(virtio_blk_new(&vio, &rig->ram.map, rig->loop,
					rig->disk, NULL, &err),
			 0);
	assert_int_equal(
		virtio_mmio_new(&rig->dev, vio, fake_irq_line(&rig->irq), &err),
		0);
	rig->pause = (struct loop_watch){ .fd = eventfd(0, EFD_CLOEXEC),
					  .ready = pause_ready };
	assert_int_equal(loop_add(rig->loop, &rig->pause, EPOLLIN, &err), 0);
	assert_int_equal(
		pthread_create(&rig->thread, NULL, run_loop, rig->loop), 0);
}

static void end(struct rig *rig)
{
	loop_stop(rig->loop);
	assert_int_equal(pthread_join(rig->thread, NULL), 0);
	(void)close(rig->pause.fd);
	rig->dev->ops->destroy(rig->dev);
	rig->aio = aio_free(rig->aio);
	rig->loop = loop_free(rig->loop);
	ram_finish(&rig->ram);
	(void)unlink(IMAGE);
}

static void drive(struct rig *rig)
{
	rig->ram.next = RAM_BASE;
	queue_alloc(&rig->q, &rig->ram, 64);
	rig->headers = ram_alloc(&rig->ram, (size_t)REQUESTS * 17, 16);
	mmio_begin(rig->dev, UINT64_MAX);
	mmio_queue(rig->dev, 0, &rig->q);
	mmio_go(rig->dev);
}

static gpa_t buffer(unsigned index)
{
	return RAM_BORDER + index * LENGTH;
}

static void send_all(struct rig *rig)
{
	for (unsigned i = 0; i < REQUESTS; i++) {
		const gpa_t header = rig->headers + i * 16ULL;
		const struct range buf[] = {
			{ header, 16 },
			{ buffer(i), LENGTH },
			{ rig->headers + REQUESTS * 16 + i, 1 },
		};
		uint8_t *p = ram_at(&rig->ram, header);

		store_le32(p, VIRTIO_BLK_T_IN);
		store_le64(p + 8, i * LENGTH / SECTOR_SIZE);
		queue_send(&rig->q, buf, 1, 3);
	}
	mmio_write(rig->dev, 0x050, 0);
}

static void await(struct rig *rig, unsigned count)
{
	uint32_t id, len;

	while (count > 0) {
		if (!queue_take(&rig->q, &id, &len)) {
			(void)sched_yield();
			continue;
		}
		assert_int_equal(len, LENGTH + 1);
		count--;
	}
}

static void fill(struct rig *rig)
{
	memset(rig->ram.host[1], MINE, RAM_SIZE);
}

static bool holds(struct rig *rig, unsigned index, uint8_t byte)
{
	const uint8_t *p = ram_at(&rig->ram, buffer(index));

	return p[0] == byte && memcmp(p, p + 1, LENGTH - 1) == 0;
}

/* A vCPU that writes 0 to the status, and waits as vCPUs do. */
static void reset_device(struct rig *rig)
{
	mmio_write(rig->dev, 0x070, 0);
	while (device_is_busy(rig->dev))
		(void)sched_yield();
}

static void reset__nothing_is_written_after_it(void **state)
{
	struct rig rig = { 0 };

	(void)state;
	begin(&rig);
	for (unsigned round = 0; round < ROUNDS; round++) {
		drive(&rig);
		fill(&rig);
		send_all(&rig);
		await(&rig, round % (REQUESTS + 1));
		reset_device(&rig);
		fill(&rig);
		for (unsigned i = 0; i < REQUESTS; i++)
			assert_true(holds(&rig, i, MINE));
	}
	/* It goes on as if nothing had been. */
	drive(&rig);
	send_all(&rig);
	await(&rig, REQUESTS);
	for (unsigned i = 0; i < REQUESTS; i++)
		assert_true(holds(&rig, i, ON_DISK));
	end(&rig);
}

static void set_pause(struct rig *rig, bool on)
{
	const uint64_t one = 1;

	assert_int_equal(write(rig->pause.fd, &one, sizeof(one)), sizeof(one));
	while (__atomic_load_n(&rig->paused, __ATOMIC_ACQUIRE) != on)
		(void)sched_yield();
}

static unsigned take_all(struct rig *rig)
{
	uint32_t id, len;
	unsigned count = 0;

	for (; queue_take(&rig->q, &id, &len); count++)
		assert_int_equal(len, LENGTH + 1);
	return count;
}

static void pause__what_was_taken_is_done_and_no_more(void **state)
{
	struct rig rig = { 0 };

	(void)state;
	begin(&rig);
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned done, changed = 0;

		drive(&rig);
		fill(&rig);
		send_all(&rig);
		set_pause(&rig, true);
		done = take_all(&rig);
		/* All that was begun was given back: nothing is on its way. */
		for (unsigned i = 0; i < REQUESTS; i++) {
			changed += holds(&rig, i, ON_DISK);
			assert_true(holds(&rig, i, ON_DISK) ||
				    holds(&rig, i, MINE));
		}
		assert_int_equal(changed, done);
		mmio_write(rig.dev, 0x050, 0);
		(void)sched_yield();
		assert_int_equal(take_all(&rig), 0);

		set_pause(&rig, false);
		await(&rig, REQUESTS - done);
		reset_device(&rig);
	}
	end(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reset__nothing_is_written_after_it),
		cmocka_unit_test(pause__what_was_taken_is_done_and_no_more),
	};

	return RUN_TESTS(tests);
}
