/* devices/virtio/fs.c - virtio file system device: a folder of the host. */
#include "devices/virtio/fs.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_fs.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "mem/iov.h"

#define QUEUES 2 /* hiprio, and one for requests */

_Static_assert(sizeof(((struct virtio_fs_config *)0)->tag) == VIRTIO_FS_TAG_MAX,
	       "length of a tag");

struct virtio_fs;

struct fs_req {
	struct aio_req io;
	struct virtio_fs *dev;
	struct virtq_chain chain;
	unsigned queue;
	uint32_t resets; /* of its queue, when it was taken from there */
	struct fs_message msg; /* the thread's, while it works */
};

struct virtio_fs {
	struct virtio vio;
	struct virtio_fs_config config;
	struct fs *fs; /* owned */
	struct aio_client client;
	uint16_t idle[VIRTIO_FS_REQUESTS]; /* a stack of indices into @req */
	unsigned idles;
	unsigned
		busy[QUEUES]; /* requests at work, not counting those dropped */
	uint32_t resets[QUEUES]; /* atomic: quiesce() with requests at work */
	unsigned dropped; /* requests at work from before a reset */
	bool starved[QUEUES]; /* chains wait for an idle request */
	struct fs_req *req; /* owned; VIRTIO_FS_REQUESTS of them */

	struct aio_req sweep; /* closes what a guest that is gone had */
	bool sweeping; /* @sweep is at work */
	bool sweep_again;
	struct loop_timer later; /* starts @sweep */
	bool timed; /* the loop has @later */
};

static struct virtio_fs *fs_of(struct virtio *vio)
{
	return container_of(vio, struct virtio_fs, vio);
}

static void put_fs_request(struct fs_req *req)
{
	struct virtio_fs *dev = req->dev;

	dev->idle[dev->idles++] = (uint16_t)(req - dev->req);
}

/* True if the queue was reset since the request was taken from it. Thread: any.
 */
static bool is_dropped(const struct fs_req *req)
{
	return req->resets !=
	       __atomic_load_n(&req->dev->resets[req->queue], __ATOMIC_RELAXED);
}

/* Thread: one of the aio's. */
static int run_fs_request(struct aio_req *io)
{
	struct fs_req *req = container_of(io, struct fs_req, io);

	if (is_dropped(req))
		return -ECANCELED;
	fs_serve(req->dev->fs, &req->msg);
	return 0;
}

/* Has the queues looked at again that waited for a request. */
static void feed_starved(struct virtio_fs *dev)
{
	for (unsigned i = 0; i < QUEUES; i++) {
		if (!dev->starved[i])
			continue;
		dev->starved[i] = false;
		virtio_kick(&dev->vio, i);
	}
}

/* Tells the chain which of its bytes were accessed. */
static void count_fs_access(const struct fs_req *req)
{
	const struct fs_message *msg = &req->msg;

	/* The memory is a file's, which is gone: that ends the run. */
	if (msg->fault) {
		iov_touch(msg->in, msg->ins, msg->read);
		iov_touch(msg->out, msg->outs, msg->touched);
	}
	chain_was_read(&req->chain, 0, msg->read);
	chain_wrote(&req->chain, 0, msg->touched);
}

static void fs_request_done(struct aio_req *io, int res)
{
	struct fs_req *req = container_of(io, struct fs_req, io);
	struct virtio_fs *dev = req->dev;
	const unsigned queue = req->queue;

	if (res == 0)
		count_fs_access(req);
	if (is_dropped(req)) {
		put_fs_request(req);
		if (--dev->dropped == 0)
			device_settle(&dev->vio.transport->dev);
		return;
	}
	dev->busy[queue]--;
	virtio_push(&dev->vio, queue, &req->chain, (uint32_t)req->msg.written);
	put_fs_request(req);
	virtio_flush(&dev->vio, queue);
	feed_starved(dev);
}

static void start_fs_request(struct fs_req *req)
{
	const struct virtq_chain *chain = &req->chain;

	req->msg = (struct fs_message){
		.in = chain->iov,
		.ins = chain->readable,
		.out = chain->iov + chain->readable,
		.outs = chain->count - chain->readable,
	};
	req->io.kind = AIO_CALL;
	req->io.call = run_fs_request;
	req->io.done = fs_request_done;
	aio_start(&req->dev->client, &req->io);
}

static void fs_notify(struct virtio *vio, unsigned queue)
{
	struct virtio_fs *dev = fs_of(vio);

	while (dev->idles > 0) {
		struct fs_req *req = &dev->req[dev->idle[dev->idles - 1]];

		if (!virtio_pop(vio, queue, &req->chain))
			break;
		dev->idles--;
		req->dev = dev;
		req->queue = queue;
		req->resets = dev->resets[queue];
		dev->busy[queue]++;
		start_fs_request(req);
	}
	dev->starved[queue] = dev->idles == 0;
	aio_flush(dev->client.aio);
}

/* A request of the queue that has not begun by now ends at once. */
static void fs_quiesce(struct virtio *vio, unsigned queue)
{
	struct virtio_fs *dev = fs_of(vio);

	dev->starved[queue] = false;
	if (dev->busy[queue] == 0)
		return;
	dev->dropped += dev->busy[queue];
	dev->busy[queue] = 0;
	(void)__atomic_add_fetch(&dev->resets[queue], 1, __ATOMIC_RELAXED);
	device_set_busy(&vio->transport->dev);
}

static bool fs_settle(struct virtio *vio)
{
	struct virtio_fs *dev = fs_of(vio);

	return (dev->dropped == 0 && !dev->sweeping) || aio_drain(&dev->client);
}

static void fs_pause(struct virtio *vio)
{
	vio->transport->dev.stalled = !aio_drain(&fs_of(vio)->client);
}

static int run_fs_sweep(struct aio_req *io)
{
	fs_sweep(container_of(io, struct virtio_fs, sweep)->fs);
	return 0;
}

static void fs_sweep_done(struct aio_req *io, int res)
{
	struct virtio_fs *dev = container_of(io, struct virtio_fs, sweep);

	(void)res;
	dev->sweeping = false;
	if (dev->sweep_again)
		loop_timer_set(&dev->later, 0);
}

/* A vCPU resets the device, and the loop alone starts requests. */
static void start_fs_sweep(struct loop_timer *timer)
{
	struct virtio_fs *dev = container_of(timer, struct virtio_fs, later);

	dev->sweep_again = dev->sweeping;
	if (dev->sweeping)
		return;
	dev->sweeping = true;
	dev->sweep.kind = AIO_CALL;
	dev->sweep.call = run_fs_sweep;
	dev->sweep.done = fs_sweep_done;
	aio_start(&dev->client, &dev->sweep);
	aio_flush(dev->client.aio);
}

/* Both queues are quiet, and a new driver begins with INIT. */
static void fs_reset(struct virtio *vio)
{
	struct virtio_fs *dev = fs_of(vio);

	fs_disconnect(dev->fs);
	loop_timer_set(&dev->later, 0);
}

static void fs_destroy(struct virtio *vio)
{
	struct virtio_fs *dev = fs_of(vio);

	if (dev->timed)
		loop_timer_remove(vio->loop, &dev->later);
	virtio_finish(vio);
	dev->fs = fs_close(dev->fs);
	free(dev->req);
	free(dev);
}

static void fs_save(struct virtio *vio, struct state *state)
{
	fs_save_state(fs_of(vio)->fs, state, VIRTIO_STATE_DEVICE);
}

static int fs_load(struct virtio *vio, struct state_records *from,
		   struct err *err)
{
	return fs_load_state(fs_of(vio)->fs, from, VIRTIO_STATE_DEVICE, err);
}

static const struct virtio_ops fs_ops = {
	.name = "virtio-fs",
	.id = VIRTIO_ID_FS,
	VIRTIO_OPS(fs),
	.quiesce = fs_quiesce,
	.settle = fs_settle,
	.pause = fs_pause,
	.reset = fs_reset,
};

/* Little-endian, as the driver sees it. Source: section 5.11.4. */
static void describe_fs_config(struct virtio_fs *dev, const char *tag)
{
	struct virtio_fs_config *config = &dev->config;

	memcpy(config->tag, tag, strnlen(tag, VIRTIO_FS_TAG_MAX));
	config->num_request_queues = htole32(QUEUES - 1);
	dev->vio.config = config;
	dev->vio.config_len = sizeof(*config);
}

static int allocate_fs_device(struct virtio_fs **ret,
			      const struct virtio_fs_options *opt)
{
	_cleanup_(freep) struct virtio_fs *dev = calloc(1, sizeof(*dev));

	if (!dev)
		return -ENOMEM;
	/* Zeroed pages that are not touched cost nothing. */
	dev->req = calloc(VIRTIO_FS_REQUESTS, sizeof(*dev->req));
	if (!dev->req)
		return -ENOMEM;
	for (; dev->idles < VIRTIO_FS_REQUESTS; dev->idles++)
		dev->idle[dev->idles] = (uint16_t)(VIRTIO_FS_REQUESTS - 1 -
						   dev->idles);
	dev->fs = opt->fs;
	dev->client.aio = opt->aio;
	dev->client.lock = &dev->vio.lock;
	dev->later.lock = &dev->vio.lock;
	dev->later.expired = start_fs_sweep;
	*ret = TAKE_PTR(dev);
	return 0;
}

int virtio_fs_new(struct virtio **ret, const struct mem_map *mem,
		  struct loop *loop, const struct virtio_fs_options *opt,
		  struct err *err)
{
	struct virtio_fs *dev;
	int r;

	if (allocate_fs_device(&dev, opt) < 0) {
		(void)fs_close(opt->fs);
		return err_set(err, -ENOMEM, "virtio-fs: out of memory");
	}
	r = virtio_init(&dev->vio, &fs_ops, mem, loop, QUEUES, err);
	if (r == 0)
		r = loop_timer_add(loop, &dev->later, err);
	dev->timed = r == 0;
	if (r < 0) {
		fs_destroy(&dev->vio);
		return r;
	}
	describe_fs_config(dev, opt->tag);
	*ret = &dev->vio;
	return 0;
}
