/* vmm/debug/gdb_stub.c - gdb's remote protocol. */
#include "vmm/debug/gdb_stub.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Numbers of signals, as gdb has them. */
#define SIGNAL_INT 2
#define SIGNAL_TRAP 5

/* The most bytes of memory in a packet. */
#define MEMORY_MAX ((GDB_PACKET_MAX - 64) / 2)

/* What begins an answer that is no error. */
static const char ok[] = "OK";

static void send_bytes(struct gdb_stub *stub, const void *payload, size_t len)
{
	if (sizeof(stub->out) - stub->out_len < gdb_packet_room(len))
		return;
	stub->out_len += gdb_write_packet(stub->out + stub->out_len, payload,
					  len);
}

static void send_text(struct gdb_stub *stub, const char *text)
{
	send_bytes(stub, text, strlen(text));
}

/* What gdb does not know of is answered by nothing. */
static void send_unknown(struct gdb_stub *stub)
{
	send_bytes(stub, "", 0);
}

static void send_result(struct gdb_stub *stub, int r)
{
	char text[8];

	if (r == 0)
		return send_text(stub, ok);
	(void)snprintf(text, sizeof(text), "E%02x", (unsigned)-r & 0xff);
	send_text(stub, text);
}

/* The rest of a packet, read from the left. */
static bool skip_word(const char **at, const char *word)
{
	const size_t len = strlen(word);

	if (strncmp(*at, word, len) != 0)
		return false;
	*at += len;
	return true;
}

static bool take_number(const char **at, uint64_t *ret)
{
	char *end;

	if (!isxdigit((unsigned char)**at))
		return false;
	errno = 0;
	*ret = strtoull(*at, &end, 16);
	*at = end;
	return errno == 0;
}

/* "addr,len", of memory that fits a packet. */
static bool take_place(const char **at, uint64_t *ret_addr, uint64_t *ret_len)
{
	return take_number(at, ret_addr) && skip_word(at, ",") &&
	       take_number(at, ret_len) && *ret_len <= MEMORY_MAX;
}

/*
 * A thread: "N", or "pP.N". -1 means all, and 0 any: both are @ret left alone,
 * and *ret_all.
 */
static bool take_thread(const struct gdb_stub *stub, const char **at,
			unsigned *ret, bool *ret_all)
{
	uint64_t n;

	if (skip_word(at, "p")) {
		if (!skip_word(at, "-1") && !take_number(at, &n))
			return false;
		if (!skip_word(at, ".")) {
			*ret_all = true;
			return true;
		}
	}
	*ret_all = true;
	if (skip_word(at, "-1"))
		return true;
	if (!take_number(at, &n) || n > stub->ops->cpus(stub->ctx))
		return false;
	*ret_all = n == 0;
	if (n > 0)
		*ret = (unsigned)n - 1;
	return true;
}

static void describe_stop(const struct gdb_stub *stub, char *ret, size_t size)
{
	static const char *const watches[GDB_POINTS] = {
		[GDB_POINT_WRITE] = "watch",
		[GDB_POINT_READ] = "rwatch",
		[GDB_POINT_ACCESS] = "awatch",
	};
	const struct gdb_stop *stop = &stub->stop;
	char kind[48] = "";

	if (stop->why == GDB_WHY_WATCH)
		(void)snprintf(kind, sizeof(kind), "%s:%" PRIx64 ";",
			       watches[stop->point], stop->addr);
	else if (stop->why == GDB_WHY_SOFTWARE && stub->told_kinds)
		(void)snprintf(kind, sizeof(kind), "swbreak:;");
	else if (stop->why == GDB_WHY_HARDWARE && stub->told_kinds)
		(void)snprintf(kind, sizeof(kind), "hwbreak:;");
	(void)snprintf(ret, size, "T%02xthread:%x;%s",
		       stop->why == GDB_WHY_ASKED ? SIGNAL_INT : SIGNAL_TRAP,
		       stop->cpu + 1, kind);
}

static void send_stop(struct gdb_stub *stub)
{
	char text[96];

	describe_stop(stub, text, sizeof(text));
	send_text(stub, text);
}

static void send_registers(struct gdb_stub *stub)
{
	uint8_t bytes[GDB_REGISTERS_MAX];
	char text[2 * GDB_REGISTERS_MAX];
	const size_t size = stub->registers->size;
	const int r = stub->ops->read_registers(stub->ctx, stub->cpu, bytes);

	if (r < 0)
		return send_result(stub, r);
	gdb_put_hex(text, bytes, size);
	send_bytes(stub, text, 2 * size);
}

static void set_registers(struct gdb_stub *stub, const char *digits)
{
	uint8_t bytes[GDB_REGISTERS_MAX];
	const size_t size = stub->registers->size;

	if (strlen(digits) != 2 * size || !gdb_take_hex(bytes, digits, size))
		return send_result(stub, -EINVAL);
	send_result(stub,
		    stub->ops->write_registers(stub->ctx, stub->cpu, bytes));
}

/* "p n", and "P n=digits". */
static void one_register(struct gdb_stub *stub, const char *at, bool set)
{
	uint8_t bytes[GDB_REGISTERS_MAX];
	char text[2 * GDB_REGISTERS_MAX];
	size_t offset = 0, size = 0;
	uint64_t n = 0;
	int r;

	if (take_number(&at, &n) && n < UINT16_MAX)
		size = stub->registers->find((unsigned)n, &offset);
	if (size == 0)
		return send_result(stub, -EINVAL);
	r = stub->ops->read_registers(stub->ctx, stub->cpu, bytes);
	if (r == 0 && set) {
		if (!skip_word(&at, "=") || strlen(at) != 2 * size ||
		    !gdb_take_hex(bytes + offset, at, size))
			return send_result(stub, -EINVAL);
		r = stub->ops->write_registers(stub->ctx, stub->cpu, bytes);
	}
	if (r < 0 || set)
		return send_result(stub, r);
	gdb_put_hex(text, bytes + offset, size);
	send_bytes(stub, text, 2 * size);
}

/* gdb is content with the beginning of what it asked for. */
static void send_memory(struct gdb_stub *stub, const char *at)
{
	uint8_t bytes[MEMORY_MAX];
	char text[2 * MEMORY_MAX];
	uint64_t addr, len;
	int r;

	if (!take_place(&at, &addr, &len) || *at)
		return send_result(stub, -EINVAL);
	r = stub->ops->read_memory(stub->ctx, stub->cpu, stub->physical, addr,
				   bytes, (size_t)len);
	if (r < 0)
		return send_result(stub, r);
	gdb_put_hex(text, bytes, (size_t)len);
	send_bytes(stub, text, 2 * (size_t)len);
}

/* @binary: the bytes are as they are; else they are digits */
static void set_memory(struct gdb_stub *stub, const char *at, bool binary)
{
	const char *end = (const char *)stub->reader.payload + stub->reader.len;
	uint8_t bytes[MEMORY_MAX];
	uint64_t addr, len;

	if (!take_place(&at, &addr, &len) || !skip_word(&at, ":") ||
	    (uint64_t)(end - at) != (binary ? len : 2 * len))
		return send_result(stub, -EINVAL);
	if (binary)
		memcpy(bytes, at, (size_t)len);
	else if (!gdb_take_hex(bytes, at, (size_t)len))
		return send_result(stub, -EINVAL);
	if (len == 0) /* whether there is packet X */
		return send_text(stub, ok);
	send_result(stub, stub->ops->write_memory(stub->ctx, stub->cpu,
						  stub->physical, addr, bytes,
						  (size_t)len));
}

/* "type,addr,kind", where the kind is a length. */
static void set_point(struct gdb_stub *stub, const char *at, bool set)
{
	uint64_t type, addr, len;
	int r;

	if (!take_number(&at, &type) || !skip_word(&at, ",") ||
	    !take_number(&at, &addr) || !skip_word(&at, ",") ||
	    !take_number(&at, &len))
		return send_result(stub, -EINVAL);
	if (type >= GDB_POINTS)
		return send_unknown(stub);
	r = stub->ops->set_point(stub->ctx, (enum gdb_point)type, addr, len,
				 set);
	if (r == -ENOTSUP)
		return send_unknown(stub);
	send_result(stub, r);
}

static void resume_guest(struct gdb_stub *stub, const struct gdb_resume *how)
{
	const int r = stub->ops->resume(stub->ctx, how);

	if (r < 0)
		return send_result(stub, r);
	stub->running = true;
}

/* "c" and "s", of which one may name an address to go on at: gdb does not. */
static void resume_simply(struct gdb_stub *stub, bool steps)
{
	const struct gdb_resume how = { stub->run_cpu, steps, true };

	resume_guest(stub, &how);
}

/* One action of vCont, for the vCPUs that no action before it was for. At most
 * one of them is named: gdb steps one thread at a time. */
static bool take_action(const struct gdb_stub *stub, const char **at,
			struct gdb_resume *how, bool *named)
{
	const char kind = **at;
	const bool steps = kind == 's' || kind == 'S';
	unsigned cpu = how->cpu;
	bool all = true;
	uint64_t signal;

	if (!kind || !strchr("cCsS", kind))
		return false;
	(*at)++;
	if (isupper((unsigned char)kind) && !take_number(at, &signal))
		return false;
	if (skip_word(at, ":") && !take_thread(stub, at, &cpu, &all))
		return false;
	if ((all && !steps) || *named) {
		how->others = true;
		return true;
	}
	*named = true;
	how->steps = steps;
	how->cpu = cpu;
	return true;
}

static void resume_by_actions(struct gdb_stub *stub, const char *at)
{
	struct gdb_resume how = { .cpu = stub->run_cpu };
	bool named = false;

	while (skip_word(&at, ";"))
		if (!take_action(stub, &at, &how, &named))
			return send_result(stub, -EINVAL);
	if (*at || (!how.others && !named))
		return send_result(stub, -EINVAL);
	resume_guest(stub, &how);
}

static void choose_thread(struct gdb_stub *stub, const char *at)
{
	unsigned cpu = stub->stop.cpu;
	const char what = *at;
	bool all;

	if (what != 'g' && what != 'c')
		return send_unknown(stub);
	at++;
	if (!take_thread(stub, &at, &cpu, &all))
		return send_result(stub, -EINVAL);
	if (what == 'g')
		stub->cpu = cpu;
	else
		stub->run_cpu = cpu;
	send_text(stub, ok);
}

/* The next threads of the list, which has as many packets as it needs. */
static void list_threads(struct gdb_stub *stub)
{
	const unsigned cpus = stub->ops->cpus(stub->ctx);
	char text[1024] = "l";
	size_t len = 0;

	while (stub->listed < cpus && len + 16 < sizeof(text))
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%c%x",
					len ? ',' : 'm', ++stub->listed);
	send_text(stub, text);
}

static void describe_thread(struct gdb_stub *stub, const char *at)
{
	char name[32], text[2 * sizeof(name)];
	unsigned cpu = 0;
	bool all;
	int len;

	if (!take_thread(stub, &at, &cpu, &all) || all)
		return send_result(stub, -EINVAL);
	len = snprintf(name, sizeof(name), "CPU %u", cpu);
	gdb_put_hex(text, (const uint8_t *)name, (size_t)len);
	send_bytes(stub, text, 2 * (size_t)len);
}

/* "target.xml:offset,length" */
static void send_description(struct gdb_stub *stub, const char *at)
{
	const char *xml = stub->registers->xml;
	const size_t size = strlen(xml);
	uint8_t part[GDB_PACKET_MAX / 2];
	uint64_t offset, len;

	if (!skip_word(&at, "target.xml:"))
		return send_text(stub, "E00");
	if (!take_number(&at, &offset) || !skip_word(&at, ",") ||
	    !take_number(&at, &len) || offset > size)
		return send_result(stub, -EINVAL);
	if (len > sizeof(part) - 1)
		len = sizeof(part) - 1;
	if (len > size - offset)
		len = size - offset;
	part[0] = offset + len < size ? 'm' : 'l';
	memcpy(part + 1, xml + offset, (size_t)len);
	send_bytes(stub, part, (size_t)len + 1);
}

static void tell_features(struct gdb_stub *stub, const char *at)
{
	char text[160];

	stub->told_kinds = strstr(at, "swbreak+") && strstr(at, "hwbreak+");
	(void)snprintf(text, sizeof(text),
		       "PacketSize=%x;qXfer:features:read+;vContSupported+;"
		       "QStartNoAckMode+;swbreak+;hwbreak+",
		       GDB_PACKET_MAX);
	send_text(stub, text);
}

static void answer_query(struct gdb_stub *stub, const char *at)
{
	char text[16];

	if (skip_word(&at, "Supported")) {
		tell_features(stub, at);
	} else if (skip_word(&at, "Xfer:features:read:")) {
		send_description(stub, at);
	} else if (strcmp(at, "fThreadInfo") == 0) {
		stub->listed = 0;
		list_threads(stub);
	} else if (strcmp(at, "sThreadInfo") == 0) {
		list_threads(stub);
	} else if (skip_word(&at, "ThreadExtraInfo,")) {
		describe_thread(stub, at);
	} else if (strcmp(at, "C") == 0) {
		(void)snprintf(text, sizeof(text), "QC%x", stub->cpu + 1);
		send_text(stub, text);
	} else if (skip_word(&at, "Attached")) {
		send_text(stub, "1"); /* it was there before: quit detaches */
	} else if (strcmp(at, "qemu.PhyMemMode") == 0) {
		send_text(stub, stub->physical ? "1" : "0");
	} else {
		send_unknown(stub);
	}
}

static void set_gdb_mode(struct gdb_stub *stub, const char *at)
{
	if (strcmp(at, "StartNoAckMode") == 0) {
		stub->no_acks = true;
		send_text(stub, ok);
	} else if (skip_word(&at, "qemu.PhyMemMode:")) {
		stub->physical = *at == '1';
		send_text(stub, ok);
	} else {
		send_unknown(stub);
	}
}

static void obey_v_packet(struct gdb_stub *stub, const char *at)
{
	if (strcmp(at, "Cont?") == 0) {
		send_text(stub, "vCont;c;C;s;S");
	} else if (skip_word(&at, "Cont")) {
		resume_by_actions(stub, at);
	} else if (skip_word(&at, "Kill")) {
		stub->left = true;
		send_text(stub, ok);
		stub->ops->kill(stub->ctx);
	} else {
		send_unknown(stub);
	}
}

static void check_thread(struct gdb_stub *stub, const char *at)
{
	unsigned cpu = 0;
	bool all;

	send_result(stub, take_thread(stub, &at, &cpu, &all) ? 0 : -EINVAL);
}

static void obey_packet(struct gdb_stub *stub)
{
	const char *packet = (const char *)stub->reader.payload;
	const char *rest = packet + 1;

	switch (*packet) {
	case '?':
		return send_stop(stub);
	case 'g':
		return send_registers(stub);
	case 'G':
		return set_registers(stub, rest);
	case 'p':
		return one_register(stub, rest, false);
	case 'P':
		return one_register(stub, rest, true);
	case 'm':
		return send_memory(stub, rest);
	case 'M':
		return set_memory(stub, rest, false);
	case 'X':
		return set_memory(stub, rest, true);
	case 'Z':
		return set_point(stub, rest, true);
	case 'z':
		return set_point(stub, rest, false);
	case 'c':
		return resume_simply(stub, false);
	case 's':
		return resume_simply(stub, true);
	case 'v':
		return obey_v_packet(stub, rest);
	case 'H':
		return choose_thread(stub, rest);
	case 'T':
		return check_thread(stub, rest);
	case 'q':
		return answer_query(stub, rest);
	case 'Q':
		return set_gdb_mode(stub, rest);
	case 'D':
		stub->left = true;
		return send_text(stub, ok);
	case 'k':
		stub->left = true;
		return stub->ops->kill(stub->ctx);
	default:
		return send_unknown(stub);
	}
}

void gdb_stub_begin(struct gdb_stub *stub, const struct gdb_target_ops *ops,
		    void *ctx, const struct gdb_registers *registers)
{
	*stub = (struct gdb_stub){ .ops = ops,
				   .ctx = ctx,
				   .registers = registers };
}

static void acknowledge_packet(struct gdb_stub *stub, char how)
{
	if (!stub->no_acks)
		stub->out[stub->out_len++] = (uint8_t)how;
}

static void take_event(struct gdb_stub *stub, enum gdb_event event)
{
	switch (event) {
	case GDB_PACKET:
		acknowledge_packet(stub, '+');
		/* A packet while the guest runs is gdb's mistake. */
		if (!stub->running)
			obey_packet(stub);
		break;
	case GDB_DAMAGED:
		acknowledge_packet(stub, '-');
		break;
	case GDB_INTERRUPT:
		if (stub->running)
			stub->ops->interrupt(stub->ctx);
		break;
	default:
		break; /* what carries the packets loses none */
	}
}

size_t gdb_stub_receive(struct gdb_stub *stub, const uint8_t *bytes, size_t len)
{
	size_t taken = 0;

	while (taken < len && !stub->left &&
	       stub->out_len < sizeof(stub->out) / 4)
		take_event(stub, gdb_read_byte(&stub->reader, bytes[taken++]));
	return stub->left ? len : taken;
}

void gdb_stub_sent(struct gdb_stub *stub, size_t len)
{
	stub->out_len -= len;
	memmove(stub->out, stub->out + len, stub->out_len);
}

void gdb_stub_stopped(struct gdb_stub *stub, const struct gdb_stop *stop)
{
	stub->stop = *stop;
	stub->cpu = stub->run_cpu = stop->cpu;
	if (!stub->running)
		return;
	stub->running = false;
	send_stop(stub);
}

void gdb_stub_ended(struct gdb_stub *stub)
{
	if (stub->running)
		send_text(stub, "W00");
	stub->running = false;
	stub->left = true;
}
