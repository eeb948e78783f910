/* vmm/migrate/stream.c - what the two sides of a migration say. */
#include "vmm/migrate/stream.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/state.h"
#include "mem/map.h"
#include "vmm/migrate/files.h"
#include "vmm/migrate/place.h"
#include "vmm/migrate/regions.h"
#include "vmm/snapshot/about.h"

static const char magic[8] = { 'v', 'm', 'm', 'm', 'i', 'g', 'r', 't' };

enum { /* bytes of the hello */
       HELLO_MAGIC = 0, /* 8 */
       HELLO_VERSION = 8, /* 4 */
       HELLO_NEEDS = 12, /* 4; of version 3 on, else 0 */
       HELLO_ARCH = 16, /* 8, padded with zeroes */
};

enum { /* bytes of a message's header */
       HEAD_TYPE = 0, /* 4 */
       HEAD_ZERO = 4, /* 4 */
       HEAD_LENGTH = 8, /* 8; of what follows */
};

enum { /* bytes in front of pages */
       PAGES_REGION = 0, /* 4 */
       PAGES_STATE = 4, /* 4 */
       PAGES_FIRST = 8, /* 8 */
       PAGES_COUNT = 16, /* 8 */
};

/* The oldest version that has it. */
static uint32_t version_with(uint32_t needs)
{
	if (needs & STREAM_PACKED_NEEDED)
		return 3;
	return needs & STREAM_POSTCOPY_NEEDED ? 2 : 1;
}

/* What such a hello needs; false: it is none. */
static bool find_needs(uint32_t version, uint32_t said, uint32_t *ret)
{
	*ret = version == 2 ? STREAM_POSTCOPY_NEEDED : said;
	if (version < 3)
		return said == 0;
	return !(said &
		 ~(uint32_t)(STREAM_POSTCOPY_NEEDED | STREAM_PACKED_NEEDED));
}

int stream_send_hello(struct channel *channel, const char *arch, uint32_t needs,
		      struct err *err)
{
	const uint32_t version = version_with(needs);
	uint8_t hello[STREAM_HELLO_SIZE] = { 0 };
	struct iovec iov = { hello, sizeof(hello) };

	memcpy(hello + HELLO_MAGIC, magic, sizeof(magic));
	store_le32(hello + HELLO_VERSION, version);
	store_le32(hello + HELLO_NEEDS, version < 3 ? 0 : needs);
	memcpy(hello + HELLO_ARCH, arch, strnlen(arch, STATE_MAX_NAME));
	return channel_write(channel, &iov, 1, err);
}

static bool is_arch(const uint8_t padded[STATE_MAX_NAME], const char *arch)
{
	uint8_t want[STATE_MAX_NAME] = { 0 };

	memcpy(want, arch, strnlen(arch, STATE_MAX_NAME));
	return memcmp(padded, want, STATE_MAX_NAME) == 0;
}

/* An architecture's name as it may be printed. */
static void show_arch(const uint8_t *padded, char ret[static 9])
{
	for (unsigned i = 0; i < STATE_MAX_NAME; i++) {
		const uint8_t c = padded[i];

		ret[i] = (char)(c == 0 || (c > ' ' && c < 0x7f) ? c : '?');
	}
	ret[STATE_MAX_NAME] = '\0';
}

int stream_read_hello(struct channel *channel, const char *arch,
		      uint32_t *ret_needs, struct err *err)
{
	uint8_t hello[STREAM_HELLO_SIZE];
	char name[STATE_MAX_NAME + 1];
	const int r = channel_read(channel, hello, sizeof(hello), err);
	uint32_t version;

	if (r < 0)
		return r;
	version = load_le32(hello + HELLO_VERSION);
	if (memcmp(hello + HELLO_MAGIC, magic, sizeof(magic)) != 0)
		return err_input(err, -EBADMSG,
				 "what comes is no migration of a vmm");
	if (version == 0 || version > STREAM_VERSION)
		return err_input(err, -ENOTSUP,
				 "a stream of version %" PRIu32
				 "; this vmm reads up to version %d",
				 version, STREAM_VERSION);
	if (!find_needs(version, load_le32(hello + HELLO_NEEDS), ret_needs))
		return err_input(err, -EBADMSG,
				 "what comes is no migration of a vmm");
	show_arch(hello + HELLO_ARCH, name);
	if (!is_arch(hello + HELLO_ARCH, arch))
		return err_input(err, -EXDEV,
				 "a guest of %s; this host runs guests of %s",
				 name, arch);
	return 0;
}

static void make_header(uint8_t head[STREAM_HEADER_SIZE], enum stream_type type,
			uint64_t len)
{
	store_le32(head + HEAD_TYPE, type);
	store_le32(head + HEAD_ZERO, 0);
	store_le64(head + HEAD_LENGTH, len);
}

/* A part of a content. For writev(2), which changes nothing. */
static struct iovec part_of(const void *p, size_t len)
{
	struct iovec iov = { .iov_len = len };

	memcpy(&iov.iov_base, &p, sizeof(p));
	return iov;
}

int stream_send_state(struct channel *channel, uint64_t flags,
		      const struct state *state, struct err *err)
{
	uint8_t head[STREAM_HEADER_SIZE + STREAM_STATE_HEAD];
	struct iovec iov[] = { { head, sizeof(head) },
			       { state->data, state->size } };

	make_header(head, STREAM_STATE, STREAM_STATE_HEAD + state->size);
	store_le64(head + STREAM_HEADER_SIZE, flags);
	return channel_write(channel, iov, 2, err);
}

int stream_send(struct channel *channel, enum stream_type type,
		const void *content, size_t len, struct err *err)
{
	uint8_t head[STREAM_HEADER_SIZE];
	struct iovec iov[] = { { head, sizeof(head) }, part_of(content, len) };

	make_header(head, type, len);
	return channel_write(channel, iov, 2, err);
}

static void make_pages_head(uint8_t *at, const struct stream_pages *pages)
{
	store_le32(at + PAGES_REGION, pages->region);
	store_le32(at + PAGES_STATE, pages->state);
	store_le64(at + PAGES_FIRST, pages->first);
	store_le64(at + PAGES_COUNT, pages->count);
}

int stream_send_pages(struct channel *channel, const struct stream_pages *pages,
		      const uint8_t *host, struct err *err)
{
	const uint64_t bytes = host ? pages->count * IMAGE_PAGE : 0;
	uint8_t head[STREAM_HEADER_SIZE + STREAM_PAGES_SIZE];
	struct iovec iov[] = { { head, sizeof(head) },
			       part_of(host, (size_t)bytes) };

	make_header(head, STREAM_PAGES, STREAM_PAGES_SIZE + bytes);
	make_pages_head(head + STREAM_HEADER_SIZE, pages);
	return channel_write(channel, iov, 2, err);
}

int stream_send_packed(struct channel *channel,
		       const struct stream_pages *pages, const uint8_t *frame,
		       size_t size, struct err *err)
{
	uint8_t head[STREAM_HEADER_SIZE + STREAM_PAGES_SIZE];
	struct iovec iov[] = { { head, sizeof(head) }, part_of(frame, size) };

	make_header(head, STREAM_PACKED, STREAM_PAGES_SIZE + size);
	make_pages_head(head + STREAM_HEADER_SIZE, pages);
	return channel_write(channel, iov, 2, err);
}

void stream_send_reason(struct channel *channel, enum stream_type type,
			const struct err *why)
{
	struct err unused = { 0 };

	(void)stream_send(channel, type, why->msg,
			  strnlen(why->msg, STREAM_TEXT_MAX), &unused);
}

/* The most that a message of a type has; UINT64_MAX: there is no such type. */
static uint64_t longest_content(uint32_t type)
{
	switch (type) {
	case STREAM_ABOUT:
		return SNAPSHOT_ABOUT_MAX;
	case STREAM_PLACE:
		return PLACE_SIZE;
	case STREAM_FILES:
		return (uint64_t)MIGRATE_MAX_FILES * FILE_ENTRY_SIZE;
	case STREAM_REGIONS:
		return (uint64_t)MEM_MAX_REGIONS * REGION_ENTRY_SIZE;
	case STREAM_PAGES:
	case STREAM_PACKED:
		return STREAM_PAGES_SIZE + STREAM_DATA_MAX;
	case STREAM_STATE:
		return STREAM_STATE_HEAD + STATE_MAX_SIZE;
	case STREAM_PASS:
	case STREAM_PASSED:
		return 8;
	case STREAM_POSTCOPY:
		return STREAM_KEY_SIZE;
	case STREAM_JOIN:
		return STREAM_JOIN_SIZE;
	case STREAM_STALE:
	case STREAM_MISSING:
		return (uint64_t)STREAM_RUNS_MAX * STREAM_RUN_SIZE;
	case STREAM_REQUEST:
		return STREAM_RUN_SIZE;
	case STREAM_GO:
	case STREAM_ACCEPTED:
	case STREAM_READY:
	case STREAM_RUNNING:
	case STREAM_STALE_END:
	case STREAM_ALL:
	case STREAM_BYE:
	case STREAM_MISSING_END:
	case STREAM_JOINED:
	case STREAM_ARRIVED:
		return 0;
	case STREAM_GIVE_UP:
	case STREAM_FAILED:
		return STREAM_TEXT_MAX;
	default:
		return UINT64_MAX;
	}
}

/* The other side's words are printed. */
static int report_reason(struct channel *channel, uint64_t len, struct err *err)
{
	char text[STREAM_TEXT_MAX + 1] = "";
	const int r = channel_read(channel, text, (size_t)len, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			text[i] = '?';
	return err_set(err, -EREMOTEIO, "the other side: %s", text);
}

int stream_read_header(struct channel *channel, struct stream_message *ret,
		       struct err *err)
{
	uint8_t head[STREAM_HEADER_SIZE];
	const int r = channel_read(channel, head, sizeof(head), err);
	const uint32_t type = load_le32(head + HEAD_TYPE);
	const uint64_t most = longest_content(type);

	if (r < 0)
		return r;
	ret->type = type;
	ret->len = load_le64(head + HEAD_LENGTH);
	if (most == UINT64_MAX || load_le32(head + HEAD_ZERO) != 0 ||
	    ret->len > most)
		return err_input(err, -EBADMSG,
				 "the stream is damaged: a message of type "
				 "%" PRIu32 " and %" PRIu64 " bytes",
				 type, ret->len);
	if (type == STREAM_GIVE_UP || type == STREAM_FAILED)
		return report_reason(channel, ret->len, err);
	return 0;
}

int stream_expect(struct channel *channel, enum stream_type type,
		  struct stream_message *ret, struct err *err)
{
	const int r = stream_read_header(channel, ret, err);

	if (r == 0 && ret->type != type)
		return err_input(err, -EBADMSG,
				 "the stream is damaged: a message of type %d "
				 "in place of one of type %d",
				 (int)ret->type, (int)type);
	return r;
}

int stream_read_content(struct channel *channel,
			const struct stream_message *message, uint8_t **ret,
			struct err *err)
{
	const size_t len = (size_t)message->len;
	_cleanup_(freep) uint8_t *buf = malloc(len + 1);
	int r;

	if (!buf)
		return err_set(err, -ENOMEM, "out of memory");
	r = channel_read(channel, buf, len, err);
	if (r < 0)
		return r;
	buf[len] = 0;
	*ret = TAKE_PTR(buf);
	return 0;
}

/* True if so many bytes may be what follows the head of pages. */
static bool data_fits_pages(enum stream_type type,
			    const struct stream_pages *pages, uint64_t data)
{
	const uint64_t most = STREAM_DATA_MAX / IMAGE_PAGE;

	if (pages->count == 0)
		return false;
	if (type == STREAM_PACKED)
		return pages->state == IMAGE_DATA && pages->count <= most &&
		       data > 0 && data < pages->count * IMAGE_PAGE;
	if (pages->state != IMAGE_DATA)
		return data == 0 && (pages->state == IMAGE_ZERO ||
				     pages->state == IMAGE_GONE);
	return data % IMAGE_PAGE == 0 && data / IMAGE_PAGE == pages->count;
}

int stream_read_pages(struct channel *channel,
		      const struct stream_message *message,
		      struct stream_pages *ret, struct err *err)
{
	uint8_t head[STREAM_PAGES_SIZE];
	uint64_t data;
	int r;

	if (message->len < sizeof(head))
		return err_input(err, -EBADMSG,
				 "the stream is damaged: pages that are cut");
	r = channel_read(channel, head, sizeof(head), err);
	if (r < 0)
		return r;
	*ret = (struct stream_pages){
		.region = load_le32(head + PAGES_REGION),
		.state = load_le32(head + PAGES_STATE),
		.first = load_le64(head + PAGES_FIRST),
		.count = load_le64(head + PAGES_COUNT),
	};
	data = message->len - sizeof(head);
	if (!data_fits_pages(message->type, ret, data))
		return err_input(err, -EBADMSG,
				 "the stream is damaged: %" PRIu64
				 " pages in %" PRIu64 " bytes",
				 ret->count, data);
	return 0;
}

enum { /* bytes of a run */
       RUN_REGION = 0, /* 4 */
       RUN_ZERO = 4, /* 4 */
       RUN_FIRST = 8, /* 8 */
       RUN_COUNT = 16, /* 8 */
};

enum { /* bytes of a join */
       JOIN_KEY = 0, /* 16 */
       JOIN_WHAT = 16, /* 4 */
       JOIN_ZERO = 20, /* 4 */
};

int stream_send_runs(struct channel *channel, enum stream_type type,
		     const struct stream_run *run, size_t count,
		     struct err *err)
{
	uint8_t buf[STREAM_RUNS_MAX * STREAM_RUN_SIZE];

	for (size_t i = 0; i < count; i++) {
		uint8_t *at = buf + i * STREAM_RUN_SIZE;

		store_le32(at + RUN_REGION, run[i].region);
		store_le32(at + RUN_ZERO, 0);
		store_le64(at + RUN_FIRST, run[i].first);
		store_le64(at + RUN_COUNT, run[i].count);
	}
	return stream_send(channel, type, buf, count * STREAM_RUN_SIZE, err);
}

int stream_read_runs(struct channel *channel,
		     const struct stream_message *message,
		     struct stream_run ret[STREAM_RUNS_MAX], size_t *ret_count,
		     struct err *err)
{
	uint8_t buf[STREAM_RUNS_MAX * STREAM_RUN_SIZE];
	const size_t len = (size_t)message->len;
	int r;

	if (len == 0 || len > sizeof(buf) || len % STREAM_RUN_SIZE != 0)
		return err_input(err, -EBADMSG,
				 "the stream is damaged: runs that are cut");
	r = channel_read(channel, buf, len, err);
	if (r < 0)
		return r;
	*ret_count = len / STREAM_RUN_SIZE;
	for (size_t i = 0; i < *ret_count; i++) {
		const uint8_t *at = buf + i * STREAM_RUN_SIZE;

		ret[i] = (struct stream_run){
			.region = load_le32(at + RUN_REGION),
			.first = load_le64(at + RUN_FIRST),
			.count = load_le64(at + RUN_COUNT),
		};
		if (ret[i].count == 0 || load_le32(at + RUN_ZERO) != 0)
			return err_input(err, -EBADMSG,
					 "the stream is damaged: an empty run");
	}
	return 0;
}

int stream_send_join(struct channel *channel, const char *arch,
		     const uint8_t key[STREAM_KEY_SIZE], enum stream_join what,
		     struct err *err)
{
	uint8_t join[STREAM_JOIN_SIZE] = { 0 };
	const int r = stream_send_hello(channel, arch, STREAM_POSTCOPY_NEEDED,
					err);

	memcpy(join + JOIN_KEY, key, STREAM_KEY_SIZE);
	store_le32(join + JOIN_WHAT, what);
	return r == 0 ? stream_send(channel, STREAM_JOIN, join, sizeof(join),
				    err)
		      : r;
}

int stream_read_join(struct channel *channel, const char *arch,
		     const uint8_t key[STREAM_KEY_SIZE], enum stream_join *ret,
		     struct err *err)
{
	uint8_t join[STREAM_JOIN_SIZE];
	struct stream_message message;
	uint32_t needs, what;
	int r = stream_read_hello(channel, arch, &needs, err);

	if (r == 0)
		r = stream_expect(channel, STREAM_JOIN, &message, err);
	if (r == 0 && message.len != sizeof(join))
		r = err_input(err, -EBADMSG, "the stream is damaged: a join");
	if (r == 0)
		r = channel_read(channel, join, sizeof(join), err);
	if (r < 0)
		return r;
	what = load_le32(join + JOIN_WHAT);
	if (memcmp(join + JOIN_KEY, key, STREAM_KEY_SIZE) != 0)
		return err_input(err, -EPERM, "not this migration's source");
	if ((what != JOIN_PAGES && what != JOIN_RESUME) ||
	    load_le32(join + JOIN_ZERO) != 0)
		return err_input(err, -EBADMSG,
				 "the stream is damaged: a join");
	*ret = what;
	return 0;
}
