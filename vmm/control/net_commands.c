/* vmm/control/net_commands.c - network cards, as clients see them. */
#include "vmm/control/net_commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "devices/virtio/net.h"
#include "vmm/control/control.h"
#include "vmm/control/qmp.h"
#include "vmm/machine/machine.h"

#define CARD_ID sizeof("net4294967295")

static const char *card_id(size_t index, char id[CARD_ID])
{
	(void)snprintf(id, CARD_ID, "net%u", (unsigned)index);
	return id;
}

static json_t *describe_count(const struct virtio_net_count *count)
{
	return json_pack("{s:o, s:o, s:o}", "frames", qmp_number(count->frames),
			 "bytes", qmp_number(count->bytes), "dropped",
			 qmp_number(count->dropped));
}

static json_t *describe_net(struct virtio *vio, const char *id,
			    const struct net_spec *spec)
{
	struct virtio_net_info info;
	char mac[sizeof("00:00:00:00:00:00")];

	virtio_net_query(vio, &info);
	(void)snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x",
		       info.mac[0], info.mac[1], info.mac[2], info.mac[3],
		       info.mac[4], info.mac[5]);
	return json_pack("{s:s, s:o, s:s, s:b, s:o, s:o}", "name", id,
			 "backend", qmp_string(spec->word), "mac", mac, "up",
			 (int)info.up, "rx", describe_count(&info.rx), "tx",
			 describe_count(&info.tx));
}

json_t *net_commands_stats(const struct machine *machine)
{
	json_t *list = json_array();
	char id[CARD_ID];

	for (size_t i = 0; i < machine->nets; i++)
		qmp_append(&list, describe_net(machine->net[i], card_id(i, id),
					       &machine->config->nets.spec[i]));
	return list;
}

int command_set_link(struct qmp_call *call, struct err *err)
{
	const struct control *control = call->ctx;
	const struct machine *machine = control->machine;
	const char *name = qmp_arg_string(call, "name", "");
	char id[CARD_ID];

	for (size_t i = 0; i < machine->nets; i++) {
		if (strcmp(name, card_id(i, id)) != 0)
			continue;
		virtio_net_set_link(machine->net[i],
				    qmp_arg_bool(call, "up", true));
		return 0;
	}
	call->class = QMP_DEVICE_NOT_FOUND;
	return err_set(err, -ENODEV, "Device '%s' not found", name);
}
