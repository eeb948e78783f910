/* vmm/snapshot/order.c - in which order a guest touches the memory of a
 * snapshot. */
#include "vmm/snapshot/order.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "vmm/snapshot/about.h"
#include "vmm/snapshot/directory.h"

static const uint8_t order_magic[8] = {
	'v', 'm', 'm', 'o', 'r', 'd', 'e', 'r'
};
#define ORDER_VERSION 1

enum { /* bytes of the file */
       ORDER_AT_MAGIC = 0, /* 8 */
       ORDER_AT_VERSION = 8, /* 4 */
       ORDER_AT_COUNT = 12, /* 4 */
       ORDER_AT_CHECKSUM = 16, /* 8; of all that follows */
       ORDER_AT_ID = 24, /* SNAPSHOT_ID_SIZE, padded with zeroes */
       ORDER_AT_CHUNKS = 64, /* 8 each */
};

_Static_assert(SNAPSHOT_ID_SIZE <= ORDER_AT_CHUNKS - ORDER_AT_ID,
	       "an identity has room");

void order_add(struct order *order, uint64_t region, uint64_t chunk)
{
	/* Grows where the count is a power of two, from 64 on. */
	if (order->count == ORDER_MOST)
		return;
	if (order->count == 0 ||
	    (order->count >= 64 && (order->count & (order->count - 1)) == 0)) {
		const size_t room = order->count ? 2 * order->count : 64;
		struct order_chunk *grown = reallocarray(order->at, room,
							 sizeof(*grown));

		if (!grown)
			return;
		order->at = grown;
	}
	order->at[order->count].region = region & 0xffff;
	order->at[order->count++].chunk = chunk & 0xffffffffffff;
}

void order_finish(struct order *order)
{
	free(order->at);
	*order = (struct order){ 0 };
}

static size_t order_bytes(size_t count)
{
	return ORDER_AT_CHUNKS + 8 * count;
}

int order_write(const struct order *order, int dir, const char *id,
		struct err *err)
{
	const size_t size = order_bytes(order->count);
	_cleanup_(freep) uint8_t *file = calloc(1, size);

	if (!file)
		return err_set(err, -ENOMEM, SNAPSHOT_ORDER ": out of memory");
	memcpy(file + ORDER_AT_MAGIC, order_magic, sizeof(order_magic));
	store_le32(file + ORDER_AT_VERSION, ORDER_VERSION);
	store_le32(file + ORDER_AT_COUNT, (uint32_t)order->count);
	(void)snprintf((char *)file + ORDER_AT_ID, SNAPSHOT_ID_SIZE, "%s", id);
	for (size_t i = 0; i < order->count; i++)
		store_le64(file + order_bytes(i),
			   (uint64_t)order->at[i].region << 48 |
				   order->at[i].chunk);
	store_le64(file + ORDER_AT_CHECKSUM,
		   XXH64(file + ORDER_AT_ID, size - ORDER_AT_ID, 0));
	if (unlinkat(dir, SNAPSHOT_ORDER, 0) < 0 && errno != ENOENT)
		return err_sys(err, SNAPSHOT_ORDER);
	return snapshot_file_write(dir, SNAPSHOT_ORDER, file, size, err);
}

/* Returns how many chunks the file has, or -EBADMSG. */
static int64_t check_order(const uint8_t *file, size_t size, const char *id)
{
	char own[SNAPSHOT_ID_SIZE] = "";
	uint32_t count;

	if (size < ORDER_AT_CHUNKS ||
	    memcmp(file + ORDER_AT_MAGIC, order_magic, sizeof(order_magic)) !=
		    0 ||
	    load_le32(file + ORDER_AT_VERSION) != ORDER_VERSION)
		return -EBADMSG;
	count = load_le32(file + ORDER_AT_COUNT);
	if (count > ORDER_MOST || size != order_bytes(count) ||
	    XXH64(file + ORDER_AT_ID, size - ORDER_AT_ID, 0) !=
		    load_le64(file + ORDER_AT_CHECKSUM))
		return -EBADMSG;
	memcpy(own, file + ORDER_AT_ID, sizeof(own) - 1);
	return strcmp(own, id) == 0 ? (int64_t)count : -EBADMSG;
}

int order_read(struct order *ret, int dir, const char *id, struct err *err)
{
	_cleanup_(freep) uint8_t *file = NULL;
	struct order order = { 0 };
	size_t size = 0;
	int64_t count;
	int r;

	if (faccessat(dir, SNAPSHOT_ORDER, F_OK, AT_SYMLINK_NOFOLLOW) < 0 &&
	    errno == ENOENT)
		return err_set(err, -ENOENT, SNAPSHOT_ORDER ": none");
	r = file_read_in(dir, SNAPSHOT_ORDER, order_bytes(ORDER_MOST), &file,
			 &size, err);
	if (r < 0)
		return r;
	count = check_order(file, size, id);
	if (count < 0)
		return err_input(err, -EBADMSG,
				 SNAPSHOT_ORDER ": damaged, or of another "
						"snapshot");
	for (int64_t i = 0; i < count; i++) {
		const uint64_t chunk = load_le64(file + order_bytes((size_t)i));

		order_add(&order, chunk >> 48, chunk);
	}
	*ret = order;
	return 0;
}
