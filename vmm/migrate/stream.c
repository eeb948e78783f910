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
       HELLO_ZERO = 12, /* 4 */
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

int stream_send_hello(struct channel *channel, const char *arch,
		      struct err *err)
{
	uint8_t hello[STREAM_HELLO_SIZE] = { 0 };
	struct iovec iov = { hello, sizeof(hello) };

	memcpy(hello + HELLO_MAGIC, magic, sizeof(magic));
	store_le32(hello + HELLO_VERSION, STREAM_VERSION);
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
		      struct err *err)
{
	uint8_t hello[STREAM_HELLO_SIZE];
	char name[STATE_MAX_NAME + 1];
	const int r = channel_read(channel, hello, sizeof(hello), err);
	uint32_t version;

	if (r < 0)
		return r;
	if (memcmp(hello + HELLO_MAGIC, magic, sizeof(magic)) != 0 ||
	    load_le32(hello + HELLO_ZERO) != 0)
		return err_input(err, -EBADMSG,
				 "what comes is no migration of a vmm");
	version = load_le32(hello + HELLO_VERSION);
	if (version == 0 || version > STREAM_VERSION)
		return err_input(err, -ENOTSUP,
				 "a stream of version %" PRIu32
				 "; this vmm reads up to version %d",
				 version, STREAM_VERSION);
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

int stream_send_pages(struct channel *channel, const struct stream_pages *pages,
		      const uint8_t *host, struct err *err)
{
	const uint64_t bytes = host ? pages->count * IMAGE_PAGE : 0;
	uint8_t head[STREAM_HEADER_SIZE + STREAM_PAGES_SIZE];
	uint8_t *at = head + STREAM_HEADER_SIZE;
	struct iovec iov[] = { { head, sizeof(head) },
			       part_of(host, (size_t)bytes) };

	make_header(head, STREAM_PAGES, STREAM_PAGES_SIZE + bytes);
	store_le32(at + PAGES_REGION, pages->region);
	store_le32(at + PAGES_STATE, pages->state);
	store_le64(at + PAGES_FIRST, pages->first);
	store_le64(at + PAGES_COUNT, pages->count);
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
		return STREAM_PAGES_SIZE + STREAM_DATA_MAX;
	case STREAM_STATE:
		return STREAM_STATE_HEAD + STATE_MAX_SIZE;
	case STREAM_PASS:
	case STREAM_PASSED:
		return 8;
	case STREAM_GO:
	case STREAM_ACCEPTED:
	case STREAM_READY:
	case STREAM_RUNNING:
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

int stream_read_pages(struct channel *channel,
		      const struct stream_message *message,
		      struct stream_pages *ret, struct err *err)
{
	uint8_t head[STREAM_PAGES_SIZE];
	uint32_t state;
	uint64_t data;
	int r;

	if (message->len < sizeof(head))
		return err_input(err, -EBADMSG,
				 "the stream is damaged: pages that are cut");
	r = channel_read(channel, head, sizeof(head), err);
	if (r < 0)
		return r;
	state = load_le32(head + PAGES_STATE);
	*ret = (struct stream_pages){
		.region = load_le32(head + PAGES_REGION),
		.state = state,
		.first = load_le64(head + PAGES_FIRST),
		.count = load_le64(head + PAGES_COUNT),
	};
	data = message->len - sizeof(head);
	if ((state != IMAGE_DATA && state != IMAGE_ZERO &&
	     state != IMAGE_GONE) ||
	    ret->count == 0 || data % IMAGE_PAGE != 0 ||
	    data / IMAGE_PAGE != (state == IMAGE_DATA ? ret->count : 0))
		return err_input(err, -EBADMSG,
				 "the stream is damaged: %" PRIu64
				 " pages in %" PRIu64 " bytes",
				 ret->count, data);
	return 0;
}
