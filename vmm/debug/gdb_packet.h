/*
 * vmm/debug/gdb_packet.h - packets of gdb's remote protocol. [pure]
 *
 * "$payload#xx", where xx is the sum of the payload's bytes; '}' and a byte
 * stand for that byte ^ 0x20. A byte 3 outside of a packet asks to stop.
 *
 * Source: Debugging with GDB, appendix E, sections "Overview" and "Interrupts".
 */
#ifndef VMM_DEBUG_GDB_PACKET_H
#define VMM_DEBUG_GDB_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The longest payload, in bytes, as gdb is told. */
#define GDB_PACKET_MAX 4096

/* What came. */
enum gdb_event {
	GDB_NOTHING, /* yet */
	GDB_PACKET, /* payload[0..len), and a byte 0 behind it */
	GDB_DAMAGED, /* a packet whose sum is wrong, or that is too long */
	GDB_ACK, /* the other side has our packet */
	GDB_NAK, /* it has not, and wants it again */
	GDB_INTERRUPT,
};

/* Zeroed, nothing has come. */
struct gdb_reader {
	uint8_t payload[GDB_PACKET_MAX + 1];
	size_t len;
	uint8_t state; /* of what is read next */
	uint8_t sum, told; /* of the payload; and what the sender says */
	bool damaged;
};

/* Reads the next byte; not trusted. Thread: one at a time. */
enum gdb_event gdb_read_byte(struct gdb_reader *reader, uint8_t byte);

/*
 * Writes a packet.
 *
 * @payload: of @len bytes, any of them
 * @ret:     room for gdb_packet_room(@len) bytes
 *
 * Returns the packet's length.
 */
size_t gdb_write_packet(uint8_t *ret, const uint8_t *payload, size_t len);

static inline size_t gdb_packet_room(size_t len)
{
	return 2 * len + 4;
}

/* Hexadecimal digits: two for each of @len bytes. */
void gdb_put_hex(char *ret, const uint8_t *bytes, size_t len);

/* Reads @len bytes of two digits each. Returns false if one is no digit. */
bool gdb_take_hex(uint8_t *ret, const char *digits, size_t len);

#endif
