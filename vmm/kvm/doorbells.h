/*
 * vmm/kvm/doorbells.h - has KVM answer the doorbells of a bus.
 *
 * KVM answers a doorbell's write by itself, without leaving the kernel.
 */
#ifndef VMM_KVM_DOORBELLS_H
#define VMM_KVM_DOORBELLS_H

#include <stdbool.h>

#include "base/err.h"
#include "devices/bus.h"

/*
 * Hands KVM every doorbell of the devices on a bus, as ioeventfds of @vm. They
 * end with the VM.
 *
 * @vm:    descriptor of a VM
 * @ports: the addresses of @bus are port numbers, not guest physical
 *
 * Returns 0, or KVM_IOEVENTFD's errno with the device in @err. Thread: setup.
 */
int doorbells_connect(int vm, const struct bus *bus, bool ports,
		      struct err *err);

#endif
