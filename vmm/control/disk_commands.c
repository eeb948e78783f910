/* vmm/control/disk_commands.c - disks, as clients see and size them. */
#include "vmm/control/disk_commands.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "devices/virtio/blk.h"
#include "vmm/control/control.h"
#include "vmm/control/qmp.h"
#include "vmm/machine/machine.h"

#define DISK_ID sizeof("disk4294967295")

static const char *disk_id(size_t index, char id[DISK_ID])
{
	(void)snprintf(id, DISK_ID, "disk%u", (unsigned)index);
	return id;
}

/* Source: QEMU, qapi/block-core.json, ImageInfo */
static json_t *describe_image(const struct disk_spec *spec,
			      const struct virtio_blk_info *info)
{
	return json_pack("{s:o, s:s, s:I}", "filename", qmp_string(spec->path),
			 "format", "raw", "virtual-size",
			 (json_int_t)info->size);
}

/* No disk has a limit, a backing file or a key.
 * Source: QEMU, qapi/block-core.json, BlockDeviceInfo */
static json_t *describe_medium(const struct disk_spec *spec, const char *id,
			       const struct virtio_blk_info *info)
{
	static const char *const limits[] = {
		"bps",	   "bps_rd",  "bps_wr",		"iops",
		"iops_rd", "iops_wr", "write_threshold"
	};
	json_t *ret = json_pack(
		"{s:o, s:s, s:b, s:b, s:s, s:i, s:b, s:s, s:o, s:{s:b, s:b, "
		"s:b}}",
		"file", qmp_string(spec->path), "node-name", id, "ro",
		(int)info->ro, "x-vmm-temp", (int)(spec->temp || spec->copied),
		"drv", "raw", "backing_file_depth", 0, "encrypted", 0,
		"detect_zeroes", "off", "image", describe_image(spec, info),
		"cache", "writeback", (int)info->write_back, "direct",
		(int)spec->direct, "no-flush", 0);

	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++)
		qmp_add(&ret, limits[i], json_integer(0));
	return ret;
}

/* Source: QEMU, qapi/block-core.json, BlockInfo */
static json_t *describe_disk(const struct disk_spec *spec, const char *id,
			     struct virtio *disk)
{
	struct virtio_blk_info info;

	virtio_blk_query(disk, &info);
	return json_pack("{s:s, s:s, s:b, s:b, s:o}", "device", id, "type",
			 "unknown", "removable", 0, "locked", 0, "inserted",
			 describe_medium(spec, id, &info));
}

int command_query_block(struct qmp_call *call, struct err *err)
{
	const struct control *control = call->ctx;
	const struct machine *machine = control->machine;
	char id[DISK_ID];

	(void)err;
	call->ret = json_array();
	for (size_t i = 0; i < machine->disks; i++)
		qmp_append(&call->ret,
			   describe_disk(&machine->config->disk[i],
					 disk_id(i, id), machine->disk[i]));
	return 0;
}

int command_block_resize(struct qmp_call *call, struct err *err)
{
	const struct control *control = call->ctx;
	const struct machine *machine = control->machine;
	const char *node = qmp_arg_string(call, "node-name", "");
	const char *name = qmp_arg_string(call, "device", node);
	const bool given = json_object_get(call->args, "size") != NULL;
	const uint64_t size = qmp_arg_size(call, "size", 0);
	char id[DISK_ID];
	int r;

	for (size_t i = 0; i < machine->disks; i++) {
		if (strcmp(name, disk_id(i, id)) != 0)
			continue;
		if (size > INT64_MAX)
			return err_set(err, -EFBIG,
				       "%s: no disk can be so large", id);
		r = virtio_blk_resize(machine->disk[i],
				      given ? size : DISK_SIZE_OF_IMAGE, err);
		return r < 0 ? err_wrap(err, "%s", id) : 0;
	}
	call->class = QMP_DEVICE_NOT_FOUND;
	return err_set(err, -ENODEV, "Device '%s' not found", name);
}
