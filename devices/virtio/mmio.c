/* devices/virtio/mmio.c - virtio over memory-mapped registers. */
#include "devices/virtio/mmio.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/state_field.h"

/* Source: section 4.2.2. */
enum {
	MAGIC_VALUE = 0x000,
	VERSION = 0x004,
	DEVICE_ID = 0x008,
	VENDOR_ID = 0x00c,
	DEVICE_FEATURES = 0x010,
	DEVICE_FEATURES_SEL = 0x014,
	DRIVER_FEATURES = 0x020,
	DRIVER_FEATURES_SEL = 0x024,
	QUEUE_SEL = 0x030,
	QUEUE_NUM_MAX = 0x034,
	QUEUE_NUM = 0x038,
	QUEUE_READY = 0x044,
	QUEUE_NOTIFY = 0x050,
	INTERRUPT_STATUS = 0x060,
	INTERRUPT_ACK = 0x064,
	STATUS = 0x070,
	QUEUE_DESC_LOW = 0x080,
	QUEUE_DESC_HIGH = 0x084,
	QUEUE_DRIVER_LOW = 0x090,
	QUEUE_DRIVER_HIGH = 0x094,
	QUEUE_DEVICE_LOW = 0x0a0,
	QUEUE_DEVICE_HIGH = 0x0a4,
	SHM_LEN_LOW = 0x0b0,
	SHM_LEN_HIGH = 0x0b4,
	SHM_BASE_LOW = 0x0b8,
	SHM_BASE_HIGH = 0x0bc,
	QUEUE_RESET = 0x0c0,
	CONFIG_GENERATION = 0x0fc,
	CONFIG = 0x100,
};

#define MAGIC 0x74726976 /* "virt" */
#define VENDOR 0x204d4d56 /* "VMM " */

/* Bits of INTERRUPT_STATUS. */
enum { INT_USED = 1, INT_CONFIG = 2 };

struct virtio_mmio {
	struct virtio_transport transport;
	struct virtio *vio; /* owned */
	struct irq_line irq;
	uint32_t device_features_sel;
	uint32_t driver_features_sel;
	uint32_t queue_sel;
	uint32_t interrupts; /* INT_* not acknowledged */
	struct doorbell doorbell[]; /* one for each queue */
};

static struct virtio_mmio *mmio_of_device(struct device *dev)
{
	return container_of(dev, struct virtio_mmio, transport.dev);
}

static struct virtio_mmio *mmio_of_virtio(struct virtio *vio)
{
	return container_of(vio->transport, struct virtio_mmio, transport);
}

static void raise_mmio_interrupt(struct virtio_mmio *mmio, uint32_t cause)
{
	mmio->interrupts |= cause;
	irq_set(&mmio->irq, true);
}

/* On an edge line nothing happens when it falls. */
static void acknowledge_mmio_interrupt(struct virtio_mmio *mmio, uint32_t cause)
{
	mmio->interrupts &= ~cause;
	if (mmio->interrupts == 0)
		irq_set(&mmio->irq, false);
}

static void mmio_used(struct virtio *vio, unsigned queue)
{
	(void)queue;
	raise_mmio_interrupt(mmio_of_virtio(vio), INT_USED);
}

static void mmio_config(struct virtio *vio)
{
	raise_mmio_interrupt(mmio_of_virtio(vio), INT_CONFIG);
}

static const struct virtio_transport_ops transport_ops = {
	.used = mmio_used,
	.config = mmio_config,
};

/* The ring of the selected queue; NULL: there is no such queue. */
static struct virtq *selected_queue(struct virtio_mmio *mmio)
{
	return mmio->queue_sel < mmio->vio->queues
		     ? &mmio->vio->queue[mmio->queue_sel].ring
		     : NULL;
}

static uint32_t device_features(const struct virtio_mmio *mmio)
{
	if (mmio->device_features_sel > 1)
		return 0;
	return (uint32_t)(mmio->vio->offered >> mmio->device_features_sel * 32);
}

static uint32_t read_register(struct virtio_mmio *mmio, uint64_t offset)
{
	const struct virtio *vio = mmio->vio;
	const struct virtq *ring = selected_queue(mmio);

	switch (offset) {
	case MAGIC_VALUE:
		return MAGIC;
	case VERSION:
		return 2;
	case DEVICE_ID:
		return vio->ops->id;
	case VENDOR_ID:
		return VENDOR;
	case DEVICE_FEATURES:
		return device_features(mmio);
	case QUEUE_NUM_MAX:
		return ring ? ring->max : 0;
	case QUEUE_READY:
		return ring && ring->enabled;
	case INTERRUPT_STATUS:
		return mmio->interrupts;
	case STATUS:
		return vio->status;
	case SHM_LEN_LOW:
	case SHM_LEN_HIGH:
	case SHM_BASE_LOW:
	case SHM_BASE_HIGH:
		return UINT32_MAX; /* no such region */
	case CONFIG_GENERATION:
		return vio->generation;
	default:
		return 0;
	}
}

static void mmio_set_low(struct virtio_mmio *mmio, enum virtio_area area,
			 uint32_t val)
{
	virtio_set_area(mmio->vio, mmio->queue_sel, area, val, UINT32_MAX);
}

static void mmio_set_high(struct virtio_mmio *mmio, enum virtio_area area,
			  uint32_t val)
{
	virtio_set_area(mmio->vio, mmio->queue_sel, area, (gpa_t)val << 32,
			~(gpa_t)UINT32_MAX);
}

/* There is such a queue. */
static void mmio_write_ring(struct virtio_mmio *mmio, uint64_t offset,
			    uint32_t val)
{
	switch (offset) {
	case QUEUE_NUM:
		virtio_set_size(mmio->vio, mmio->queue_sel, val);
		break;
	case QUEUE_DESC_LOW:
		mmio_set_low(mmio, VIRTIO_AREA_DESC, val);
		break;
	case QUEUE_DESC_HIGH:
		mmio_set_high(mmio, VIRTIO_AREA_DESC, val);
		break;
	case QUEUE_DRIVER_LOW:
		mmio_set_low(mmio, VIRTIO_AREA_DRIVER, val);
		break;
	case QUEUE_DRIVER_HIGH:
		mmio_set_high(mmio, VIRTIO_AREA_DRIVER, val);
		break;
	case QUEUE_DEVICE_LOW:
		mmio_set_low(mmio, VIRTIO_AREA_DEVICE, val);
		break;
	case QUEUE_DEVICE_HIGH:
		mmio_set_high(mmio, VIRTIO_AREA_DEVICE, val);
		break;
	}
}

static void write_queue(struct virtio_mmio *mmio, uint64_t offset, uint32_t val)
{
	if (!selected_queue(mmio))
		return;
	if (offset == QUEUE_READY && val == 1)
		virtio_enable_queue(mmio->vio, mmio->queue_sel);
	else if ((offset == QUEUE_READY && val == 0) ||
		 (offset == QUEUE_RESET && val == 1))
		virtio_disable_queue(mmio->vio, mmio->queue_sel);
	else
		mmio_write_ring(mmio, offset, val);
}

static void reset_mmio(struct virtio_mmio *mmio)
{
	virtio_reset(mmio->vio);
	mmio->device_features_sel = 0;
	mmio->driver_features_sel = 0;
	mmio->queue_sel = 0;
	acknowledge_mmio_interrupt(mmio, UINT32_MAX);
}

static void write_register(struct virtio_mmio *mmio, uint64_t offset,
			   uint32_t val)
{
	struct virtio *vio = mmio->vio;

	switch (offset) {
	case DEVICE_FEATURES_SEL:
		mmio->device_features_sel = val;
		break;
	case DRIVER_FEATURES:
		virtio_accept(vio, mmio->driver_features_sel, val);
		break;
	case DRIVER_FEATURES_SEL:
		mmio->driver_features_sel = val;
		break;
	case QUEUE_SEL:
		mmio->queue_sel = val;
		break;
	case QUEUE_NOTIFY:
		if (val < vio->queues)
			virtio_kick(vio, val);
		break;
	case INTERRUPT_ACK:
		acknowledge_mmio_interrupt(mmio, val);
		break;
	case STATUS:
		if ((uint8_t)val == 0)
			reset_mmio(mmio);
		else
			virtio_set_status(vio, (uint8_t)val);
		break;
	default:
		write_queue(mmio, offset, val);
	}
}

static uint64_t virtio_mmio_read(struct device *dev, uint64_t offset,
				 unsigned size)
{
	struct virtio_mmio *mmio = mmio_of_device(dev);
	uint8_t bytes[8];

	if (offset >= CONFIG) {
		virtio_config_read(mmio->vio, (size_t)(offset - CONFIG), bytes,
				   size);
		return load_host(bytes, size);
	}
	/* Source: section 4.2.2.2, registers are read and written whole. */
	if (size != sizeof(uint32_t))
		return 0;
	return htole32(read_register(mmio, offset));
}

static void virtio_mmio_write(struct device *dev, uint64_t offset,
			      unsigned size, uint64_t val)
{
	struct virtio_mmio *mmio = mmio_of_device(dev);
	uint8_t bytes[8];

	if (offset >= CONFIG) {
		store_host(bytes, size, val);
		virtio_config_write(mmio->vio, (size_t)(offset - CONFIG), bytes,
				    size);
	} else if (size == sizeof(uint32_t)) {
		write_register(mmio, offset, le32toh((uint32_t)val));
	}
}

static void virtio_mmio_reset(struct device *dev)
{
	struct virtio_mmio *mmio = mmio_of_device(dev);

	reset_mmio(mmio);
	(void)virtio_settle(mmio->vio);
}

static void virtio_mmio_pause(struct device *dev)
{
	virtio_pause(mmio_of_device(dev)->vio);
}

static void virtio_mmio_resume(struct device *dev)
{
	virtio_resume(mmio_of_device(dev)->vio);
}

static const struct state_field mmio_fields[] = {
	STATE_FIELD(VIRTIO_STATE_TRANSPORT + 1, struct virtio_mmio,
		    device_features_sel, UINT32_MAX),
	STATE_FIELD(VIRTIO_STATE_TRANSPORT + 2, struct virtio_mmio,
		    driver_features_sel, UINT32_MAX),
	STATE_FIELD(VIRTIO_STATE_TRANSPORT + 3, struct virtio_mmio, queue_sel,
		    UINT32_MAX),
	STATE_FIELD(VIRTIO_STATE_TRANSPORT + 4, struct virtio_mmio, interrupts,
		    INT_USED | INT_CONFIG),
};

static void virtio_mmio_save(struct device *dev, struct state *state)
{
	struct virtio_mmio *mmio = mmio_of_device(dev);

	state_put_fields(state, mmio, mmio_fields, STATE_COUNT(mmio_fields));
	virtio_save(mmio->vio, state);
}

/* An edge line interrupts once more. The driver finds the causes that it has
 * not acknowledged. */
static int virtio_mmio_load(struct device *dev, struct state_records *from,
			    struct err *err)
{
	struct virtio_mmio *mmio = mmio_of_device(dev);
	int r = state_get_fields(from, mmio, mmio_fields,
				 STATE_COUNT(mmio_fields), err);

	if (r == 0)
		r = virtio_load(mmio->vio, from, err);
	if (r == 0)
		irq_set(&mmio->irq, mmio->interrupts != 0);
	return r;
}

static void virtio_mmio_destroy(struct device *dev)
{
	struct virtio_mmio *mmio = mmio_of_device(dev);
	struct virtio *vio = mmio->vio;

	/* Requests that end during the reset are not reported to the driver. */
	virtio_reset(vio);
	/* The host may still use all of it, until the process ends. */
	if (!virtio_settle(vio))
		return;
	vio->ops->destroy(vio);
	free(mmio);
}

static const struct device_ops virtio_mmio_ops = {
	.name = "virtio_mmio",
	.sizes = 1 | 2 | 4 | 8,
	DEVICE_OPS(virtio_mmio),
	.pause = virtio_mmio_pause,
	.resume = virtio_mmio_resume,
};

int virtio_mmio_new(struct device **ret, struct virtio *vio,
		    struct irq_line irq, struct err *err)
{
	struct virtio_mmio *mmio = calloc(
		1, sizeof(*mmio) + vio->queues * sizeof(mmio->doorbell[0]));

	if (!mmio) {
		vio->ops->destroy(vio);
		return err_set(err, -ENOMEM, "virtio-mmio: out of memory");
	}
	virtio_connect(vio, &mmio->transport, &virtio_mmio_ops, &transport_ops);
	mmio->transport.dev.doorbell = mmio->doorbell;
	mmio->transport.dev.doorbells = vio->queues;
	mmio->vio = vio;
	mmio->irq = irq;
	for (unsigned i = 0; i < vio->queues; i++)
		mmio->doorbell[i] = (struct doorbell){
			.offset = QUEUE_NOTIFY,
			.size = sizeof(uint32_t),
			.val = htole32(i),
			.fd = vio->queue[i].kick.fd,
		};
	*ret = &mmio->transport.dev;
	return 0;
}
