/* devices/virtio/power_button.c - a virtio input device with one key. */
#include "devices/virtio/power_button.h"

#include <errno.h>
#include <linux/input-event-codes.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_input.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/state_field.h"

/* Source: section 5.8.2. */
enum { EVENTS, STATUS, QUEUES };

#define EVENT_SIZE 8 /* a type and a code of 16 bits, a value of 32 */
#define BUS_VIRTUAL 6 /* Source: Linux, include/uapi/linux/input.h */

/* Source: section 5.8.4. */
_Static_assert(sizeof(struct virtio_input_event) == EVENT_SIZE, "event");
_Static_assert(sizeof(struct virtio_input_config) == 136, "configuration");

static const struct {
	uint16_t type, code;
	uint32_t value;
} press[] = {
	{ EV_KEY, KEY_POWER, 1 },
	{ EV_SYN, SYN_REPORT, 0 },
	{ EV_KEY, KEY_POWER, 0 },
	{ EV_SYN, SYN_REPORT, 0 },
};

#define PRESS (sizeof(press) / sizeof(*press))

struct power_button {
	struct virtio vio;
	struct virtio_input_config config;
	uint32_t left; /* of press[], from its end, not told yet */
};

static struct power_button *button_of(struct virtio *vio)
{
	return container_of(vio, struct power_button, vio);
}

static void set_bit(struct virtio_input_config *config, unsigned bit)
{
	config->u.bitmap[bit / 8] |= (uint8_t)(1u << bit % 8);
	config->size = (uint8_t)(bit / 8 + 1);
}

/* The driver has selected what it wants to know; a size of 0 is "nothing". */
static void describe_button(struct virtio_input_config *config)
{
	static const char name[] = "Power Button";

	config->size = 0;
	memset(&config->u, 0, sizeof(config->u));
	switch (config->select) {
	case VIRTIO_INPUT_CFG_ID_NAME:
		memcpy(config->u.string, name, sizeof(name) - 1);
		config->size = sizeof(name) - 1;
		break;
	case VIRTIO_INPUT_CFG_ID_DEVIDS:
		store_le16(&config->u.ids.bustype, BUS_VIRTUAL);
		config->size = sizeof(config->u.ids);
		break;
	case VIRTIO_INPUT_CFG_EV_BITS:
		if (config->subsel == EV_KEY)
			set_bit(config, KEY_POWER);
		break;
	default:
		break;
	}
}

/* Only what selects can be written. */
static void button_config_write(struct virtio *vio, size_t offset,
				const void *buf, size_t len)
{
	struct virtio_input_config *config = &button_of(vio)->config;
	const uint8_t *byte = buf;

	for (size_t i = 0; i < len; i++) {
		if (offset + i == offsetof(struct virtio_input_config, select))
			config->select = byte[i];
		if (offset + i == offsetof(struct virtio_input_config, subsel))
			config->subsel = byte[i];
	}
	describe_button(config);
}

/* Tells what is left of a press, as far as there are buffers for it. */
static void tell_button_events(struct power_button *button)
{
	struct virtio *vio = &button->vio;
	struct virtq_chain chain;

	while (button->left > 0 && virtio_pop(vio, EVENTS, &chain)) {
		const size_t i = PRESS - button->left;
		uint8_t event[EVENT_SIZE];
		size_t len;

		store_le16(event, press[i].type);
		store_le16(event + 2, press[i].code);
		store_le32(event + 4, press[i].value);
		len = chain_write(&chain, 0, event, sizeof(event));
		virtio_push(vio, EVENTS, &chain, (uint32_t)len);
		if (len < sizeof(event))
			return virtio_break(vio, "an event has no room in its "
						 "buffer");
		button->left--;
	}
	virtio_flush(vio, EVENTS);
}

/* There is no lamp to light. */
static void drop_status(struct virtio *vio)
{
	struct virtq_chain chain;

	while (virtio_pop(vio, STATUS, &chain))
		virtio_push(vio, STATUS, &chain, 0);
}

static void button_notify(struct virtio *vio, unsigned queue)
{
	if (queue == EVENTS)
		tell_button_events(button_of(vio));
	else
		drop_status(vio);
}

static void button_reset(struct virtio *vio)
{
	struct power_button *button = button_of(vio);

	button->config = (struct virtio_input_config){ 0 };
	button->left = 0;
}

static void button_destroy(struct virtio *vio)
{
	virtio_finish(vio);
	free(button_of(vio));
}

static const struct state_field button_fields[] = {
	STATE_FIELD(VIRTIO_STATE_DEVICE + 1, struct power_button, left, PRESS),
	STATE_FIELD(VIRTIO_STATE_DEVICE + 2, struct power_button, config.select,
		    UINT8_MAX),
	STATE_FIELD(VIRTIO_STATE_DEVICE + 3, struct power_button, config.subsel,
		    UINT8_MAX),
};

static void button_save(struct virtio *vio, struct state *state)
{
	state_put_fields(state, button_of(vio), button_fields,
			 STATE_COUNT(button_fields));
}

static int button_load(struct virtio *vio, struct state_records *from,
		       struct err *err)
{
	struct power_button *button = button_of(vio);
	const int r = state_get_fields(from, button, button_fields,
				       STATE_COUNT(button_fields), err);

	if (r == 0)
		describe_button(&button->config);
	return r;
}

static const struct virtio_ops button_ops = {
	.name = "virtio-input",
	.id = VIRTIO_ID_INPUT,
	VIRTIO_OPS(button),
	.config_write = button_config_write,
	.reset = button_reset,
};

int virtio_power_button_new(struct virtio **ret, const struct mem_map *mem,
			    struct loop *loop, struct err *err)
{
	struct power_button *button = calloc(1, sizeof(*button));
	int r;

	if (!button)
		return err_set(err, -ENOMEM, "virtio-input: out of memory");
	r = virtio_init(&button->vio, &button_ops, mem, loop, QUEUES, err);
	if (r < 0) {
		button_destroy(&button->vio);
		return r;
	}
	button->vio.config = &button->config;
	button->vio.config_len = sizeof(button->config);
	*ret = &button->vio;
	return 0;
}

int virtio_power_button_press(struct virtio *vio)
{
	struct power_button *button = button_of(vio);
	GUARD(&vio->lock);

	if (!(vio->status & VIRTIO_DRIVER_OK) || vio->fault)
		return -ENOTCONN;
	if (button->left == 0)
		button->left = PRESS;
	tell_button_events(button);
	return 0;
}
