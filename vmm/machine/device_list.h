/*
 * vmm/machine/device_list.h - the devices a user asks for: option to
 * constructor.
 *
 * The devices that the user asks for. The board holds those of every machine of
 * an architecture. To add a device, add a line to the table in device_list.c.
 */
#ifndef VMM_MACHINE_DEVICE_LIST_H
#define VMM_MACHINE_DEVICE_LIST_H

#include "base/err.h"

struct machine;
struct virtio;

/*
 * Makes each virtio device the configuration names, in a fixed order: disks and
 * network cards as the user gave them, then console, entropy, balloon, memory
 * to plug, power button, shared folders, ports.
 *
 * @place: gives a device a transport and a place on the bus; takes it over,
 *         failure included
 *
 * Returns 0, or the first failure of a constructor or of @place.
 * Thread: setup.
 */
int device_list_make(struct machine *machine,
		     int (*place)(struct machine *machine, struct virtio *vio,
				  struct err *err),
		     struct err *err);

#endif
