/*
 * tests/fuzz/fuzz_device_state.c - no saved state makes a device do what it
 * must not, and what a device has loaded it saves again as the same.
 *
 * The input is the kind of a device, accesses to it, changes to the state that
 * it saves then, and accesses to the device that has loaded it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/state.h"
#include "devices/goldfish_pic.h"
#include "devices/mc146818.h"
#include "devices/pl031.h"
#include "devices/pvpanic.h"
#include "devices/syscon.h"
#include "devices/uart16550.h"
#include "devices/virtio/blk.h"
#include "devices/virtio/console.h"
#include "devices/virtio/mmio.h"
#include "devices/virtio/net.h"
#include "devices/virtio/ports.h"
#include "devices/virtio/power_button.h"
#include "devices/virtio/rng.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/balloon_rig.h"
#include "tests/unit/fake_disk.h"
#include "tests/unit/fake_net.h"
#include "tests/unit/fake_port.h"
#include "tests/unit/flash_chip.h"
#include "tests/unit/vmem_rig.h"

#define ARCH "fuzz"
#define KINDS 15
#define VALUE 64 /* bytes of a value that is changed */
#define RINGS 0x4000 /* bytes of memory where the rings are, and behind */

/* In place of host/tty.c: a terminal that takes half of what it is given. */
struct tty {
	struct tty_user *user;
};

void tty_attach(struct tty *tty, struct tty_user *user)
{
	tty->user = user;
}

size_t tty_write(struct tty *tty, const uint8_t *buf, size_t len)
{
	(void)tty;
	(void)buf;
	return (len + 1) / 2;
}

void tty_room(struct tty *tty)
{
	(void)tty;
}

/* A device, and what is around it. */
struct subject {
	struct device *dev;
	struct virtio *vio; /* NULL: not a virtio device */
	struct fake_ram *ram; /* of a virtio device */
	uint64_t window; /* bytes of registers */
	struct tty *tty; /* NULL: it has none */
	struct fake_disk *disk; /* NULL: it has none */
	struct fake_net *net; /* the same */
	struct fake_port *port; /* the same */
};

struct machine {
	struct subject subject[KINDS];
	struct fake_ram ram; /* of those that bring none */
	struct loop *loop;
	struct fake_irq irq;
	struct tty tty[2];
	struct fake_disk disk;
	struct fake_net net;
	struct fake_port port;
	struct flash_chip chip;
	struct balloon_rig balloon;
	struct vmem_rig vmem;
};

static void must(bool right)
{
	if (!right)
		abort();
}

static int64_t noon(void)
{
	return INT64_C(1700000000) * 1000000000;
}

static void ignore_change(void *ctx)
{
	(void)ctx;
}

static void ignore_events(void *ctx, unsigned events)
{
	(void)ctx;
	(void)events;
}

static void ignore_start(void *ctx, unsigned cpu, uint32_t pc)
{
	(void)ctx;
	(void)cpu;
	(void)pc;
}

static const struct syscon_ops syscon = { ignore_change, ignore_change,
					  ignore_start };

static void make_simple(struct machine *m)
{
	chip_init(&m->chip);
	m->subject[0] = (struct subject){
		.dev = uart16550_new(&m->tty[0], fake_irq_line(&m->irq), 0),
		.window = 8,
		.tty = &m->tty[0],
	};
	m->subject[1] = (struct subject){ .dev = mc146818_new(noon),
					  .window = 2 };
	m->subject[2] = (struct subject){ .dev = pl031_new(noon),
					  .window = 0x1000 };
	m->subject[3] = (struct subject){
		.dev = goldfish_pic_new(ignore_change, NULL), .window = 0x1000
	};
	m->subject[4] = (struct subject){
		.dev = pvpanic_new(ignore_events, NULL), .window = 2
	};
	m->subject[5] = (struct subject){ .dev = syscon_new(&syscon, NULL),
					  .window = 0x1000 };
	m->subject[6] = (struct subject){ .dev = m->chip.dev,
					  .window = CHIP_SIZE };
}

static void plug(struct machine *m, unsigned kind, struct virtio *vio)
{
	struct subject *s = &m->subject[kind];
	struct err err;

	s->vio = vio;
	s->ram = &m->ram;
	s->window = 0x200;
	must(virtio_mmio_new(&s->dev, vio, fake_irq_line(&m->irq), &err) == 0);
}

static void make_card(struct machine *m)
{
	static const struct virtio_net_options opt = { .mac = { 2 } };
	struct virtio *vio;
	struct err err;

	fake_net_init(&m->net, NET_CSUM | NET_TSO4);
	must(virtio_net_new(&vio, &m->ram.map, m->loop, &m->net.net, &opt,
			    &err) == 0);
	plug(m, 13, vio);
	m->subject[13].net = &m->net;
}

static void make_ports(struct machine *m)
{
	struct port *const ports[] = { &m->port.port };
	struct virtio *vio;
	struct err err;

	fake_port_init(&m->port, "stdout");
	must(virtio_ports_new(&vio, &m->ram.map, m->loop, ports, 1, &err) == 0);
	plug(m, 14, vio);
	m->subject[14].port = &m->port;
}

static void make_virtio(struct machine *m)
{
	static const struct balloon_options opt = { .target = UINT64_MAX,
						    .reporting = true };
	struct virtio *vio;
	struct err err;

	ram_init(&m->ram);
	must(loop_new(&m->loop, &err) == 0);
	fake_disk_init(&m->disk, 1 << 20);
	must(virtio_blk_new(&vio, &m->ram.map, m->loop, &m->disk.disk, NULL,
			    &err) == 0);
	plug(m, 7, vio);
	m->subject[7].disk = &m->disk;
	must(virtio_console_new(&vio, &m->ram.map, m->loop, &m->tty[1], &err) ==
	     0);
	plug(m, 8, vio);
	m->subject[8].tty = &m->tty[1];
	must(virtio_rng_new(&vio, &m->ram.map, m->loop, &err) == 0);
	plug(m, 9, vio);
	must(virtio_power_button_new(&vio, &m->ram.map, m->loop, &err) == 0);
	plug(m, 10, vio);
	rig_begin(&m->balloon, &opt, UINT64_MAX);
	m->subject[11] = (struct subject){ .dev = m->balloon.dev,
					   .vio = m->balloon.vio,
					   .ram = &m->balloon.ram,
					   .window = 0x200 };
	make_card(m);
	make_ports(m);
	vmem_begin(&m->vmem);
	m->subject[12] = (struct subject){ .dev = m->vmem.dev,
					   .vio = m->vmem.vio,
					   .ram = &m->vmem.ram,
					   .window = 0x200 };
}

/* A driver comes: queues of 8 entries, whose chains are of any shape. */
static void drive(struct subject *s, const uint8_t *seed, size_t size)
{
	uint8_t *at = ram_at(s->ram, RAM_BASE);

	s->ram->next = RAM_BASE;
	(void)mmio_begin(s->dev, UINT64_MAX);
	for (unsigned i = 0; i < s->vio->queues; i++) {
		struct fake_queue q;
		struct range buf[] = { { RAM_BASE + RINGS, 16 },
				       { RAM_BASE + RINGS + 16, 512 },
				       { RAM_BASE + RINGS + 528, 64 } };

		queue_alloc(&q, s->ram, 8);
		mmio_queue(s->dev, i, &q);
		queue_send(&q, buf, 1, 3);
		queue_send(&q, buf, 2, 2);
		queue_send(&q, buf, 0, 1);
	}
	memset(at + RINGS, 0, 0x1000);
	memcpy(at + RINGS, seed, size < 528 ? size : 528);
	mmio_go(s->dev);
}

struct access {
	uint8_t kind;
	uint8_t value[4];
	uint16_t offset;
};

static void access_register(struct subject *s, const struct access *access)
{
	const unsigned want = 1U << (access->kind >> 4 & 3);
	const unsigned sizes = s->dev->ops->sizes;
	const unsigned size = sizes & want ? want : sizes & -sizes;
	const uint64_t offset = access->offset % s->window & ~(size - 1ULL);
	const uint64_t val = load_le32(access->value);
	GUARD(s->dev->lock);

	if (offset + size > s->window)
		return;
	if (access->kind & 1)
		s->dev->ops->write(s->dev, offset, size, val << 32 | val);
	else
		(void)s->dev->ops->read(s->dev, offset, size);
}

/* A port takes so much, has so much, and may have ended. */
static void port_acts(struct fake_port *port, const struct access *access)
{
	port->takes = access->value[0];
	port->gone = access->value[1] & 1;
	port->ended = access->value[1] & 2;
	port->input = "some text";
	port->left = access->value[2] % 10;
}

/* What the host does. */
static void host_acts(struct subject *s, const struct access *access)
{
	if (s->tty && s->tty->user) {
		GUARD(s->tty->user->lock);
		const size_t room = s->tty->user->room(s->tty->user);
		const size_t len = room < 4 ? room : 4;

		if (s->tty->user->input && len > 0)
			s->tty->user->input(s->tty->user, access->value, len);
		if (s->tty->user->drained)
			s->tty->user->drained(s->tty->user);
	}
	if (s->disk)
		fake_disk_do_all(s->disk);
	if (s->net) {
		s->net->first = s->net->count = 0;
		fake_net_put(s->net, access->offset | 1u, access->value[0]);
		s->net->takes = access->value[1];
		s->net->net.full = s->net->takes == 0;
	}
	if (s->port)
		port_acts(s->port, access);
}

static void act(struct subject *s, const struct access *access)
{
	switch (access->kind >> 1 & 7) {
	case 1:
		if (s->vio)
			loop_kick(s->vio, access->offset % s->vio->queues);
		return;
	case 2:
		if (s->ram)
			memcpy((uint8_t *)ram_at(s->ram, RAM_BASE) +
				       access->offset % RINGS,
			       access->value, 4);
		return;
	case 3:
		host_acts(s, access);
		return;
	default:
		access_register(s, access);
	}
}

static void act_many(struct subject *s, struct fuzz_input *in, unsigned count)
{
	struct access access;

	while (count-- > 0 && fuzz_take(in, &access, sizeof(access)))
		act(s, &access);
}

static void pause_device(struct subject *s)
{
	GUARD(s->dev->lock);
	if (s->dev->ops->pause)
		s->dev->ops->pause(s->dev);
}

static void resume_device(struct subject *s)
{
	GUARD(s->dev->lock);
	if (s->dev->ops->resume)
		s->dev->ops->resume(s->dev);
}

static void reset_device(struct subject *s)
{
	GUARD(s->dev->lock);
	s->dev->ops->reset(s->dev);
}

static void save(struct subject *s, struct state *state)
{
	struct err err;
	GUARD(s->dev->lock);

	state_begin(state, ARCH);
	state_section(state, 1, 0);
	s->dev->ops->save(s->dev, state);
	must(state_end(state, &err) == 0);
}

static int load(struct subject *s, const struct state *state)
{
	struct state_records records;
	struct state_view view;
	struct err err = { 0 };
	int r;
	GUARD(s->dev->lock);

	must(state_open(&view, state->data, state->size, ARCH, &err) == 0);
	must(state_find(&view, 1, 0, &records, &err) == 0);
	r = s->dev->ops->load(s->dev, &records, &err);
	if (r == 0)
		r = state_records_end(&records, &err);
	must(r == 0 || (r == err.code && err.msg[0]));
	return r;
}

struct change {
	uint8_t record;
	uint8_t kind;
	uint8_t value[8];
};

static void change_record(const struct change *change, uint8_t *val,
			  size_t *size, uint64_t *id)
{
	switch (change->kind % 8) {
	case 0:
		*id ^= load_le64(change->value);
		return;
	case 1:
		*size = change->value[0] % VALUE;
		return;
	case 2:
		val[change->value[0] % VALUE] ^= change->value[1];
		return;
	default:
		memcpy(val + change->kind / 8 % 8 * 8, change->value, 8);
	}
}

/* Copies a record, with the changes that are for it. */
static void copy_record(struct state *to, const struct state_record *record,
			uint8_t number, const struct change *change,
			size_t changes)
{
	uint8_t val[VALUE] = { 0 };
	uint64_t id = record->id;
	size_t size = record->size;

	if (size > VALUE) {
		state_put(to, id, record->val, size);
		return;
	}
	state_copy(record, val);
	for (size_t i = 0; i < changes; i++)
		if (change[i].record == number)
			change_record(&change[i], val, &size, &id);
	if (size > 0)
		state_put(to, id, val, size);
}

static void change_state(const struct state *from, struct state *to,
			 struct fuzz_input *in)
{
	struct state_records records;
	struct state_record record;
	struct state_view view;
	struct change change[8];
	size_t changes = 0;
	uint8_t count = 0, number = 0;
	struct err err;

	(void)fuzz_take(in, &count, 1);
	while (changes < count % 8u &&
	       fuzz_take(in, &change[changes], sizeof(change[0])))
		changes++;
	must(state_open(&view, from->data, from->size, ARCH, &err) == 0);
	must(state_find(&view, 1, 0, &records, &err) == 0);
	state_begin(to, ARCH);
	state_section(to, 1, 0);
	while (state_next(&records, &record))
		copy_record(to, &record, number++, change, changes);
	must(state_end(to, &err) == 0);
}

/* What was loaded is saved, loaded and saved again: it is the same. */
static void check_again(struct subject *s)
{
	_cleanup_(state_finish) struct state one = { 0 };
	_cleanup_(state_finish) struct state two = { 0 };

	save(s, &one);
	reset_device(s);
	pause_device(s);
	must(load(s, &one) == 0);
	save(s, &two);
	must(one.size == two.size && memcmp(one.data, two.data, one.size) == 0);
}

static void run(struct subject *s, struct fuzz_input *in)
{
	_cleanup_(state_finish) struct state saved = { 0 };
	_cleanup_(state_finish) struct state changed = { 0 };
	uint8_t before = 0;

	(void)fuzz_take(in, &before, 1);
	if (s->vio)
		drive(s, in->p, in->left);
	act_many(s, in, before % 16);
	pause_device(s);
	save(s, &saved);
	change_state(&saved, &changed, in);
	reset_device(s);
	pause_device(s);
	if (load(s, &changed) == 0) {
		check_again(s);
		resume_device(s);
		act_many(s, in, 64);
	}
	reset_device(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct machine m; /* kept: to make it costs more than a run */
	struct fuzz_input in = { data, size };
	uint8_t kind = 0;

	if (!m.loop) {
		make_simple(&m);
		make_virtio(&m);
	}
	log_set_level(LOG_ERROR);
	(void)fuzz_take(&in, &kind, 1);
	run(&m.subject[kind % KINDS], &in);
	return 0;
}
