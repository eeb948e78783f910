/* tests/unit/test_virtio_fs.c - the virtio file system device. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/loop.h"
#include "devices/virtio/fs.h"
#include "devices/virtio/mmio.h"
#include "tests/unit/device_state.h"
#include "tests/unit/temp_folder.h"
#include "tests/unit/test.h"
#include "tests/unit/virtq_driver.h"

#define HIPRIO 0
#define REQUESTS 1
#define CONFIG 0x100
#define STATUS 0x070
#define INTERRUPT_ACK 0x064
#define SLOTS 64
#define SLOT_SIZE 1024
#define ROOM 512

struct rig {
	struct fake_ram ram;
	struct loop *loop;
	struct aio *aio;
	struct temp_folder folder;
	struct fs *fs; /* the device's */
	struct virtio *vio;
	struct device *dev;
	struct fake_queue q[2];
	gpa_t slot[SLOTS]; /* a request, and room for its reply */
};

/* The device has told its driver something. */
static void wake_test(void *chip, unsigned pin, bool level)
{
	struct rig *rig = chip;

	(void)pin;
	if (level)
		loop_stop(rig->loop);
}

static void drive(struct rig *rig)
{
	/* Without VIRTIO_RING_F_EVENT_IDX each answer interrupts. */
	mmio_begin(rig->dev, 0);
	for (unsigned i = 0; i < 2; i++) {
		rig->q[i].next_avail = rig->q[i].next_used = 0;
		rig->q[i].next_desc = 0;
		memset(ram_at(&rig->ram, rig->q[i].avail), 0, 4);
		memset(ram_at(&rig->ram, rig->q[i].used), 0, 4);
		mmio_queue(rig->dev, i, &rig->q[i]);
	}
	mmio_go(rig->dev);
}

static void make_device(struct rig *rig)
{
	const struct irq_line irq = { wake_test, rig, 0 };
	struct fs_options opt = { .writable = true, .files = 256 };
	struct virtio_fs_options device = { .tag = "folder" };
	struct err err = { 0 };

	opt.path = rig->folder.path;
	assert_int_equal(fs_open(&rig->fs, &opt, &err), 0);
	device.fs = rig->fs;
	device.aio = rig->aio;
	assert_int_equal(virtio_fs_new(&rig->vio, &rig->ram.map, rig->loop,
				       &device, &err),
			 0);
	assert_int_equal(virtio_mmio_new(&rig->dev, rig->vio, irq, &err), 0);
}

static void begin(struct rig *rig)
{
	struct err err = { 0 };

	*rig = (struct rig){ 0 };
	ram_init(&rig->ram);
	assert_int_equal(temp_folder_make(&rig->folder, "/tmp"), 0);
	assert_int_equal(loop_new(&rig->loop, &err), 0);
	assert_int_equal(aio_new_threads(&rig->aio, rig->loop, 64, &err), 0);
	make_device(rig);
	for (unsigned i = 0; i < 2; i++)
		queue_alloc(&rig->q[i], &rig->ram, 256);
	for (unsigned i = 0; i < SLOTS; i++)
		rig->slot[i] = ram_alloc(&rig->ram, SLOT_SIZE, 16);
	drive(rig);
}

static void end(struct rig *rig)
{
	rig->dev->ops->destroy(rig->dev);
	rig->aio = aio_free(rig->aio);
	rig->loop = loop_free(rig->loop);
	ram_finish(&rig->ram);
	assert_int_equal(temp_folder_remove(&rig->folder), 0);
}

/* Puts a request into a slot, and makes it available; @room: for its reply. */
static void submit(struct rig *rig, unsigned queue, unsigned slot,
		   struct fuse_in_header head, const void *body, size_t len,
		   size_t room)
{
	const gpa_t at = rig->slot[slot];
	const struct range buf[] = { { at, sizeof(head) },
				     { at + sizeof(head), len ? len : 1 },
				     { at + SLOT_SIZE - ROOM, room } };
	uint8_t *bytes = ram_at(&rig->ram, at);
	/* A byte that is not of the message may follow it. */
	const size_t count = room ? 3 : 2;

	head.len = (uint32_t)(sizeof(head) + len);
	memcpy(bytes, &head, sizeof(head));
	if (len)
		memcpy(bytes + sizeof(head), body, len);
	memset(bytes + SLOT_SIZE - ROOM, 0xee, ROOM);
	(void)queue_send(&rig->q[queue], buf, 2, count);
}

static uint32_t await(struct rig *rig, unsigned queue)
{
	struct err err = { 0 };
	uint32_t id, len;

	while (!queue_take(&rig->q[queue], &id, &len)) {
		mmio_write(rig->dev, INTERRUPT_ACK, 1);
		if (queue_take(&rig->q[queue], &id, &len))
			break;
		assert_int_equal(loop_run(rig->loop, &err), 0);
	}
	return len;
}

static const void *reply_in(const struct rig *rig, unsigned slot, int error)
{
	const uint8_t *at = ram_at(&rig->ram,
				   rig->slot[slot] + SLOT_SIZE - ROOM);
	struct fuse_out_header head;

	memcpy(&head, at, sizeof(head));
	assert_int_equal(head.error, error);
	assert_int_equal(head.unique, slot);
	return at + sizeof(head);
}

static struct fuse_in_header header(uint32_t opcode, uint64_t node,
				    unsigned slot)
{
	return (struct fuse_in_header){ .opcode = opcode,
					.nodeid = node,
					.unique = slot };
}

static void mount_it(struct rig *rig)
{
	const struct fuse_init_in in = { .major = 7, .minor = 38 };

	submit(rig, REQUESTS, 0, header(FUSE_INIT, 0, 0), &in, sizeof(in),
	       ROOM);
	loop_kick(rig->vio, REQUESTS);
	assert_int_equal(await(rig, REQUESTS),
			 sizeof(struct fuse_out_header) +
				 sizeof(struct fuse_init_out));
	(void)reply_in(rig, 0, 0);
}

static uint64_t look_up(struct rig *rig, const char *name)
{
	struct fuse_entry_out out;

	submit(rig, REQUESTS, 1, header(FUSE_LOOKUP, FUSE_ROOT_ID, 1), name,
	       strlen(name) + 1, ROOM);
	loop_kick(rig->vio, REQUESTS);
	(void)await(rig, REQUESTS);
	memcpy(&out, reply_in(rig, 1, 0), sizeof(out));
	return out.nodeid;
}

static void a_driver_finds_the_folder_by_its_tag(void **state)
{
	struct rig rig;
	char tag[VIRTIO_FS_TAG_MAX + 1] = "";

	(void)state;
	begin(&rig);
	for (unsigned i = 0; i < VIRTIO_FS_TAG_MAX; i += 4) {
		const uint32_t word = mmio_read(rig.dev, CONFIG + i);

		memcpy(tag + i, &word, 4);
	}
	assert_string_equal(tag, "folder");
	assert_int_equal(mmio_read(rig.dev, CONFIG + VIRTIO_FS_TAG_MAX), 1);
	temp_folder_put(&rig.folder, "a", "");
	mount_it(&rig);
	assert_true(look_up(&rig, "a") > FUSE_ROOT_ID);
	end(&rig);
}

static void many_requests_are_at_work_at_once(void **state)
{
	struct rig rig;
	uint64_t node;

	(void)state;
	begin(&rig);
	temp_folder_put(&rig.folder, "a", "");
	mount_it(&rig);
	node = look_up(&rig, "a");
	for (unsigned i = 0; i < SLOTS; i++)
		submit(&rig, REQUESTS, i, header(FUSE_GETATTR, node, i),
		       &(struct fuse_getattr_in){ 0 },
		       sizeof(struct fuse_getattr_in), ROOM);
	loop_kick(rig.vio, REQUESTS);
	for (unsigned i = 0; i < SLOTS; i++)
		assert_int_equal(await(&rig, REQUESTS),
				 sizeof(struct fuse_out_header) +
					 sizeof(struct fuse_attr_out));
	for (unsigned i = 0; i < SLOTS; i++)
		(void)reply_in(&rig, i, 0);
	end(&rig);
}

static void a_forget_needs_no_reply(void **state)
{
	struct rig rig;
	struct fuse_forget_in in = { .nlookup = 1 };
	uint32_t nodes, handles;

	(void)state;
	begin(&rig);
	temp_folder_put(&rig.folder, "a", "");
	mount_it(&rig);
	submit(&rig, HIPRIO, 2, header(FUSE_FORGET, look_up(&rig, "a"), 2), &in,
	       sizeof(in), 0);
	loop_kick(rig.vio, HIPRIO);
	assert_int_equal(await(&rig, HIPRIO), 0);
	fs_count(rig.fs, &nodes, &handles);
	assert_int_equal(nodes, 0);
	/* What has a reply and no room for it comes back empty. */
	submit(&rig, REQUESTS, 2, header(FUSE_STATFS, FUSE_ROOT_ID, 2), NULL, 0,
	       0);
	submit(&rig, REQUESTS, 3, header(FUSE_STATFS, FUSE_ROOT_ID, 3), NULL, 0,
	       15);
	loop_kick(rig.vio, REQUESTS);
	assert_int_equal(await(&rig, REQUESTS), 0);
	assert_int_equal(await(&rig, REQUESTS), 0);
	end(&rig);
}

static void a_reset_gives_everything_back(void **state)
{
	struct rig rig;
	const struct fuse_open_in in = { 0 };
	uint32_t nodes, handles;
	uint64_t node;

	(void)state;
	begin(&rig);
	temp_folder_put(&rig.folder, "a", "");
	mount_it(&rig);
	node = look_up(&rig, "a");
	for (unsigned i = 0; i < SLOTS; i++)
		submit(&rig, REQUESTS, i, header(FUSE_OPEN, node, i), &in,
		       sizeof(in), ROOM);
	loop_kick(rig.vio, REQUESTS);
	mmio_write(rig.dev, STATUS, 0);
	/* The vCPU waits for what is at work. */
	if (device_is_busy(rig.dev))
		assert_true(virtio_settle(rig.vio));
	assert_false(device_is_busy(rig.dev));
	drive(&rig);
	mount_it(&rig);
	fs_count(rig.fs, &nodes, &handles);
	assert_int_equal(nodes + handles, 0);
	assert_true(look_up(&rig, "a") > FUSE_ROOT_ID);
	end(&rig);
}

static void what_a_guest_left_is_closed_without_another(void **state)
{
	struct rig rig;
	uint32_t nodes = 1, handles;
	struct err err = { 0 };

	(void)state;
	begin(&rig);
	temp_folder_put(&rig.folder, "a", "");
	mount_it(&rig);
	(void)look_up(&rig, "a");
	mmio_write(rig.dev, STATUS, 0);
	/* The loop starts it, and a second one after the first. */
	loop_stop(rig.loop);
	while (nodes > 0) {
		assert_int_equal(loop_run(rig.loop, &err), 0);
		loop_stop(rig.loop);
		fs_count(rig.fs, &nodes, &handles);
	}
	mmio_write(rig.dev, STATUS, 0);
	mmio_write(rig.dev, STATUS, 0);
	end(&rig);
}

static void a_pause_ends_all_requests(void **state)
{
	struct rig rig;
	uint64_t node;

	(void)state;
	begin(&rig);
	temp_folder_put(&rig.folder, "a", "");
	mount_it(&rig);
	node = look_up(&rig, "a");
	for (unsigned i = 0; i < SLOTS; i++)
		submit(&rig, REQUESTS, i, header(FUSE_GETATTR, node, i),
		       &(struct fuse_getattr_in){ 0 },
		       sizeof(struct fuse_getattr_in), ROOM);
	loop_kick(rig.vio, REQUESTS);
	virtio_pause(rig.vio);
	assert_false(rig.dev->stalled);
	for (unsigned i = 0; i < SLOTS; i++)
		(void)reply_in(&rig, i, 0);
	virtio_resume(rig.vio);
	for (unsigned i = 0; i < SLOTS; i++)
		assert_true(await(&rig, REQUESTS) > 0);
	end(&rig);
}

static void ask_attr(struct rig *rig, uint64_t node, int error)
{
	submit(rig, REQUESTS, 1, header(FUSE_GETATTR, node, 1),
	       &(struct fuse_getattr_in){ 0 }, sizeof(struct fuse_getattr_in),
	       ROOM);
	loop_kick(rig->vio, REQUESTS);
	(void)await(rig, REQUESTS);
	(void)reply_in(rig, 1, error);
}

static void a_loaded_device_knows_the_files_of_the_saved_one(void **state)
{
	struct rig rig;
	struct device *old;
	uint64_t node;

	(void)state;
	begin(&rig);
	temp_folder_put(&rig.folder, "a", "");
	mount_it(&rig);
	node = look_up(&rig, "a");
	old = rig.dev;
	make_device(&rig);
	device_state_replace(old, rig.dev);
	ask_attr(&rig, node, 0);
	ask_attr(&rig, node + 1, -ESTALE);
	assert_int_equal(look_up(&rig, "a"), node);
	end(&rig);
}

static void use_folder(void *ctx)
{
	struct rig *rig = ctx;
	uint32_t nodes, handles;

	fs_count(rig->fs, &nodes, &handles);
	assert_true(nodes <= 1 && handles == 0);
}

static void a_damaged_state_harms_nobody(void **state)
{
	static const uint8_t bytes[] = { 0, 1, 0x7f, 0xff };
	struct device_state saved;
	struct rig rig;

	(void)state;
	begin(&rig);
	temp_folder_put(&rig.folder, "a", "");
	mount_it(&rig);
	(void)look_up(&rig, "a");
	virtio_pause(rig.vio);
	device_state_take(&saved, rig.dev);
	mmio_write(rig.dev, STATUS, 0);
	for (size_t i = 0; i < sizeof(bytes); i++)
		device_state_damage(&saved, rig.dev, bytes[i], use_folder,
				    &rig);
	device_state_finish(&saved);
	end(&rig);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_driver_finds_the_folder_by_its_tag),
		cmocka_unit_test(many_requests_are_at_work_at_once),
		cmocka_unit_test(a_forget_needs_no_reply),
		cmocka_unit_test(a_reset_gives_everything_back),
		cmocka_unit_test(what_a_guest_left_is_closed_without_another),
		cmocka_unit_test(a_pause_ends_all_requests),
		cmocka_unit_test(
			a_loaded_device_knows_the_files_of_the_saved_one),
		cmocka_unit_test(a_damaged_state_harms_nobody),
	};

	return RUN_TESTS(tests);
}
