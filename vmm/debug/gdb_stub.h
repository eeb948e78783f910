/*
 * vmm/debug/gdb_stub.h - gdb's remote protocol, for a guest of several vCPUs.
 * [pure]
 *
 * The vCPUs are gdb's threads: thread N is vCPU N - 1. The guest stops as a
 * whole. Addresses are the guest's virtual ones, as the vCPU that gdb has
 * chosen translates them, or physical ones once gdb has asked for that
 * (Qqemu.PhyMemMode:1, as QEMU has it).
 *
 * What gdb sends is not trusted: each packet is checked, and answered by an
 * error or by nothing if it is not understood.
 *
 * Source: Debugging with GDB, appendix E.
 */
#ifndef VMM_DEBUG_GDB_STUB_H
#define VMM_DEBUG_GDB_STUB_H

#include "vmm/debug/gdb_packet.h"

/* The registers of an architecture, as gdb's packet "g" has them. */
struct gdb_registers {
	const char *xml; /* target description; ends with a byte 0 */
	size_t size; /* of all, in bytes; at most GDB_REGISTERS_MAX */
	/* Where register @n lies in the packet: returns its size in bytes; 0:
	 * there is none. */
	size_t (*find)(unsigned n, size_t *ret_offset);
};

#define GDB_REGISTERS_MAX 2000

/* What stops a vCPU at an address. The values are those of packet "Z". */
enum gdb_point {
	GDB_POINT_SOFTWARE,
	GDB_POINT_HARDWARE,
	GDB_POINT_WRITE,
	GDB_POINT_READ,
	GDB_POINT_ACCESS,
	GDB_POINTS
};

/* Why the guest has stopped. */
enum gdb_why {
	GDB_WHY_ASKED, /* the user wanted it to */
	GDB_WHY_STEP,
	GDB_WHY_SOFTWARE, /* a point of that kind */
	GDB_WHY_HARDWARE,
	GDB_WHY_WATCH, /* one of the other three */
};

struct gdb_stop {
	enum gdb_why why;
	unsigned cpu;
	uint64_t addr; /* GDB_WHY_WATCH: what was accessed */
	enum gdb_point point; /* the same: which kind */
};

/* Which vCPUs go on: @cpu, and the others if they do. */
struct gdb_resume {
	unsigned cpu;
	bool steps; /* @cpu does one instruction */
	bool others;
};

/* The guest. All but interrupt() are called while it stands. They return 0, or
 * a negative errno. */
struct gdb_target_ops {
	unsigned (*cpus)(void *ctx);
	int (*read_registers)(void *ctx, unsigned cpu, uint8_t *ret);
	int (*write_registers)(void *ctx, unsigned cpu, const uint8_t *bytes);
	int (*read_memory)(void *ctx, unsigned cpu, bool physical,
			   uint64_t addr, uint8_t *ret, size_t len);
	int (*write_memory)(void *ctx, unsigned cpu, bool physical,
			    uint64_t addr, const uint8_t *bytes, size_t len);
	/* -ENOTSUP: there is no such kind here. */
	int (*set_point)(void *ctx, enum gdb_point point, uint64_t addr,
			 uint64_t len, bool set);
	int (*resume)(void *ctx, const struct gdb_resume *how);
	/* Has the guest stop, of which gdb_stub_stopped() tells. */
	void (*interrupt)(void *ctx);
	/* The user wants the guest ended. */
	void (*kill)(void *ctx);
};

struct gdb_stub {
	const struct gdb_target_ops *ops;
	void *ctx;
	const struct gdb_registers *registers;
	struct gdb_reader reader;
	unsigned cpu; /* whose registers and memory are meant */
	unsigned run_cpu; /* that "c" and "s" mean */
	unsigned listed; /* vCPUs that a list of threads has had so far */
	bool no_acks; /* both sides trust what carries the packets */
	bool physical;
	bool told_kinds; /* gdb knows swbreak and hwbreak */
	bool running;
	bool left; /* gdb has detached, or ended the guest */
	struct gdb_stop stop; /* the last one */
	size_t out_len; /* of @out: what is to be sent */
	uint8_t out[4 * GDB_PACKET_MAX];
};

/* Begins a session with a guest that stands. All is borrowed. */
void gdb_stub_begin(struct gdb_stub *stub, const struct gdb_target_ops *ops,
		    void *ctx, const struct gdb_registers *registers);

/*
 * Takes what gdb has sent. The answers are in @out, from which the caller takes
 * them by gdb_stub_sent().
 *
 * Returns how many bytes were taken: fewer than @len if too much waits to be
 * sent.
 */
size_t gdb_stub_receive(struct gdb_stub *stub, const uint8_t *bytes,
			size_t len);

/* The first @len bytes of stub->out are sent. */
void gdb_stub_sent(struct gdb_stub *stub, size_t len);

/* The guest, which ran, has stopped. */
void gdb_stub_stopped(struct gdb_stub *stub, const struct gdb_stop *stop);

/* The guest has ended. */
void gdb_stub_ended(struct gdb_stub *stub);

#endif
