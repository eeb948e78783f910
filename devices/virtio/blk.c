/* devices/virtio/blk.c - virtio block device. */
#include "devices/virtio/blk.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_blk.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/state_field.h"
#include "mem/iov.h"

/* A chain has a header and a status besides its segments. */
#define SEG_MAX (VIRTQ_MAX_SIZE - 2)
/* Limit of one discard or write-zeroes request: 1 GiB. */
#define RANGE_SECTORS_MAX (1u << 21)

/* Most bytes that one read or write moves. Source: read(2). */
#define SYSCALL_MOST 0x7ffff000

/* Request header. Little-endian. Source: section 5.2.6. */
struct header {
	uint32_t type;
	uint32_t reserved;
	uint64_t sector;
};
_Static_assert(sizeof(struct header) == 16, "virtio-blk request header");

/* The range of a discard or write-zeroes request. Source: section 5.2.6. */
struct segment {
	uint64_t sector;
	uint32_t sectors;
	uint32_t flags;
};
_Static_assert(sizeof(struct segment) == 16, "virtio-blk discard segment");

struct blk;

struct blk_req {
	struct disk_req io;
	struct blk *blk;
	struct virtq_chain chain;
	uint32_t resets; /* of the disk, when it was taken from the queue */
	struct iovec left[VIRTQ_MAX_IOV]; /* what the disk narrows */
};

struct blk {
	struct virtio vio;
	struct virtio_blk_config config;
	struct disk *disk; /* owned */
	char serial[VIRTIO_BLK_ID_BYTES];
	uint16_t idle[VIRTQ_MAX_SIZE]; /* a stack of indices into @req */
	unsigned idles;
	uint32_t resets; /* counts quiesce() with requests in flight */
	unsigned dropped; /* requests in flight from before a reset */
	bool starved; /* chains wait for an idle request */
	struct blk_req *req; /* owned; VIRTQ_MAX_SIZE of them */
};

static struct blk *blk_of(struct virtio *vio)
{
	return container_of(vio, struct blk, vio);
}

/* The one last given back is the next to be used: its memory is there. */
static void put_req(struct blk_req *req)
{
	struct blk *blk = req->blk;

	blk->idle[blk->idles++] = (uint16_t)(req - blk->req);
}

/* Gives a chain back, with @len bytes of data before the status. */
static void blk_answer_request(struct blk_req *req, int status, uint64_t len)
{
	struct blk *blk = req->blk;
	const uint8_t byte = (uint8_t)status;

	(void)chain_write(&req->chain, chain_room(&req->chain) - 1, &byte, 1);
	virtio_push(&blk->vio, 0, &req->chain, (uint32_t)len + 1);
	put_req(req);
}

/* The driver has asked for what it may not. */
static void blk_refuse_request(struct blk_req *req, int status, const char *why)
{
	log_guest(&req->blk->vio.guest_errors, "virtio-blk: %s", why);
	blk_answer_request(req, status, 0);
}

/* Tells the chain which of its bytes the host has accessed. The last system
 * call of a request that failed may have moved some bytes, too. */
static void count_access(const struct blk_req *req, int res)
{
	const struct disk_req *io = &req->io;
	const uint64_t more = res < 0 ? SYSCALL_MOST : 0;
	const uint64_t left = io->len - io->moved;
	const size_t len = (size_t)(io->moved + (more < left ? more : left));

	if (io->kind == DISK_READ)
		chain_wrote(&req->chain, 0, len);
	else if (io->kind == DISK_WRITE)
		chain_was_read(&req->chain, sizeof(struct header), len);
}

/* Lets go of a request that a reset has dropped. */
static void forget_request(struct blk_req *req)
{
	struct blk *blk = req->blk;

	put_req(req);
	if (--blk->dropped == 0)
		device_settle(&blk->vio.transport->dev);
}

static void blk_io_done(struct disk_req *io, int res)
{
	struct blk_req *req = container_of(io, struct blk_req, io);
	struct blk *blk = req->blk;

	if (res == -EFAULT)
		iov_touch(io->iov, io->iovs, SYSCALL_MOST);
	count_access(req, res);
	if (req->resets != blk->resets) {
		forget_request(req);
		return;
	}
	blk_answer_request(req, res < 0 ? VIRTIO_BLK_S_IOERR : VIRTIO_BLK_S_OK,
			   io->kind == DISK_READ ? io->moved : 0);
	virtio_flush(&blk->vio, 0);
	if (blk->starved) {
		blk->starved = false;
		virtio_kick(&blk->vio, 0);
	}
}

/*
 * Without a volatile cache, or a driver that can flush it, what was written has
 * to last. Source: section 5.2.5.2, 5.2.6.2.
 */
static bool write_through(const struct blk *blk)
{
	if (virtio_has(&blk->vio, VIRTIO_BLK_F_CONFIG_WCE))
		return !blk->config.wce;
	return !virtio_has(&blk->vio, VIRTIO_BLK_F_FLUSH);
}

/* Hands a request to the disk. Its kind and buffers are set. */
static void blk_start_request(struct blk_req *req, uint64_t sector,
			      uint64_t len)
{
	struct blk *blk = req->blk;
	const uint64_t sectors = blk->disk->size / SECTOR_SIZE;

	/* By division, as the product may not fit. */
	if (len % blk->disk->block != 0 || sector > sectors ||
	    len / SECTOR_SIZE > sectors - sector ||
	    sector * SECTOR_SIZE % blk->disk->block != 0) {
		blk_refuse_request(req, VIRTIO_BLK_S_IOERR,
				   "outside of the disk");
		return;
	}
	if (len == 0 && req->io.kind != DISK_FLUSH) {
		blk_answer_request(req, VIRTIO_BLK_S_OK, 0);
		return;
	}
	req->io.offset = sector * SECTOR_SIZE;
	req->io.len = len;
	req->io.fua = write_through(blk);
	req->io.done = blk_io_done;
	if (blk->disk->ops->start(blk->disk, &req->io) < 0)
		blk_answer_request(req, VIRTIO_BLK_S_IOERR, 0);
}

/* Hands the buffers to the disk: @len bytes from @offset on of @iov. The disk
 * narrows a copy, as the chain is needed when all is done. */
static void set_buffers(struct blk_req *req, const struct iovec *iov,
			size_t count, size_t offset, size_t len)
{
	req->io.iov = memcpy(req->left, iov, count * sizeof(*iov));
	req->io.iovs = count;
	iov_narrow(req->io.iov, &req->io.iovs, offset, len);
}

static void start_read(struct blk_req *req, uint64_t sector)
{
	const struct virtq_chain *chain = &req->chain;
	const size_t len = chain_room(chain) - 1; /* all but the status */

	req->io.kind = DISK_READ;
	set_buffers(req, chain->iov + chain->readable,
		    chain->count - chain->readable, 0, len);
	blk_start_request(req, sector, len);
}

static void start_write(struct blk_req *req, uint64_t sector)
{
	const struct virtq_chain *chain = &req->chain;
	const size_t len = chain_data(chain) - sizeof(struct header);

	req->io.kind = DISK_WRITE;
	set_buffers(req, chain->iov, chain->readable, sizeof(struct header),
		    len);
	blk_start_request(req, sector, len);
}

static void start_flush(struct blk_req *req)
{
	req->io.kind = DISK_FLUSH;
	blk_start_request(req, 0, 0);
}

static void start_range(struct blk_req *req, uint32_t type)
{
	const struct virtq_chain *chain = &req->chain;
	uint8_t raw[sizeof(struct segment)];
	uint32_t sectors, flags, known = 0;

	/* One segment, as the configuration says. */
	if (chain_data(chain) != sizeof(struct header) + sizeof(raw)) {
		blk_refuse_request(req, VIRTIO_BLK_S_IOERR, "not one segment");
		return;
	}
	(void)chain_read(chain, sizeof(struct header), raw, sizeof(raw));
	sectors = load_le32(raw + offsetof(struct segment, sectors));
	flags = load_le32(raw + offsetof(struct segment, flags));
	if (type == VIRTIO_BLK_T_WRITE_ZEROES)
		known = VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
	if (flags & ~known) {
		blk_refuse_request(req, VIRTIO_BLK_S_UNSUPP, "unknown flag");
		return;
	}
	if (sectors > RANGE_SECTORS_MAX) {
		blk_refuse_request(req, VIRTIO_BLK_S_IOERR,
				   "segment too large");
		return;
	}
	req->io.kind = type == VIRTIO_BLK_T_DISCARD ? DISK_DISCARD : DISK_ZERO;
	req->io.unmap = flags & VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP;
	blk_start_request(req, load_le64(raw), (uint64_t)sectors * SECTOR_SIZE);
}

static void get_id(struct blk_req *req)
{
	const struct virtq_chain *chain = &req->chain;
	const size_t room = chain_room(chain) - 1; /* all but the status */
	const size_t len = room < VIRTIO_BLK_ID_BYTES ? room
						      : VIRTIO_BLK_ID_BYTES;

	(void)chain_write(chain, 0, req->blk->serial, len);
	blk_answer_request(req, VIRTIO_BLK_S_OK, len);
}

static void blk_dispatch_request(struct blk_req *req, uint32_t type,
				 uint64_t sector)
{
	const bool ro = req->blk->disk->ro;

	switch (type) {
	case VIRTIO_BLK_T_IN:
		start_read(req, sector);
		return;
	case VIRTIO_BLK_T_FLUSH:
		start_flush(req);
		return;
	case VIRTIO_BLK_T_GET_ID:
		get_id(req);
		return;
	case VIRTIO_BLK_T_OUT:
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES:
		if (ro)
			blk_refuse_request(req, VIRTIO_BLK_S_IOERR,
					   "disk is read-only");
		else if (type == VIRTIO_BLK_T_OUT)
			start_write(req, sector);
		else
			start_range(req, type);
		return;
	default:
		blk_refuse_request(req, VIRTIO_BLK_S_UNSUPP, "unknown request");
	}
}

static void blk_handle_request(struct blk_req *req)
{
	const struct virtq_chain *chain = &req->chain;
	uint8_t raw[sizeof(struct header)];

	if (chain->count == chain->readable) {
		/* There is no place to tell it what is wrong. */
		log_guest(&req->blk->vio.guest_errors,
			  "virtio-blk: request without a status");
		virtio_push(&req->blk->vio, 0, chain, 0);
		put_req(req);
		return;
	}
	if (chain_read(chain, 0, raw, sizeof(raw)) < sizeof(raw)) {
		blk_refuse_request(req, VIRTIO_BLK_S_IOERR, "header too short");
		return;
	}
	blk_dispatch_request(req,
			     load_le32(raw + offsetof(struct header, type)),
			     load_le64(raw + offsetof(struct header, sector)));
}

static void blk_notify(struct virtio *vio, unsigned queue)
{
	struct blk *blk = blk_of(vio);

	while (blk->idles > 0) {
		struct blk_req *req = &blk->req[blk->idle[blk->idles - 1]];

		if (!virtio_pop(vio, queue, &req->chain))
			break;
		blk->idles--;
		req->blk = blk;
		req->resets = blk->resets;
		blk_handle_request(req);
	}
	blk->disk->ops->kick(blk->disk);
	blk->starved = blk->idles == 0;
}

static void blk_quiesce(struct virtio *vio, unsigned queue)
{
	struct blk *blk = blk_of(vio);

	(void)queue;
	blk->starved = false;
	blk->dropped = VIRTQ_MAX_SIZE - blk->idles;
	if (blk->dropped == 0)
		return;
	blk->resets++;
	blk->disk->ops->cancel(blk->disk);
	device_set_busy(&vio->transport->dev);
}

static bool blk_settle(struct virtio *vio)
{
	struct blk *blk = blk_of(vio);

	return blk->dropped == 0 || blk->disk->ops->drain(blk->disk);
}

static void blk_pause(struct virtio *vio)
{
	struct blk *blk = blk_of(vio);

	vio->transport->dev.stalled = !blk->disk->ops->drain(blk->disk);
}

static void blk_config_write(struct virtio *vio, size_t offset, const void *buf,
			     size_t len)
{
	struct blk *blk = blk_of(vio);

	if (offset == offsetof(struct virtio_blk_config, wce) && len == 1)
		blk->config.wce = *(const uint8_t *)buf != 0;
}

static void blk_reset(struct virtio *vio)
{
	blk_of(vio)->config.wce = 1;
}

static void blk_destroy(struct virtio *vio)
{
	struct blk *blk = blk_of(vio);

	/* The disk's lock is in here. */
	if (!blk->disk->ops->close(blk->disk))
		return;
	virtio_finish(vio);
	free(blk->req);
	free(blk);
}

/* A pause ends all requests; the rest follows from the disk. */
static const struct state_field blk_fields[] = {
	STATE_FIELD(VIRTIO_STATE_DEVICE + 1, struct blk, config.wce, 1),
};

static void blk_save(struct virtio *vio, struct state *state)
{
	state_put_fields(state, blk_of(vio), blk_fields,
			 STATE_COUNT(blk_fields));
}

static int blk_load(struct virtio *vio, struct state_records *from,
		    struct err *err)
{
	return state_get_fields(from, blk_of(vio), blk_fields,
				STATE_COUNT(blk_fields), err);
}

static const struct virtio_ops blk_ops = {
	.name = "virtio-blk",
	.id = VIRTIO_ID_BLOCK,
	VIRTIO_OPS(blk),
	.quiesce = blk_quiesce,
	.settle = blk_settle,
	.pause = blk_pause,
	.config_write = blk_config_write,
	.reset = blk_reset,
};

/* Little-endian, as the driver sees it. Source: section 5.2.4. */
static void blk_describe_config(struct blk *blk)
{
	struct virtio_blk_config *config = &blk->config;
	const uint32_t block = blk->disk->block;
	uint64_t features = 1ULL << VIRTIO_BLK_F_SEG_MAX |
			    1ULL << VIRTIO_BLK_F_BLK_SIZE |
			    1ULL << VIRTIO_BLK_F_FLUSH |
			    1ULL << VIRTIO_BLK_F_CONFIG_WCE;

	config->capacity = htole64(blk->disk->size / SECTOR_SIZE);
	config->seg_max = htole32(SEG_MAX);
	config->blk_size = htole32(block);
	config->wce = 1;
	config->max_discard_sectors = htole32(RANGE_SECTORS_MAX);
	config->max_discard_seg = htole32(1);
	config->discard_sector_alignment = htole32(block / SECTOR_SIZE);
	config->max_write_zeroes_sectors = htole32(RANGE_SECTORS_MAX);
	config->max_write_zeroes_seg = htole32(1);
	config->write_zeroes_may_unmap = 1;
	if (blk->disk->ro)
		features |= 1ULL << VIRTIO_BLK_F_RO;
	else
		features |= 1ULL << VIRTIO_BLK_F_DISCARD |
			    1ULL << VIRTIO_BLK_F_WRITE_ZEROES;
	blk->vio.offered |= features;
	blk->vio.config = config;
	blk->vio.config_len = sizeof(*config);
}

struct disk *virtio_blk_disk(struct virtio *vio)
{
	return blk_of(vio)->disk;
}

void virtio_blk_query(struct virtio *vio, struct virtio_blk_info *ret)
{
	const struct blk *blk = blk_of(vio);

	GUARD(&vio->lock);
	*ret = (struct virtio_blk_info){
		.size = blk->disk->size,
		.block = blk->disk->block,
		.ro = blk->disk->ro,
		.write_back = !write_through(blk),
		.fd = blk->disk->fd,
	};
}

int virtio_blk_stamp(struct virtio *vio, struct disk_stamp *ret,
		     struct err *err)
{
	struct disk *disk = blk_of(vio)->disk;

	return disk->ops->stamp(disk, ret, err);
}

int virtio_blk_resize(struct virtio *vio, uint64_t size, struct err *err)
{
	struct blk *blk = blk_of(vio);
	const uint64_t was = blk->disk->size;
	/* It may wait for the host, so no lock is held. */
	const int r = blk->disk->ops->resize(blk->disk, size, err);

	if (r < 0 || blk->disk->size == was)
		return r;
	GUARD(&vio->lock);
	blk->config.capacity = htole64(blk->disk->size / SECTOR_SIZE);
	virtio_config_changed(vio);
	return 0;
}

static int blk_allocate(struct blk **ret, struct disk *disk)
{
	_cleanup_(freep) struct blk *blk = calloc(1, sizeof(*blk));

	if (!blk)
		return -ENOMEM;
	/* Zeroed pages that are not touched cost nothing. */
	blk->req = calloc(VIRTQ_MAX_SIZE, sizeof(*blk->req));
	if (!blk->req)
		return -ENOMEM;
	while (blk->idles < VIRTQ_MAX_SIZE) {
		blk->idle[blk->idles] = (uint16_t)(VIRTQ_MAX_SIZE - 1 -
						   blk->idles);
		blk->idles++;
	}
	blk->disk = disk;
	*ret = TAKE_PTR(blk);
	return 0;
}

int virtio_blk_new(struct virtio **ret, const struct mem_map *mem,
		   struct loop *loop, struct disk *disk, const char *serial,
		   struct err *err)
{
	struct blk *blk;
	int r;

	if (blk_allocate(&blk, disk) < 0) {
		(void)disk->ops->close(disk);
		return err_set(err, -ENOMEM, "virtio-blk: out of memory");
	}
	r = virtio_init(&blk->vio, &blk_ops, mem, loop, 1, err);
	if (r < 0) {
		blk_destroy(&blk->vio);
		return r;
	}
	disk->ops->attach(disk, &blk->vio.lock);
	if (serial)
		memcpy(blk->serial, serial,
		       strnlen(serial, VIRTIO_BLK_ID_BYTES));
	blk_describe_config(blk);
	*ret = &blk->vio;
	return 0;
}
