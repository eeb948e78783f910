/* vmm/machine/device_list.c - the devices a user asks for: option to
 * constructor. */
#include "vmm/machine/device_list.h"

#include <errno.h>
#include <string.h>

#include "base/aio.h"
#include "devices/virtio/balloon.h"
#include "devices/virtio/blk.h"
#include "devices/virtio/console.h"
#include "devices/virtio/fs.h"
#include "devices/virtio/net.h"
#include "devices/virtio/ports.h"
#include "devices/virtio/power_button.h"
#include "devices/virtio/rng.h"
#include "host/disk.h"
#include "host/net_passt.h"
#include "host/net_stream.h"
#include "host/net_tap.h"
#include "vmm/machine/machine.h"

/* Disk requests the host works on at once, of all disks. */
#define DISK_ENTRIES 256

/* Requests to shared folders, at work and waiting for a thread. */
#define SHARE_ENTRIES 4096

static int make_disk_aio(struct machine *machine, struct err *err)
{
	const int r = aio_new(&machine->aio, machine->loop, DISK_ENTRIES, err);

	if (r == 0)
		aio_interrupt_by(machine->aio, machine->interrupt_fd);
	return r;
}

static int make_disk(struct virtio **ret, struct machine *machine, size_t index,
		     struct err *err)
{
	const struct disk_spec *spec = &machine->config->disk[index];
	const struct disk_options opt = {
		.path = spec->file ? spec->file : spec->path,
		.ro = spec->ro,
		.temp = spec->temp,
		.direct = spec->direct,
		.unshared = spec->copied,
		.raw = spec->format != NULL,
		.inherit = machine->config->incoming
	};
	struct disk *disk = NULL;
	int r = 0;

	if (!machine->aio)
		r = make_disk_aio(machine, err);
	if (r == 0)
		r = disk_open(&disk, &opt, machine->aio, err);
	if (r < 0)
		return err_wrap(err, "--disk");
	r = virtio_blk_new(ret, &machine->mem, machine->loop, disk,
			   spec->serial, err);
	if (r == 0)
		machine->disk[machine->disks++] = *ret;
	return r;
}

static int open_net(struct net **ret, struct machine *machine,
		    const struct net_spec *spec, struct err *err)
{
	const struct net_passt_options opt = {
		.tcp = (const char *const *)spec->tcp,
		.udp = (const char *const *)spec->udp,
		.mtu = (unsigned)spec->mtu,
		.interrupt_fd = machine->interrupt_fd,
	};

	switch (spec->kind) {
	case NET_KIND_USER:
		return net_passt_new(ret, machine->loop, &opt, err);
	case NET_KIND_TAP:
		return net_tap_new(ret, machine->loop, spec->place, err);
	default:
		return net_unix_new(ret, machine->loop, spec->place, err);
	}
}

static int make_net(struct virtio **ret, struct machine *machine, size_t index,
		    struct err *err)
{
	static const uint8_t none[ETH_ALEN];
	const struct net_spec *spec = &machine->config->nets.spec[index];
	struct virtio_net_options opt = { .mtu = (uint16_t)spec->mtu };
	struct net *net = NULL;
	int r = open_net(&net, machine, spec, err);

	if (r < 0)
		return err_wrap(err, "--net %s", spec->word);
	memcpy(opt.mac, spec->mac, sizeof(opt.mac));
	if (memcmp(opt.mac, none, sizeof(none)) == 0)
		net_words_mac(machine->config->name, index, opt.mac);
	r = virtio_net_new(ret, &machine->mem, machine->loop, net, &opt, err);
	if (r == 0)
		machine->net[machine->nets++] = *ret;
	return r;
}

static int make_console(struct virtio **ret, struct machine *machine,
			size_t index, struct err *err)
{
	(void)index;
	return virtio_console_new(ret, &machine->mem, machine->loop,
				  machine->tty, err);
}

static int make_rng(struct virtio **ret, struct machine *machine, size_t index,
		    struct err *err)
{
	(void)index;
	return virtio_rng_new(ret, &machine->mem, machine->loop, err);
}

static int make_balloon(struct virtio **ret, struct machine *machine,
			size_t index, struct err *err)
{
	const struct balloon_spec *spec = &machine->config->balloon;
	const struct balloon_options opt = {
		.target = spec->size > 0 ? spec->size : UINT64_MAX,
		.reporting = spec->reporting,
		.deflate_on_oom = spec->deflate_on_oom,
	};
	int r;

	(void)index;
	if (!machine->limits.sync_mmu)
		return err_set(
			err, -ENOTSUP,
			"--balloon: this host's KVM lacks "
			"KVM_CAP_SYNC_MMU: what the guest gives up would "
			"stay with it");
	r = virtio_balloon_new(ret, &machine->mem, machine->loop, &opt, err);
	if (r == 0)
		machine->balloon = *ret;
	return r;
}

static int make_power_button(struct virtio **ret, struct machine *machine,
			     size_t index, struct err *err)
{
	const int r = virtio_power_button_new(ret, &machine->mem, machine->loop,
					      err);

	(void)index;
	if (r == 0)
		machine->power_button = *ret;
	return r;
}

static int make_hotplug(struct virtio **ret, struct machine *machine,
			size_t index, struct err *err)
{
	return hotplug_make(ret, &machine->hotplugs, index, machine->loop, err);
}

static int make_share_aio(struct machine *machine, struct err *err)
{
	const int r = aio_new_threads(&machine->share_aio, machine->loop,
				      SHARE_ENTRIES, err);

	if (r == 0)
		aio_interrupt_by(machine->share_aio, machine->interrupt_fd);
	return r;
}

static int make_share(struct virtio **ret, struct machine *machine,
		      size_t index, struct err *err)
{
	const struct config *config = machine->config;
	const struct share_spec *spec = &config->share[index];
	const struct fs_options opt = {
		.path = spec->path,
		.writable = spec->rw,
		.owners = spec->owners,
		.flat = spec->flat,
		.files = fs_raise_limit((unsigned)config->shares),
	};
	struct virtio_fs_options device = { .tag = spec->tag };
	struct fs *fs = NULL;
	int r = 0;

	if (!machine->share_aio)
		r = make_share_aio(machine, err);
	if (r == 0)
		r = fs_open(&fs, &opt, err);
	if (r < 0)
		return err_wrap(err, "--share");
	device.fs = fs;
	device.aio = machine->share_aio;
	return virtio_fs_new(ret, &machine->mem, machine->loop, &device, err);
}

static int make_ports(struct virtio **ret, struct machine *machine,
		      size_t index, struct err *err)
{
	const struct config_attendant *with = &machine->config->attendant;

	(void)index;
	return virtio_ports_new(ret, &machine->mem, machine->loop, with->port,
				with->ports, err);
}

static size_t count_disks(const struct machine *machine)
{
	return machine->config->disks;
}

static size_t count_nets(const struct machine *machine)
{
	return machine->config->nets.count;
}

static size_t count_console(const struct machine *machine)
{
	return machine->config->console == CONSOLE_VIRTIO;
}

static size_t count_rng(const struct machine *machine)
{
	return machine->config->rng;
}

static size_t count_balloon(const struct machine *machine)
{
	return machine->config->balloon.on;
}

static size_t count_hotplug(const struct machine *machine)
{
	return machine->hotplugs.count;
}

static size_t count_shares(const struct machine *machine)
{
	return machine->config->shares;
}

static size_t count_ports(const struct machine *machine)
{
	return machine->config->attendant.ports > 0;
}

static size_t count_power_button(const struct machine *machine)
{
	return machine->config->power_button;
}

/* To add a device, add a line. The order is that of the guest's names. */
static const struct {
	size_t (*count)(const struct machine *machine);
	int (*make)(struct virtio **ret, struct machine *machine, size_t index,
		    struct err *err);
} list[] = {
	{ count_disks, make_disk },
	{ count_nets, make_net },
	{ count_console, make_console },
	{ count_rng, make_rng },
	{ count_balloon, make_balloon },
	{ count_hotplug, make_hotplug },
	{ count_power_button, make_power_button },
	{ count_shares, make_share },
	{ count_ports, make_ports },
};

int device_list_make(struct machine *machine,
		     int (*place)(struct machine *machine, struct virtio *vio,
				  struct err *err),
		     struct err *err)
{
	for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		const size_t n = list[i].count(machine);

		for (size_t j = 0; j < n; j++) {
			struct virtio *vio;
			int r = list[i].make(&vio, machine, j, err);

			if (r == 0)
				r = place(machine, vio, err);
			if (r < 0)
				return r;
		}
	}
	return 0;
}
