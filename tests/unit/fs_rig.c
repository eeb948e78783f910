/* tests/unit/fs_rig.c - a shared folder and the messages of a guest. */
#include "tests/unit/fs_rig.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/test.h"

#define UNIQUE 0x1234

void fs_rig_init(struct fs_rig *rig, const struct fs_options *opt)
{
	struct fs_options own = *opt;
	struct err err = { 0 };

	*rig = (struct fs_rig){ 0 };
	if (temp_folder_make(&rig->folder, "/tmp") < 0)
		abort();
	own.path = rig->folder.path;
	if (own.files == 0)
		own.files = 256;
	if (fs_open(&rig->fs, &own, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.msg);
		abort();
	}
	rig->reply = calloc(1, RIG_REPLY_MAX);
	if (!rig->reply || fs_rig_begin(rig, 38) < 0)
		abort();
}

void fs_rig_finish(struct fs_rig *rig)
{
	rig->fs = fs_close(rig->fs);
	free(rig->reply);
	(void)temp_folder_remove(&rig->folder);
}

int fs_rig_begin(struct fs_rig *rig, uint32_t minor)
{
	const struct fuse_init_in in = { .major = 7,
					 .minor = minor,
					 .max_readahead = 65536,
					 .flags = UINT32_MAX };

	return fs_send(rig, FUSE_INIT, 0, &in, sizeof(in), NULL, 0);
}

int fs_send_room(struct fs_rig *rig, uint32_t opcode, uint64_t node,
		 const void *request, size_t len, size_t room)
{
	struct fuse_in_header head = { .len = (uint32_t)(sizeof(head) + len),
				       .opcode = opcode,
				       .unique = UNIQUE,
				       .nodeid = node,
				       .uid = rig->uid,
				       .gid = rig->gid };
	struct fuse_out_header reply = { 0 };
	/* Cut where nothing of the protocol is. */
	const size_t cut = len < 13 ? len : 13;
	uint8_t *body = memcpy(malloc(len + 1), len ? request : "", len);
	const struct iovec in[] = { { &head, 20 },
				    { (uint8_t *)&head + 20,
				      sizeof(head) - 20 },
				    { body, cut },
				    { body + cut, len - cut } };
	uint8_t *data = calloc(1, room + 1);
	const size_t out_cut = room < 7 ? room : 7;
	const struct iovec out[] = { { &reply, sizeof(reply) },
				     { data, out_cut },
				     { data + out_cut, room - out_cut } };
	struct fs_message msg = { .in = in, .ins = 4, .out = out, .outs = 3 };

	fs_serve(rig->fs, &msg);
	assert_int_equal(msg.read, head.len);
	assert_true(msg.touched >= msg.written);
	rig->len = msg.written ? msg.written - sizeof(reply) : 0;
	memcpy(rig->reply, data, rig->len);
	free(body);
	free(data);
	if (msg.written == 0)
		return 1;
	assert_int_equal(reply.len, msg.written);
	assert_int_equal(reply.unique, UNIQUE);
	assert_true(reply.error <= 0);
	if (reply.error)
		assert_int_equal(rig->len, 0);
	return reply.error;
}

int fs_send(struct fs_rig *rig, uint32_t opcode, uint64_t node, const void *arg,
	    size_t arg_len, const void *data, size_t len)
{
	uint8_t *request = malloc(arg_len + len + 1);
	int r;

	if (arg_len)
		memcpy(request, arg, arg_len);
	if (len)
		memcpy(request + arg_len, data, len);
	r = fs_send_room(rig, opcode, node, request, arg_len + len,
			 RIG_REPLY_MAX);
	free(request);
	return r;
}

int64_t fs_lookup(struct fs_rig *rig, uint64_t parent, const char *name)
{
	const int r = fs_send(rig, FUSE_LOOKUP, parent, NULL, 0, name,
			      strlen(name) + 1);
	struct fuse_entry_out out;

	memcpy(&out, rig->reply, sizeof(out));
	return r < 0 ? r : (int64_t)out.nodeid;
}

int64_t fs_open_node(struct fs_rig *rig, uint64_t node, uint32_t flags)
{
	const struct fuse_open_in in = { .flags = flags };
	const int r = fs_send(rig, FUSE_OPEN, node, &in, sizeof(in), NULL, 0);
	struct fuse_open_out out;

	memcpy(&out, rig->reply, sizeof(out));
	return r < 0 ? r : (int64_t)out.fh;
}

int64_t fs_create(struct fs_rig *rig, uint64_t parent, const char *name,
		  uint32_t flags, uint32_t mode, uint64_t *ret_node)
{
	const struct fuse_create_in in = { .flags = flags, .mode = mode };
	const int r = fs_send(rig, FUSE_CREATE, parent, &in, sizeof(in), name,
			      strlen(name) + 1);
	struct fuse_entry_out entry;
	struct fuse_open_out out;

	memcpy(&entry, rig->reply, sizeof(entry));
	memcpy(&out, rig->reply + sizeof(entry), sizeof(out));
	if (r == 0 && ret_node)
		*ret_node = entry.nodeid;
	return r < 0 ? r : (int64_t)out.fh;
}

int64_t fs_write(struct fs_rig *rig, uint64_t handle, uint64_t offset,
		 const void *data, size_t len, uint32_t flags)
{
	const struct fuse_write_in in = { .fh = handle,
					  .offset = offset,
					  .size = (uint32_t)len,
					  .flags = flags };
	const int r = fs_send(rig, FUSE_WRITE, FUSE_ROOT_ID, &in, sizeof(in),
			      data, len);
	struct fuse_write_out out;

	memcpy(&out, rig->reply, sizeof(out));
	return r < 0 ? r : (int64_t)out.size;
}

int64_t fs_read(struct fs_rig *rig, uint64_t handle, uint64_t offset,
		size_t len)
{
	const struct fuse_read_in in = { .fh = handle,
					 .offset = offset,
					 .size = (uint32_t)len };
	const int r = fs_send_room(rig, FUSE_READ, FUSE_ROOT_ID, &in,
				   sizeof(in), len);

	return r < 0 ? r : (int64_t)rig->len;
}

const struct fuse_attr *fs_entry_attr(const struct fs_rig *rig)
{
	static struct fuse_attr attr;

	memcpy(&attr, rig->reply + offsetof(struct fuse_entry_out, attr),
	       sizeof(attr));
	return &attr;
}
