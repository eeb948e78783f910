/* vmm/kvm/port_io.c - accesses to ports, as KVM brings them to the bus. */
#include "vmm/kvm/port_io.h"

#include <inttypes.h>
#include <linux/kvm.h>

#include "base/bytes.h"

static void access_port(struct bus *ports, struct io_access *io, uint8_t *data,
			struct log_limit *nobodys)
{
	if (io->write)
		io->val = load_host(data, io->size);
	if (bus_access(ports, io) < 0)
		log_guest(nobodys,
			  "%s of %u bytes at port 0x%" PRIx64
			  ": nothing is there",
			  io->write ? "write" : "read", io->size, io->addr);
	if (!io->write)
		store_host(data, io->size, io->val);
}

const struct device *port_io(struct bus *ports, struct kvm_run *run,
			     struct log_limit *nobodys)
{
	uint8_t *data = (uint8_t *)run + run->io.data_offset;
	const struct device *busy = NULL;

	for (uint32_t i = 0; i < run->io.count; i++) {
		struct io_access io = {
			.addr = run->io.port,
			.size = run->io.size,
			.write = run->io.direction == KVM_EXIT_IO_OUT,
		};

		access_port(ports, &io, data + (size_t)i * io.size, nobodys);
		if (io.busy)
			busy = io.busy;
	}
	return busy;
}
