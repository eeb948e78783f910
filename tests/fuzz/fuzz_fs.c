/*
 * tests/fuzz/fuzz_fs.c - whatever a guest asks of a shared folder, the reply
 * has its form, and what lies beside the folder stays as it is; so it does if
 * the guest is loaded from a damaged state.
 *
 * The input: steps. A step is struct step, and that many bytes of a request.
 * Its opcode may be MOVE or DAMAGE.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "host/fs/fs.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_folder.h"

#define FILE_MOST 65536 /* bytes that a file may grow to */
#define REPLY_MOST 8192
#define KEPT 8 /* nodes and handles of the last replies */
#define MOVE 0xfe /* is saved, and loaded into a folder opened anew */
#define DAMAGE 0xff /* the same, with some bytes of the state changed */
#define SECRET "beside the folder\n"

struct step {
	uint8_t opcode;
	uint8_t node; /* its index among those kept; from KEPT on: itself */
	uint8_t first; /* what the request's first eight bytes are: see
			  set_first() */
	uint8_t room; /* for the reply, in units of 32 bytes */
	uint8_t cut; /* where the buffers' border is */
	uint8_t len; /* of the request behind its header */
};

struct guest {
	struct fs *fs;
	int dir; /* the folder's own folder; borrowed */
	uint64_t node[KEPT], handle[KEPT];
	unsigned nodes, handles;
	uint8_t request[sizeof(struct fuse_in_header) + UINT8_MAX];
	uint8_t reply[REPLY_MOST];
};

static void must(bool right)
{
	if (!right)
		abort();
}

static void open_share(struct guest *guest)
{
	struct fs_options opt = { .writable = true, .files = 64 };
	struct err err = { 0 };
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/share",
		       guest->dir);
	opt.path = path;
	must(fs_open(&guest->fs, &opt, &err) == 0);
}

static void share_folder(struct guest *guest, int dir)
{
	guest->dir = dir;
	fuzz_folder_put(dir, "secret", SECRET, strlen(SECRET), strlen(SECRET));
	must(mkdirat(dir, "share", 0700) == 0);
	must(mkdirat(dir, "share/b", 0700) == 0);
	fuzz_folder_put(dir, "share/a", "abc", 3, 3);
	fuzz_folder_put(dir, "share/b/c", "", 0, 0);
	must(symlinkat("../secret", dir, "share/l") == 0);
	must(mkfifoat(dir, "share/p", 0600) == 0);
	open_share(guest);
}

static void take_folder_back(struct guest *guest, int dir)
{
	char path[64], text[64];
	struct stat st;

	guest->fs = fs_close(guest->fs);
	must(fstatat(dir, "secret", &st, AT_SYMLINK_NOFOLLOW) == 0);
	must(S_ISREG(st.st_mode) && (st.st_mode & 0777) == 0600);
	must(st.st_nlink == 1 && st.st_uid == geteuid());
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/secret", dir);
	must(file_read_text(path, text, sizeof(text)) == 0);
	must(strcmp(text, SECRET) == 0);
	fuzz_folder_clear(dir);
}

/* Most requests name a handle, a node or a folder there. */
static void set_first(const struct guest *guest, uint8_t first, uint8_t *body,
		      size_t len)
{
	const uint64_t *from = first & 1 ? guest->handle : guest->node;

	if (first < 2 * KEPT && len >= sizeof(*from))
		memcpy(body, &from[first / 2], sizeof(*from));
}

static void keep_reply(struct guest *guest, uint32_t opcode, size_t len)
{
	const uint8_t *body = guest->reply + sizeof(struct fuse_out_header);
	const bool opens = opcode == FUSE_OPEN || opcode == FUSE_OPENDIR;
	const size_t behind = sizeof(struct fuse_entry_out);

	if (!opens && len >= behind)
		memcpy(&guest->node[guest->nodes++ % KEPT], body, 8);
	if (opens && len >= sizeof(struct fuse_open_out))
		memcpy(&guest->handle[guest->handles++ % KEPT], body, 8);
	else if (len == behind + sizeof(struct fuse_open_out))
		memcpy(&guest->handle[guest->handles++ % KEPT], body + behind,
		       8);
}

/* Sends what is in guest->request. */
static void send_request(struct guest *guest, uint32_t opcode, size_t len,
			 size_t room, size_t cut)
{
	const size_t in_cut = cut < len ? cut : len;
	const size_t out_cut = cut < room ? cut : room;
	const struct iovec in[] = { { guest->request, in_cut },
				    { guest->request + in_cut, len - in_cut } };
	const struct iovec out[] = { { guest->reply, out_cut },
				     { guest->reply + out_cut,
				       room - out_cut } };
	struct fs_message msg = { .in = in, .ins = 2, .out = out, .outs = 2 };
	struct fuse_out_header head;

	memset(guest->reply, 0xa5, sizeof(guest->reply));
	fs_serve(guest->fs, &msg);
	must(!msg.fault && msg.read <= len);
	must(msg.written <= msg.touched && msg.touched <= room);
	for (size_t i = msg.touched; i < sizeof(guest->reply); i++)
		must(guest->reply[i] == 0xa5);
	if (msg.written == 0)
		return;
	must(msg.written >= sizeof(head));
	memcpy(&head, guest->reply, sizeof(head));
	must(head.len == msg.written && head.error <= 0 && head.error > -4096);
	must(!head.error || head.len == sizeof(head));
	if (!head.error)
		keep_reply(guest, opcode, head.len - sizeof(head));
}

static void begin_session(struct guest *guest)
{
	const struct fuse_init_in init = { .major = 7,
					   .minor = 38,
					   .flags = UINT32_MAX };
	const struct fuse_in_header head = { .len = sizeof(head) + sizeof(init),
					     .opcode = FUSE_INIT };

	memcpy(guest->request, &head, sizeof(head));
	memcpy(guest->request + sizeof(head), &init, sizeof(init));
	send_request(guest, FUSE_INIT, head.len, REPLY_MOST, 0);
}

static int load_state(struct guest *guest, const struct state *state)
{
	struct state_records records;
	struct state_view view;
	struct err err = { 0 };
	int r = state_open(&view, state->data, state->size, "fuzz", &err);

	if (r == 0)
		r = state_find(&view, 1, 0, &records, &err);
	if (r == 0)
		r = fs_load_state(guest->fs, &records, 1, &err);
	return r;
}

/* @change: bytes that are put into the state at @at; none: it is loaded as it
 * was saved, which succeeds */
static void move_guest(struct guest *guest, size_t at, const uint8_t *change,
		       size_t len)
{
	struct state state;
	struct err err = { 0 };
	int r;

	state_begin(&state, "fuzz");
	state_section(&state, 1, 0);
	fs_save_state(guest->fs, &state, 1);
	r = state_end(&state, &err);
	/* An open file may have no name any more. */
	must(r == 0 || r == -ENOTSUP);
	for (size_t i = 0; r == 0 && i < len; i++)
		state.data[(at + i) % state.size] = change[i];
	if (r == 0) {
		guest->fs = fs_close(guest->fs);
		open_share(guest);
		r = load_state(guest, &state);
		/* Only root may open again what has lost its mode. */
		must(r == 0 || len > 0 || geteuid() != 0);
		if (r < 0)
			begin_session(guest);
	}
	state_finish(&state);
}

static bool do_step(struct guest *guest, struct fuzz_input *input)
{
	uint8_t *body = guest->request + sizeof(struct fuse_in_header);
	struct fuse_in_header head = { .unique = 1 };
	struct step step;

	if (!fuzz_take(input, &step, sizeof(step)))
		return false;
	if (step.len > input->left)
		step.len = (uint8_t)input->left;
	must(fuzz_take(input, body, step.len));
	if (step.opcode == MOVE || step.opcode == DAMAGE) {
		move_guest(guest, step.node | (size_t)step.first << 8, body,
			   step.opcode == DAMAGE ? step.len : 0);
		return true;
	}
	head.len = (uint32_t)sizeof(head) + step.len;
	head.opcode = step.opcode;
	head.nodeid = step.node < KEPT ? guest->node[step.node] : step.node;
	set_first(guest, step.first, body, step.len);
	memcpy(guest->request, &head, sizeof(head));
	send_request(guest, step.opcode, head.len, step.room * 32u, step.cut);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int dir = -1; /* kept: to make it costs more than a run */
	struct fuzz_input input = { data, size };
	struct guest guest = { .node[0] = FUSE_ROOT_ID, .nodes = 1 };
	struct rlimit before, small;

	if (dir < 0)
		dir = fuzz_folder_make();
	share_folder(&guest, dir);
	must(getrlimit(RLIMIT_FSIZE, &before) == 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	small = (struct rlimit){ FILE_MOST, before.rlim_max };
	must(setrlimit(RLIMIT_FSIZE, &small) == 0);
	begin_session(&guest);
	while (do_step(&guest, &input))
		;
	must(setrlimit(RLIMIT_FSIZE, &before) == 0);
	take_folder_back(&guest, dir);
	return 0;
}
