/* vmm/debug/gdb_packet.c - packets of gdb's remote protocol. */
#include "vmm/debug/gdb_packet.h"

#define INTERRUPT 3
#define ESCAPE '}'
#define ESCAPED 0x20

/* What is read next. */
enum { BETWEEN, PAYLOAD, BEHIND_ESCAPE, FIRST_DIGIT, SECOND_DIGIT };

static const char digit[] = "0123456789abcdef";

/* The value of a digit; -1: it is none. */
static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static enum gdb_event read_between(struct gdb_reader *reader, uint8_t byte)
{
	switch (byte) {
	case '$':
		reader->state = PAYLOAD;
		reader->len = 0;
		reader->sum = 0;
		reader->damaged = false;
		return GDB_NOTHING;
	case INTERRUPT:
		return GDB_INTERRUPT;
	case '+':
		return GDB_ACK;
	case '-':
		return GDB_NAK;
	default:
		return GDB_NOTHING;
	}
}

static void keep_byte(struct gdb_reader *reader, uint8_t byte)
{
	if (reader->len < GDB_PACKET_MAX)
		reader->payload[reader->len++] = byte;
	else
		reader->damaged = true;
}

static void read_payload(struct gdb_reader *reader, uint8_t byte)
{
	if (byte == '#') {
		reader->state = FIRST_DIGIT;
		return;
	}
	reader->sum = (uint8_t)(reader->sum + byte);
	if (byte == ESCAPE)
		reader->state = BEHIND_ESCAPE;
	else
		keep_byte(reader, byte);
}

static void read_digit(struct gdb_reader *reader, uint8_t byte)
{
	const int value = hex_value((char)byte);

	if (value < 0)
		reader->damaged = true;
	else
		reader->told = (uint8_t)(reader->told << 4 | value);
}

enum gdb_event gdb_read_byte(struct gdb_reader *reader, uint8_t byte)
{
	switch (reader->state) {
	case BETWEEN:
		return read_between(reader, byte);
	case PAYLOAD:
		read_payload(reader, byte);
		return GDB_NOTHING;
	case BEHIND_ESCAPE:
		reader->sum = (uint8_t)(reader->sum + byte);
		keep_byte(reader, byte ^ ESCAPED);
		reader->state = PAYLOAD;
		return GDB_NOTHING;
	case FIRST_DIGIT:
		reader->told = 0;
		read_digit(reader, byte);
		reader->state = SECOND_DIGIT;
		return GDB_NOTHING;
	default:
		read_digit(reader, byte);
		reader->state = BETWEEN;
		reader->payload[reader->len] = '\0';
		return reader->damaged || reader->sum != reader->told
			     ? GDB_DAMAGED
			     : GDB_PACKET;
	}
}

size_t gdb_write_packet(uint8_t *ret, const uint8_t *payload, size_t len)
{
	uint8_t *to = ret;
	uint8_t sum = 0;

	*to++ = '$';
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = payload[i];

		if (byte == '$' || byte == '#' || byte == ESCAPE ||
		    byte == '*') {
			*to++ = ESCAPE;
			sum = (uint8_t)(sum + ESCAPE);
			byte ^= ESCAPED;
		}
		*to++ = byte;
		sum = (uint8_t)(sum + byte);
	}
	*to++ = '#';
	*to++ = (uint8_t)digit[sum >> 4];
	*to++ = (uint8_t)digit[sum & 15];
	return (size_t)(to - ret);
}

void gdb_put_hex(char *ret, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		*ret++ = digit[bytes[i] >> 4];
		*ret++ = digit[bytes[i] & 15];
	}
}

bool gdb_take_hex(uint8_t *ret, const char *digits, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const int high = hex_value(digits[2 * i]);
		const int low = high < 0 ? -1 : hex_value(digits[2 * i + 1]);

		if (low < 0)
			return false;
		ret[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}
