/* vmm/control/hotplug_commands.c - memory that comes and goes, as clients see
 * it. */
#include "vmm/control/hotplug_commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "devices/virtio/mem.h"
#include "vmm/control/control.h"
#include "vmm/control/qmp.h"
#include "vmm/control/server.h"
#include "vmm/machine/machine.h"

/* Where QEMU has devices that a user has given a name. */
#define PERIPHERAL "/machine/peripheral/"
#define QOM_PATH (sizeof(PERIPHERAL) + HOTPLUG_ID_MAX)

static const char *path_of(const struct hotplug *hot, char path[QOM_PATH])
{
	(void)snprintf(path, QOM_PATH, PERIPHERAL "%s", hot->id);
	return path;
}

/* Source: QEMU, qapi/machine.json, MEMORY_DEVICE_SIZE_CHANGE */
static void tell_mem_changed(void *ctx, struct virtio *dev, uint64_t plugged)
{
	const struct control *control = ctx;
	char path[QOM_PATH];

	if (!qmp_server_heard(control->server))
		return;
	for (size_t i = 0; i < control->machine->hotplugs.count; i++) {
		const struct hotplug *hot =
			&control->machine->hotplugs.hotplug[i];

		if (hot->dev == dev)
			qmp_server_event(
				control->server, "MEMORY_DEVICE_SIZE_CHANGE",
				json_pack("{s:s, s:I, s:s}", "id", hot->id,
					  "size", (json_int_t)plugged,
					  "qom-path", path_of(hot, path)));
	}
}

static void listen_to_devices(const struct control *control,
			      struct virtio_mem_listener listener)
{
	for (size_t i = 0; i < control->machine->hotplugs.count; i++) {
		struct virtio *dev = control->machine->hotplugs.hotplug[i].dev;

		/* A run may end before it has its devices. */
		if (dev)
			virtio_mem_listen(dev, listener);
	}
}

void hotplug_commands_begin(struct control *control)
{
	listen_to_devices(control, (struct virtio_mem_listener){
					   tell_mem_changed, control });
}

void hotplug_commands_end(struct control *control)
{
	listen_to_devices(control, (struct virtio_mem_listener){ 0 });
}

/* Source: QEMU, qapi/machine.json, VirtioMEMDeviceInfo */
static json_t *describe_mem_device(const struct hotplug *hot)
{
	struct virtio_mem_info info;
	char memdev[sizeof("/objects/") + HOTPLUG_ID_MAX];

	virtio_mem_query(hot->dev, &info);
	(void)snprintf(memdev, sizeof(memdev), "/objects/%s", hot->id);
	return json_pack("{s:s, s:{s:s, s:I, s:I, s:I, s:I, s:I, s:i, s:s}}",
			 "type", "virtio-mem", "data", "id", hot->id, "memaddr",
			 (json_int_t)info.region.start, "size",
			 (json_int_t)info.plugged, "requested-size",
			 (json_int_t)info.requested, "max-size",
			 (json_int_t)info.region.size, "block-size",
			 (json_int_t)info.block, "node", 0, "memdev", memdev);
}

int command_query_memory_devices(struct qmp_call *call, struct err *err)
{
	const struct control *control = call->ctx;

	(void)err;
	call->ret = json_array();
	for (size_t i = 0; i < control->machine->hotplugs.count; i++)
		qmp_append(&call->ret,
			   describe_mem_device(
				   &control->machine->hotplugs.hotplug[i]));
	return 0;
}

/* True if @path is a device's, or the end of it from a '/' on. */
static bool is_path(const char *path, const struct hotplug *hot)
{
	char whole[QOM_PATH];
	const size_t size = strlen(path_of(hot, whole));
	const size_t len = strlen(path);

	if (len > size || strcmp(whole + size - len, path) != 0)
		return false;
	return len == size || (len > 0 && whole[size - len - 1] == '/');
}

/* Returns the device of the argument "path", or NULL, in QEMU's words. */
static const struct hotplug *find_mem_device(struct qmp_call *call,
					     struct err *err)
{
	const struct control *control = call->ctx;
	const char *path = qmp_arg_string(call, "path", "");

	for (size_t i = 0; i < control->machine->hotplugs.count; i++)
		if (is_path(path, &control->machine->hotplugs.hotplug[i]))
			return &control->machine->hotplugs.hotplug[i];
	call->class = QMP_DEVICE_NOT_FOUND;
	(void)err_set(err, -ENODEV, "Device '%s' not found", path);
	return NULL;
}

/* Sets what a property is. Returns 0 or -ENOENT. */
static int get_mem_property(const struct hotplug *hot, const char *property,
			    uint64_t *ret, struct err *err)
{
	struct virtio_mem_info info;

	virtio_mem_query(hot->dev, &info);
	if (!strcmp(property, "requested-size"))
		*ret = info.requested;
	else if (!strcmp(property, "size"))
		*ret = info.plugged;
	else if (!strcmp(property, "block-size"))
		*ret = info.block;
	else if (!strcmp(property, "memaddr"))
		*ret = info.region.start;
	else
		return err_set(err, -ENOENT,
			       "Property 'virtio-mem.%s' not found", property);
	return 0;
}

int command_qom_get(struct qmp_call *call, struct err *err)
{
	const struct hotplug *hot = find_mem_device(call, err);
	uint64_t value = 0;
	int r;

	if (!hot)
		return err->code;
	r = get_mem_property(hot, qmp_arg_string(call, "property", ""), &value,
			     err);
	if (r == 0)
		call->ret = json_integer((json_int_t)value);
	return r;
}

int command_qom_set(struct qmp_call *call, struct err *err)
{
	const char *property = qmp_arg_string(call, "property", "");
	const uint64_t value = qmp_arg_size(call, "value", 0);
	const struct hotplug *hot = find_mem_device(call, err);
	uint64_t was;
	int r;

	if (!hot)
		return err->code;
	r = get_mem_property(hot, property, &was, err);
	if (r < 0)
		return r;
	if (strcmp(property, "requested-size") != 0)
		return err_set(err, -EPERM,
			       "Property 'virtio-mem.%s' is not writable",
			       property);
	r = virtio_mem_resize(hot->dev, value, err);
	return r < 0 ? err_wrap(err, "%s", hot->id) : 0;
}
