/* tests/unit/test_fs_hostile.c - a guest that means harm stays in its folder.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "host/fs/op.h"
#include "tests/unit/fs_rig.h"
#include "tests/unit/test.h"

#define ROOT FUSE_ROOT_ID
#define RW                       \
	{                        \
		.writable = true \
	}

static void names_lead_nowhere_else(void **state)
{
	static const struct {
		const char *name;
		size_t len; /* with the byte 0 */
		int want;
	} names[] = {
		{ "..", 3, -EINVAL },
		{ ".", 2, -EINVAL },
		{ "", 1, -EINVAL },
		{ "/", 2, -EINVAL },
		{ "/etc/passwd", 12, -EINVAL },
		{ "sub/in", 7, -EINVAL },
		{ "../x", 5, -EINVAL },
		{ "no end", 6, -EINVAL },
		{ "", 0, -EINVAL },
		{ "...", 4, -ENOENT },
	};
	static const uint32_t opcodes[] = { FUSE_LOOKUP, FUSE_UNLINK,
					    FUSE_RMDIR };
	struct fs_rig rig;

	(void)state;
	fs_rig_init(&rig, &(struct fs_options)RW);
	temp_folder_put(&rig.folder, "sub/in", "");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		for (size_t j = 0; j < 3; j++)
			assert_int_equal(fs_send(&rig, opcodes[j], ROOT, NULL,
						 0, names[i].name,
						 names[i].len),
					 names[i].want);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names) - 3; i++) {
		const struct fuse_create_in in = { .flags = O_RDWR };

		assert_int_equal(fs_send(&rig, FUSE_CREATE, ROOT, &in,
					 sizeof(in), names[i].name,
					 names[i].len),
				 -EINVAL);
	}
	fs_rig_finish(&rig);
}

static void special_files_are_seen_and_not_opened(void **state)
{
	struct fs_rig rig;
	char path[TEMP_PATH_SIZE];
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	_cleanup_(fd_closep) int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	fs_rig_init(&rig, &(struct fs_options)RW);
	temp_folder_path(&rig.folder, "pipe", path);
	assert_int_equal(mkfifo(path, 0600), 0);
	temp_folder_path(&rig.folder, "sock", path);
	memcpy(at.sun_path, path, strlen(path) + 1);
	assert_int_equal(bind(fd, (void *)&at, sizeof(at)), 0);
	assert_int_equal(fs_open_node(&rig,
				      (uint64_t)fs_lookup(&rig, ROOT, "pipe"),
				      O_RDONLY),
			 -ENXIO);
	assert_true(S_ISFIFO(fs_entry_attr(&rig)->mode) || rig.len == 0);
	assert_int_equal(fs_open_node(&rig,
				      (uint64_t)fs_lookup(&rig, ROOT, "sock"),
				      O_RDWR),
			 -ENXIO);
	/* It would wait for a writer, if it were opened. */
	assert_int_equal(fs_create(&rig, ROOT, "pipe", O_RDONLY, 0, NULL),
			 -ENXIO);
	fs_rig_finish(&rig);
}

static void numbers_that_are_none_find_nothing(void **state)
{
	static const uint64_t ids[] = {
		0, 2, 64, 1ULL << 32, UINT64_MAX, (1ULL << 32) + 1
	};
	struct fs_rig rig;

	(void)state;
	fs_rig_init(&rig, &(struct fs_options)RW);
	for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++) {
		struct fuse_forget_in forget = { .nlookup = 5 };

		assert_int_equal(fs_lookup(&rig, ids[i], "x"), -ESTALE);
		assert_int_equal(fs_read(&rig, ids[i], 0, 10), -EBADF);
		assert_int_equal(fs_write(&rig, ids[i], 0, "x", 1, 0), -EBADF);
		assert_int_equal(fs_send(&rig, FUSE_FORGET, ids[i], &forget,
					 sizeof(forget), NULL, 0),
				 1);
	}
	fs_rig_finish(&rig);
}

static void folders_are_no_files(void **state)
{
	struct fs_rig rig;
	const struct fuse_open_in in = { 0 };
	struct fuse_open_out out;
	struct fuse_read_in read = { .size = 4096 };

	(void)state;
	fs_rig_init(&rig, &(struct fs_options)RW);
	temp_folder_put(&rig.folder, "a", "A");
	assert_int_equal(
		fs_send(&rig, FUSE_OPENDIR, ROOT, &in, sizeof(in), NULL, 0), 0);
	memcpy(&out, rig.reply, sizeof(out));
	assert_int_equal(fs_read(&rig, out.fh, 0, 10), -EBADF);
	read.fh = (uint64_t)fs_open_node(
		&rig, (uint64_t)fs_lookup(&rig, ROOT, "a"), O_RDONLY);
	assert_int_equal(
		fs_send(&rig, FUSE_READDIR, ROOT, &read, sizeof(read), NULL, 0),
		-EBADF);
	assert_int_equal(fs_send(&rig, FUSE_OPENDIR,
				 (uint64_t)fs_lookup(&rig, ROOT, "a"), &in,
				 sizeof(in), NULL, 0),
			 -ENOTDIR);
	/* A place in a folder that is none. */
	read.fh = out.fh;
	read.offset = UINT64_MAX;
	assert_true(fs_send(&rig, FUSE_READDIR, ROOT, &read, sizeof(read), NULL,
			    0) < 0);
	fs_rig_finish(&rig);
}

/* Each opcode with each length of its request, and each room for the reply. */
static void lengths_are_checked(void **state)
{
	struct fs_rig rig;
	uint8_t bytes[200] = { 0 };

	(void)state;
	fs_rig_init(&rig, &(struct fs_options)RW);
	for (uint32_t opcode = 0; opcode < 60; opcode++)
		for (size_t len = 0; len < sizeof(bytes); len += 4)
			for (size_t room = 0; room < 200; room += 16)
				(void)fs_send_room(&rig, opcode, ROOT, bytes,
						   len, room);
	assert_int_equal(fs_send(&rig, 4096, ROOT, NULL, 0, NULL, 0), -ENOSYS);
	assert_int_equal(fs_send(&rig, UINT32_MAX, ROOT, NULL, 0, NULL, 0),
			 -ENOSYS);
	fs_rig_finish(&rig);
}

static int serve_raw(struct fs_rig *rig, void *request, size_t len, void *reply,
		     size_t room)
{
	const struct iovec in = { request, len }, out = { reply, room };
	struct fs_message msg = {
		.in = &in, .ins = len > 0, .out = &out, .outs = room > 0
	};

	fs_serve(rig->fs, &msg);
	assert_true(msg.written <= room);
	assert_true(msg.touched <= room);
	assert_true(msg.read <= len);
	return (int)msg.written;
}

static void a_header_that_lies_is_refused(void **state)
{
	struct fs_rig rig;
	struct fuse_in_header head = { .opcode = FUSE_STATFS, .nodeid = ROOT };
	struct fuse_out_header reply = { 0 };
	static const uint32_t lens[] = { 0, 39, 41, 4096, UINT32_MAX };

	(void)state;
	fs_rig_init(&rig, &(struct fs_options)RW);
	for (size_t i = 0; i < sizeof(lens) / sizeof(*lens); i++) {
		head.len = lens[i];
		assert_int_equal(serve_raw(&rig, &head, sizeof(head), &reply,
					   sizeof(reply)),
				 sizeof(reply));
		assert_int_equal(reply.error, -EINVAL);
	}
	head.len = sizeof(head);
	assert_int_equal(serve_raw(&rig, &head, 39, &reply, sizeof(reply)), 0);
	assert_int_equal(serve_raw(&rig, &head, 0, &reply, sizeof(reply)), 0);
	assert_int_equal(serve_raw(&rig, &head, sizeof(head), &reply, 15), 0);
	assert_int_equal(serve_raw(&rig, &head, sizeof(head), &reply, 0), 0);
	/* No room for what it is asked for: it is not done at all. */
	assert_int_equal(
		serve_raw(&rig, &head, sizeof(head), &reply, sizeof(reply)),
		sizeof(reply));
	assert_int_equal(reply.error, -EINVAL);
	fs_rig_finish(&rig);
}

static void a_reply_over_its_own_request_is_harmless(void **state)
{
	struct fs_rig rig;
	union {
		struct fuse_in_header head;
		uint8_t bytes[400];
	} both = { .head = {
			   .len = 42, .opcode = FUSE_LOOKUP, .nodeid = ROOT } };
	struct fuse_out_header reply;

	(void)state;
	fs_rig_init(&rig, &(struct fs_options)RW);
	temp_folder_put(&rig.folder, "a", "");
	memcpy(both.bytes + sizeof(both.head), "a", 2);
	assert_int_equal(serve_raw(&rig, &both, 42, &both, sizeof(both)),
			 sizeof(reply) + sizeof(struct fuse_entry_out));
	memcpy(&reply, &both, sizeof(reply));
	assert_int_equal(reply.error, 0);
	fs_rig_finish(&rig);
}

static void what_a_guest_holds_is_bounded(void **state)
{
	struct fs_rig rig;
	uint32_t nodes, handles;
	const struct fuse_open_in in = { 0 };
	char name[] = "a0";
	int opened = 0, found = 0;

	(void)state;
	fs_rig_init(&rig, &(struct fs_options){ .files = 64 });
	for (int i = 0; i < 100; i++) {
		name[0] = (char)('a' + i / 10);
		name[1] = (char)('0' + i % 10);
		temp_folder_put(&rig.folder, name, "");
		found += fs_lookup(&rig, ROOT, name) > 0;
	}
	assert_int_equal(found, 64 - 16 - 1);
	assert_int_equal(fs_lookup(&rig, ROOT, name), -ENFILE);
	while (fs_send(&rig, FUSE_OPENDIR, ROOT, &in, sizeof(in), NULL, 0) == 0)
		opened++;
	assert_int_equal(opened, 16);
	fs_count(rig.fs, &nodes, &handles);
	assert_int_equal(nodes, found);
	assert_int_equal(handles, 16);
	/* A new session begins with nothing. */
	assert_int_equal(fs_rig_begin(&rig, 38), 0);
	fs_count(rig.fs, &nodes, &handles);
	assert_int_equal(nodes + handles, 0);
	assert_true(fs_lookup(&rig, ROOT, name) > 0);
	fs_rig_finish(&rig);
}

static void nothing_is_served_between_sessions(void **state)
{
	struct fs_rig rig;
	uint32_t nodes, handles;

	(void)state;
	fs_rig_init(&rig, &(struct fs_options){ 0 });
	temp_folder_put(&rig.folder, "a", "");
	assert_true(fs_lookup(&rig, ROOT, "a") > 0);
	fs_disconnect(rig.fs);
	assert_int_equal(fs_lookup(&rig, ROOT, "a"), -ENOTCONN);
	fs_sweep(rig.fs);
	fs_count(rig.fs, &nodes, &handles);
	assert_int_equal(nodes, 0);
	assert_int_equal(fs_rig_begin(&rig, 38), 0);
	assert_true(fs_lookup(&rig, ROOT, "a") > 0);
	fs_sweep(rig.fs); /* it is another guest's by now */
	fs_count(rig.fs, &nodes, &handles);
	assert_int_equal(nodes, 1);
	assert_int_equal(fs_send(&rig, FUSE_DESTROY, 0, NULL, 0, NULL, 0), 0);
	assert_int_equal(fs_lookup(&rig, ROOT, "a"), -ENOTCONN);
	assert_int_equal(
		fs_send(&rig, FUSE_INTERRUPT, 0, "12345678", 8, NULL, 0),
		-ENOSYS);
	fs_rig_finish(&rig);
}

/* Two folders that another process of the host exchanges for links. */
struct swapper {
	const char *folder;
	uint32_t stop; /* atomic */
};

static void *swap_links(void *arg)
{
	struct swapper *swapper = arg;
	const int dir = open(swapper->folder, O_PATH | O_CLOEXEC);

	while (!__atomic_load_n(&swapper->stop, __ATOMIC_RELAXED)) {
		(void)renameat2(dir, "sub", dir, "link", RENAME_EXCHANGE);
		(void)renameat2(dir, "file", dir, "away", RENAME_EXCHANGE);
	}
	(void)close(dir);
	return NULL;
}

static void links_that_appear_lead_nowhere(void **state)
{
	struct fs_rig rig;
	struct temp_folder secret;
	struct swapper swapper = { 0 };
	pthread_t thread;
	char path[TEMP_PATH_SIZE], target[TEMP_PATH_SIZE];
	unsigned found = 0, links = 0;

	(void)state;
	fs_rig_init(&rig,
		    &(struct fs_options){ .writable = true, .files = 4096 });
	assert_int_equal(temp_folder_make(&secret, "/tmp"), 0);
	temp_folder_put(&secret, "in", "secret");
	temp_folder_put(&rig.folder, "sub/in", "public");
	temp_folder_put(&rig.folder, "file", "public");
	temp_folder_path(&rig.folder, "link", path);
	assert_int_equal(symlink(secret.path, path), 0);
	temp_folder_path(&rig.folder, "away", path);
	temp_folder_path(&secret, "in", target);
	assert_int_equal(symlink(target, path), 0);
	swapper.folder = rig.folder.path;
	assert_int_equal(pthread_create(&thread, NULL, swap_links, &swapper),
			 0);
	for (int i = 0; i < 3000 || !found || !links; i++) {
		const int64_t sub = fs_lookup(&rig, ROOT, "sub");
		int64_t fh = fs_create(&rig, ROOT, "file", O_RDWR, 0, NULL);

		if (fh < 0)
			fh = fs_open_node(
				&rig,
				(uint64_t)fs_lookup(&rig, (uint64_t)sub, "in"),
				O_RDONLY);
		links += fh < 0;
		if (fh < 0)
			continue;
		found++;
		assert_int_equal(fs_read(&rig, (uint64_t)fh, 0, 6), 6);
		assert_memory_equal(rig.reply, "public", 6);
		(void)fs_send(&rig, FUSE_RELEASE, ROOT,
			      &(struct fuse_release_in){ .fh = (uint64_t)fh },
			      sizeof(struct fuse_release_in), NULL, 0);
	}
	__atomic_store_n(&swapper.stop, 1, __ATOMIC_RELAXED);
	assert_int_equal(pthread_join(thread, NULL), 0);
	fs_rig_finish(&rig);
	assert_int_equal(temp_folder_remove(&secret), 0);
}

/* Several threads serve one guest, which forgets what others look up. */
static void *hammer_nodes(void *arg)
{
	struct fs_rig own = *(struct fs_rig *)arg;
	const struct fuse_forget_in forget = { .nlookup = 1 };
	char name[2] = "a";

	own.reply = calloc(1, RIG_REPLY_MAX);
	for (unsigned i = 0; i < 2000; i++) {
		int64_t node, fh;

		name[0] = (char)('a' + i % 4);
		node = fs_lookup(&own, ROOT, name);
		fh = fs_open_node(&own, (uint64_t)node, O_RDONLY);
		if (fh > 0)
			(void)fs_read(&own, (uint64_t)fh, 0, 4);
		(void)fs_send(&own, FUSE_RELEASE, ROOT,
			      &(struct fuse_release_in){ .fh = (uint64_t)fh },
			      sizeof(struct fuse_release_in), NULL, 0);
		(void)fs_send(&own, FUSE_FORGET, (uint64_t)node, &forget,
			      sizeof(forget), NULL, 0);
		if (i % 512 == 511)
			(void)fs_rig_begin(&own, 38);
	}
	free(own.reply);
	return NULL;
}

static void threads_serve_at_once(void **state)
{
	struct fs_rig rig;
	pthread_t thread[4];
	uint32_t nodes, handles;

	(void)state;
	fs_rig_init(&rig, &(struct fs_options){ 0 });
	for (char name[] = "a"; *name < 'e'; ++*name)
		temp_folder_put(&rig.folder, name, "text");
	for (int i = 0; i < 4; i++)
		assert_int_equal(
			pthread_create(&thread[i], NULL, hammer_nodes, &rig),
			0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_join(thread[i], NULL), 0);
	assert_int_equal(fs_rig_begin(&rig, 38), 0);
	fs_count(rig.fs, &nodes, &handles);
	assert_int_equal(nodes + handles, 0);
	fs_rig_finish(&rig);
}

static void a_folder_that_is_none_is_refused(void **state)
{
	struct fs_options opt = { .path = "/nowhere", .files = 64 };
	struct err err = { 0 };
	struct fs *fs;

	(void)state;
	assert_int_equal(fs_open(&fs, &opt, &err), -ENOENT);
	assert_true(err.input);
	assert_string_equal(err.msg, "/nowhere: No such file or directory");
	opt.path = "/etc/passwd";
	assert_int_equal(fs_open(&fs, &opt, &err), -ENOTDIR);
	assert_string_equal(err.msg, "/etc/passwd: not a folder");
	assert_true(fs_raise_limit(1) >= fs_raise_limit(2));
	assert_true(fs_raise_limit(1000000) >= 64);
	assert_null(fs_close(NULL));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_lead_nowhere_else),
		cmocka_unit_test(special_files_are_seen_and_not_opened),
		cmocka_unit_test(numbers_that_are_none_find_nothing),
		cmocka_unit_test(folders_are_no_files),
		cmocka_unit_test(lengths_are_checked),
		cmocka_unit_test(a_header_that_lies_is_refused),
		cmocka_unit_test(a_reply_over_its_own_request_is_harmless),
		cmocka_unit_test(what_a_guest_holds_is_bounded),
		cmocka_unit_test(nothing_is_served_between_sessions),
		cmocka_unit_test(links_that_appear_lead_nowhere),
		cmocka_unit_test(threads_serve_at_once),
		cmocka_unit_test(a_folder_that_is_none_is_refused),
	};

	return RUN_TESTS(tests);
}
