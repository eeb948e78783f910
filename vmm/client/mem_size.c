/* vmm/client/mem_size.c - vmm mem --size. */
#include "vmm/client/mem_size.h"

#include <errno.h>
#include <stdbool.h>

#include <jansson.h>

#include "base/size.h"
#include "vmm/client/client.h"
#include "vmm/client/told.h"

#define MIB (UINT64_C(1) << 20)

int mem_size_parse(const char *value, uint64_t *ret, struct err *err)
{
	const int r = size_parse(value, MIB, ret);

	if (r == -EINVAL)
		return err_input(err, r,
				 "not a size: " SIZE_FORM
				 "; a bare number is in MiB");
	if (r < 0 || *ret > INT64_MAX)
		return err_input(err, -ERANGE, "too large");
	if (*ret == 0)
		return err_input(err, -ERANGE, "a guest needs memory");
	return 0;
}

/* The limits of one device. */
struct device {
	const char *id; /* in what was told */
	uint64_t max, block;
};

static bool read_device(const json_t *told, struct device *ret)
{
	const json_t *data = json_object_get(told, "data");

	ret->id = json_string_value(json_object_get(data, "id"));
	return ret->id && told_get(data, "max-size", &ret->max) &&
	       told_get(data, "block-size", &ret->block) && ret->block > 0;
}

static int report_unexpected_size(const struct client *client, struct err *err)
{
	return err_set(err, -EPROTO, "%s: unexpected reply about its memory",
		       client->name);
}

/* How much of @left the device takes; none if @told is no device's. */
static uint64_t share_of(const struct device *device, uint64_t left)
{
	const uint64_t most = left < device->max ? left : device->max;

	return most - most % device->block;
}

/*
 * Judges whether devices can have @more bytes between them.
 *
 * @base: what is there without them
 */
static int check_growth_room(const struct client *client, const json_t *devices,
			     uint64_t base, uint64_t more, struct err *err)
{
	uint64_t left = more, most = base, block = 0;
	char text[SIZE_TEXT];

	for (size_t i = 0; i < json_array_size(devices); i++) {
		struct device device;

		if (!read_device(json_array_get(devices, i), &device) ||
		    __builtin_add_overflow(most, device.max, &most))
			return report_unexpected_size(client, err);
		left -= share_of(&device, left);
		if (block == 0 || device.block < block)
			block = device.block;
	}
	if (base + more > most)
		return err_input(err, -ERANGE, "%s can have %s at most",
				 client->name, size_format(text, most));
	if (left > 0)
		return err_input(err, -EINVAL,
				 "%s takes memory in blocks of %s beyond what "
				 "it started with",
				 client->name, size_format(text, block));
	return 0;
}

static int resize_device(struct client *client, const struct device *device,
			 uint64_t size, struct err *err)
{
	return client_run(client, "qom-set",
			  json_pack("{s:s, s:s, s:I}", "path", device->id,
				    "property", "requested-size", "value",
				    (json_int_t)size),
			  NULL, err);
}

static int resize_all(struct client *client, const json_t *devices,
		      uint64_t more, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < json_array_size(devices); i++) {
		struct device device;
		uint64_t size;

		if (!read_device(json_array_get(devices, i), &device))
			return report_unexpected_size(client, err);
		size = share_of(&device, more);
		r = resize_device(client, &device, size, err);
		more -= size;
	}
	return r;
}

int mem_size_run(struct client *client, uint64_t size, struct err *err)
{
	json_auto_t *summary = NULL;
	json_auto_t *devices = NULL;
	char text[SIZE_TEXT];
	uint64_t base;
	int r;

	r = client_run(client, "query-memory-size-summary", NULL, &summary,
		       err);
	if (r == 0)
		r = client_run(client, "query-memory-devices", NULL, &devices,
			       err);
	if (r < 0)
		return r;
	if (!told_get(summary, "base-memory", &base) || !json_is_array(devices))
		return report_unexpected_size(client, err);
	if (json_array_size(devices) == 0)
		return err_set(err, -ENOTSUP,
			       "%s: its memory does not grow (run with --mem "
			       "SIZE,max=SIZE)",
			       client->name);
	if (size < base)
		return err_input(err, -ERANGE,
				 "%s started with %s; 'vmm balloon' can take "
				 "of that",
				 client->name, size_format(text, base));
	r = check_growth_room(client, devices, base, size - base, err);
	return r == 0 ? resize_all(client, devices, size - base, err) : r;
}
