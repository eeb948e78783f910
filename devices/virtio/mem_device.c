/* devices/virtio/mem_device.c - virtio memory device. */
#include "devices/virtio/mem_device.h"

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mem.h>
#include <stdlib.h>
#include <string.h>

#include "base/align.h"
#include "base/clock.h"
#include "base/size.h"

/* Guests plug memory in sections of their own, of at most so much. */
#define USABLE_STEP ((uint64_t)1 << 30)

/*
 * Limit of plugging and unplugging in one turn of the loop: memory to populate
 * or give back, and one hypervisor call for each block.
 */
#define STEP_BYTES ((uint64_t)64 << 20)
#define STEP_BLOCKS 64

/* When the host is asked again for what it could not do; in ns. */
#define AGAIN (100 * NS_PER_MS)

#define REQUEST_SIZE 24 /* of all requests. Source: section 5.15.6 */
_Static_assert(sizeof(struct virtio_mem_req) == REQUEST_SIZE, "request");
_Static_assert(sizeof(struct virtio_mem_resp) == 10, "response");

static void tell_mem_change(struct throttle *change)
{
	struct vmem *v = container_of(change, struct vmem, change);

	if (v->listener.changed)
		v->listener.changed(v->listener.ctx, &v->vio,
				    blocks_bytes(v->blocks));
}

/* The driver is not interrupted for what it did itself. */
static void plugged_changed(struct vmem *v)
{
	const uint64_t plugged = htole64(blocks_bytes(v->blocks));

	if (v->config.plugged_size == plugged)
		return;
	v->config.plugged_size = plugged;
	v->vio.generation++;
	if (v->listener.changed)
		throttle_post(&v->change);
}

/* The usable part of the region for what is asked for. */
static uint64_t usable_for(const struct vmem *v, uint64_t requested)
{
	const uint64_t step = v->blocks->size > USABLE_STEP ? v->blocks->size
							    : USABLE_STEP;
	uint64_t usable;

	if (!align_up(requested, step, &usable) || usable > v->blocks->gpa.size)
		usable = v->blocks->gpa.size;
	return usable;
}

static void shrink_usable(struct vmem *v)
{
	v->config.usable_region_size = htole64(
		usable_for(v, le64toh(v->config.requested_size)));
	v->vio.generation++;
}

static void respond_mem_request(struct vmem *v, const struct virtq_chain *chain,
				uint16_t type, uint16_t state)
{
	const struct virtio_mem_resp resp = { .type = htole16(type),
					      .u.state.state = htole16(state) };

	(void)chain_write(chain, 0, &resp, sizeof(resp));
	virtio_push(&v->vio, 0, chain, sizeof(resp));
}

static void end_work(struct vmem *v, uint16_t type)
{
	v->work.taken = false;
	respond_mem_request(v, &v->work.chain, type, 0);
}

/* The host's fault, and not the guest's. */
static void host_fails(struct vmem *v, const struct err *err)
{
	if (!v->warned)
		log_warn("virtio-mem: a request of the guest has to wait: %s",
			 err->msg);
	v->warned = true;
}

/* How many of @left blocks are a step's. */
static uint64_t step_blocks(const struct vmem *v, uint64_t left)
{
	uint64_t most = STEP_BYTES / v->blocks->size;

	if (most > STEP_BLOCKS)
		most = STEP_BLOCKS;
	if (most < 1)
		most = 1;
	return left < most ? left : most;
}

/* Whether @count more blocks are no more than what the guest is to have. */
static bool has_room(const struct vmem *v, uint64_t count)
{
	const uint64_t requested = le64toh(v->config.requested_size);
	const uint64_t plugged = blocks_bytes(v->blocks);

	return plugged <= requested &&
	       count <= (requested - plugged) / v->blocks->size;
}

/* A PLUG ends as if it had not begun. */
static void undo_plug(struct vmem *v, uint16_t answer)
{
	struct work *w = &v->work;

	if (w->done == 0) {
		end_work(v, answer);
		return;
	}
	w->type = VIRTIO_MEM_REQ_UNPLUG;
	w->answer = answer;
	w->count = w->done;
	w->done = 0;
}

static void step_plug(struct vmem *v)
{
	struct work *w = &v->work;
	const uint64_t left = w->count - w->done;
	const uint64_t n = step_blocks(v, left);
	struct err err = { 0 };
	uint64_t done;

	/* The host may have changed its mind since the last step. */
	if (!has_room(v, left)) {
		undo_plug(v, VIRTIO_MEM_RESP_NACK);
		return;
	}
	done = mem_plug(v->mem, v->blocks, w->first + w->done, n, &err);
	w->done += done;
	plugged_changed(v);
	if (done < n) {
		host_fails(v, &err);
		undo_plug(v, VIRTIO_MEM_RESP_BUSY);
	} else if (w->done == w->count) {
		end_work(v, VIRTIO_MEM_RESP_ACK);
	}
}

/*
 * Unplugged blocks have lost their content, and plugging them again takes
 * memory: so there is no way back. Returns false if it has to wait.
 */
static bool step_unplug(struct vmem *v)
{
	struct work *w = &v->work;
	const uint64_t n = step_blocks(v, w->count - w->done);
	struct err err = { 0 };
	const uint64_t done = blocks_unplug(v->blocks, w->first + w->done, n,
					    &err);

	w->done += done;
	plugged_changed(v);
	if (done < n)
		host_fails(v, &err);
	if (w->done == w->count)
		end_work(v, w->answer);
	else if (w->done == 0 && w->answer == VIRTIO_MEM_RESP_ACK)
		end_work(v, VIRTIO_MEM_RESP_BUSY);
	return done == n || !w->taken;
}

/* The next blocks at or behind @*first that are plugged. Returns how many. */
static uint64_t next_plugged(const struct vmem *v, uint64_t *first)
{
	const struct mem_blocks *b = v->blocks;

	while (*first < b->count) {
		const uint64_t offset = *first * b->size;
		bool plugged;
		const uint64_t run = blocks_run(b, offset, b->gpa.size - offset,
						&plugged) /
				     b->size;

		if (plugged)
			return run;
		*first += run;
	}
	return 0;
}

static void step_unplug_all(struct vmem *v)
{
	struct work *w = &v->work;
	const uint64_t n = step_blocks(v, next_plugged(v, &w->done));
	struct err err = { 0 };

	if (n == 0) {
		shrink_usable(v);
		end_work(v, VIRTIO_MEM_RESP_ACK);
		return;
	}
	if (blocks_unplug(v->blocks, w->done, n, &err) < n) {
		host_fails(v, &err);
		end_work(v, VIRTIO_MEM_RESP_BUSY);
	}
	plugged_changed(v);
}

/* Returns false if the work has to wait until the host has more memory. */
static bool step_mem_work(struct vmem *v)
{
	if (v->work.type == VIRTIO_MEM_REQ_UNPLUG)
		return step_unplug(v);
	if (v->work.type == VIRTIO_MEM_REQ_PLUG)
		step_plug(v);
	else
		step_unplug_all(v);
	return true;
}

static void try_again(struct loop_timer *timer)
{
	struct vmem *v = container_of(timer, struct vmem, again);

	virtio_kick(&v->vio, 0);
}

/* Sets the blocks a request is about. Returns false if they are none. */
static bool find_blocks(struct vmem *v, uint64_t addr, uint16_t count)
{
	const struct mem_blocks *b = v->blocks;
	const uint64_t usable = le64toh(v->config.usable_region_size);
	const uint64_t offset = addr - b->gpa.start;

	if (addr < b->gpa.start || !is_aligned(addr, b->size) || count == 0 ||
	    offset >= usable || count > (usable - offset) / b->size)
		return false;
	v->work.first = offset / b->size;
	v->work.count = count;
	return true;
}

static uint16_t state_of(const struct vmem *v)
{
	const uint64_t n = blocks_plugged(v->blocks, v->work.first,
					  v->work.count);

	if (n == 0)
		return VIRTIO_MEM_STATE_UNPLUGGED;
	return n == v->work.count ? VIRTIO_MEM_STATE_PLUGGED
				  : VIRTIO_MEM_STATE_MIXED;
}

/* What is answered at once; VIRTIO_MEM_RESP_ACK: nothing stands against it. */
static uint16_t judge_mem_request(struct vmem *v,
				  const struct virtio_mem_req *req)
{
	switch (v->work.type) {
	case VIRTIO_MEM_REQ_UNPLUG_ALL:
		return VIRTIO_MEM_RESP_ACK;
	case VIRTIO_MEM_REQ_PLUG:
	case VIRTIO_MEM_REQ_UNPLUG:
	case VIRTIO_MEM_REQ_STATE:
		break;
	default:
		return VIRTIO_MEM_RESP_ERROR;
	}
	/* All three have the same form. */
	if (!find_blocks(v, le64toh(req->u.plug.addr),
			 le16toh(req->u.plug.nb_blocks)))
		return VIRTIO_MEM_RESP_ERROR;
	if (v->work.type == VIRTIO_MEM_REQ_UNPLUG)
		return state_of(v) == VIRTIO_MEM_STATE_PLUGGED
			     ? VIRTIO_MEM_RESP_ACK
			     : VIRTIO_MEM_RESP_ERROR;
	if (v->work.type == VIRTIO_MEM_REQ_STATE)
		return VIRTIO_MEM_RESP_ACK;
	if (!has_room(v, v->work.count))
		return VIRTIO_MEM_RESP_NACK;
	return state_of(v) == VIRTIO_MEM_STATE_UNPLUGGED
		     ? VIRTIO_MEM_RESP_ACK
		     : VIRTIO_MEM_RESP_ERROR;
}

/* Begins what work.chain asks. Returns false if the driver broke a rule. */
static bool begin_mem_work(struct vmem *v)
{
	const struct virtq_chain *chain = &v->work.chain;
	struct virtio_mem_req req;
	uint16_t answer;

	if (chain_read(chain, 0, &req, sizeof(req)) < sizeof(req)) {
		virtio_break(&v->vio, "request is too short");
		return false;
	}
	if (chain_room(chain) < sizeof(struct virtio_mem_resp)) {
		virtio_break(&v->vio, "no room for a response");
		return false;
	}
	v->work.type = le16toh(req.type);
	v->work.done = 0;
	v->work.answer = VIRTIO_MEM_RESP_ACK;
	answer = judge_mem_request(v, &req);
	if (answer == VIRTIO_MEM_RESP_ACK &&
	    v->work.type != VIRTIO_MEM_REQ_STATE) {
		v->work.taken = true;
		return true;
	}
	if (answer == VIRTIO_MEM_RESP_ERROR)
		log_guest(&v->vio.guest_errors,
			  "virtio-mem: request %u of %u blocks at 0x%" PRIx64
			  " is invalid",
			  v->work.type, le16toh(req.u.plug.nb_blocks),
			  le64toh(req.u.plug.addr));
	respond_mem_request(v, chain, answer,
			    answer == VIRTIO_MEM_RESP_ACK ? state_of(v) : 0);
	return true;
}

/* Takes the chain of a request that was saved half done. */
static void take_saved(struct vmem *v)
{
	struct work *w = &v->work;

	if (!w->saved || !virtio_pop(&v->vio, 0, &w->chain))
		return;
	w->saved = false;
	w->taken = chain_room(&w->chain) >= sizeof(struct virtio_mem_resp);
	if (!w->taken)
		virtio_break(&v->vio, "no room for a response");
}

static void vmem_notify(struct virtio *vio, unsigned queue)
{
	struct vmem *v = vmem_of(vio);

	take_saved(v);
	while (!v->work.taken && virtio_pop(vio, queue, &v->work.chain))
		if (!begin_mem_work(v))
			return;
	if (!v->work.taken)
		return;
	/* A step of work is a turn of its own. */
	if (step_mem_work(v))
		virtio_spend(vio, UINT64_MAX);
	else
		loop_timer_set(&v->again, AGAIN);
}

/* Blocks stay as they are: the next driver will find which are plugged. */
static void vmem_quiesce(struct virtio *vio, unsigned queue)
{
	(void)queue;
	vmem_of(vio)->work.taken = false;
	vmem_of(vio)->work.saved = false;
}

/* Work that waits for the host continues when the guest does. */
static void vmem_pause(struct virtio *vio)
{
	struct vmem *v = vmem_of(vio);

	while (v->work.taken && step_mem_work(v))
		;
	virtio_flush(vio, 0);
}

static void vmem_destroy(struct virtio *vio)
{
	struct vmem *v = vmem_of(vio);

	throttle_remove(vio->loop, &v->change);
	if (v->again.expired)
		loop_timer_remove(vio->loop, &v->again);
	virtio_finish(vio);
	free(v);
}

static const struct virtio_ops vmem_ops = {
	.name = "virtio-mem",
	.id = VIRTIO_ID_MEM,
	VIRTIO_OPS(vmem),
	.quiesce = vmem_quiesce,
	.kept = vmem_kept,
	.pause = vmem_pause,
};

int virtio_mem_resize(struct virtio *vio, uint64_t bytes, struct err *err)
{
	struct vmem *v = vmem_of(vio);
	const uint64_t most = v->blocks->gpa.size;
	char size[SIZE_TEXT], limit[SIZE_TEXT];
	uint64_t usable;
	GUARD(&vio->lock);

	if (bytes > most)
		return err_set(
			err, -ERANGE, "%s are more than the %s there can be",
			size_format(size, bytes), size_format(limit, most));
	if (!is_aligned(bytes, v->blocks->size))
		return err_set(err, -EINVAL,
			       "%s are not a multiple of the blocks of %s",
			       size_format(size, bytes),
			       size_format(limit, v->blocks->size));
	if (le64toh(v->config.requested_size) == bytes)
		return 0;
	v->config.requested_size = htole64(bytes);
	v->warned = false;
	usable = usable_for(v, bytes);
	if (usable > le64toh(v->config.usable_region_size))
		v->config.usable_region_size = htole64(usable);
	virtio_config_changed(vio);
	return 0;
}

void virtio_mem_query(struct virtio *vio, struct virtio_mem_info *ret)
{
	struct vmem *v = vmem_of(vio);
	GUARD(&vio->lock);

	*ret = (struct virtio_mem_info){
		.region = v->blocks->gpa,
		.block = v->blocks->size,
		.requested = le64toh(v->config.requested_size),
		.plugged = blocks_bytes(v->blocks),
		.driver = (vio->status & VIRTIO_DRIVER_OK) &&
			  !(vio->status & VIRTIO_NEEDS_RESET),
	};
}

void virtio_mem_restart(struct virtio *vio)
{
	struct vmem *v = vmem_of(vio);
	struct err err = { 0 };
	uint64_t first = 0, n;
	GUARD(&vio->lock);

	assert(!v->work.taken);
	while ((n = next_plugged(v, &first)) > 0 &&
	       blocks_unplug(v->blocks, first, n, &err) == n)
		;
	plugged_changed(v);
	shrink_usable(v);
}

void virtio_mem_listen(struct virtio *vio, struct virtio_mem_listener listener)
{
	GUARD(&vio->lock);
	vmem_of(vio)->listener = listener;
}

static int add_mem_timers(struct vmem *v, struct err *err)
{
	struct virtio *vio = &v->vio;
	int r = throttle_add(vio->loop, &v->change, &vio->lock, tell_mem_change,
			     err);

	if (r == 0) {
		v->again.lock = &vio->lock;
		r = loop_timer_add(vio->loop, &v->again, err);
	}
	if (r < 0)
		return err_wrap(err, "virtio-mem");
	v->again.expired = try_again;
	return 0;
}

int virtio_mem_new(struct virtio **ret, const struct mem_map *mem,
		   struct loop *loop, struct mem_blocks *blocks,
		   struct err *err)
{
	struct vmem *v = calloc(1, sizeof(*v));
	int r;

	if (!v)
		return err_set(err, -ENOMEM, "virtio-mem: out of memory");
	v->mem = mem;
	v->blocks = blocks;
	r = virtio_init(&v->vio, &vmem_ops, mem, loop, 1, err);
	if (r == 0)
		r = add_mem_timers(v, err);
	if (r < 0) {
		vmem_destroy(&v->vio);
		return r;
	}
	v->vio.required |= 1ULL << VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE;
	v->vio.offered |= 1ULL << VIRTIO_MEM_F_UNPLUGGED_INACCESSIBLE;
	v->config = (struct virtio_mem_config){
		.block_size = htole64(blocks->size),
		.addr = htole64(blocks->gpa.start),
		.region_size = htole64(blocks->gpa.size),
		.plugged_size = htole64(blocks_bytes(blocks)),
	};
	shrink_usable(v);
	v->vio.config = &v->config;
	v->vio.config_len = sizeof(v->config);
	*ret = &v->vio;
	return 0;
}
