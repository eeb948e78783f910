/*
 * vmm/kvm/port_io.h - accesses to ports, as KVM brings them to the bus.
 *
 * Guests of x86 have a second address space, which KVM tells by KVM_EXIT_IO.
 * Source: Linux, Documentation/virt/kvm/api.rst, struct kvm_run.
 */
#ifndef VMM_KVM_PORT_IO_H
#define VMM_KVM_PORT_IO_H

#include "base/log.h"
#include "devices/bus.h"

struct kvm_run;

/*
 * Performs the accesses of a KVM_EXIT_IO: one, or those of a string
 * instruction, which follow each other at one port. What no device takes reads
 * as all ones, is dropped on write, and is counted.
 *
 * @run:     of a vCPU that has left KVM_RUN with KVM_EXIT_IO
 * @nobodys: counts what no device takes
 *
 * Returns the last device of them that has to settle before the guest goes on;
 * NULL: none. Thread: the vCPU's.
 */
const struct device *port_io(struct bus *ports, struct kvm_run *run,
			     struct log_limit *nobodys);

#endif
