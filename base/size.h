/*
 * base/size.h - numbers, sizes, places and durations, as a person types them.
 *
 * A number is decimal digits, or 0x and hexadecimal ones. A leading 0 means
 * nothing. No sign, no blank, nothing after it. All of these
 * return 0; -EINVAL if the text is not of the form told; -ERANGE if the value
 * does not fit; and write their results on success alone. Thread: any.
 */
#ifndef BASE_SIZE_H
#define BASE_SIZE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/range.h"

/* A plain number. */
int number_parse(const char *s, uint64_t *ret);

/*
 * Reads the decimal number that @text, which a kernel made, begins with, behind
 * any blanks. Returns what is behind it; NULL if there is none, or it does not
 * fit. (sscanf() would bring 60 KiB of the C library into each guest's start.)
 */
const char *number_scan(const char *text, uint64_t *ret);

/*
 * A number of bytes: a number and a unit, upper or lower case: B, or one of K M
 * G T P in steps of 1024. KiB, MiB, ... and KB, MB, ... are other names of K,
 * M,
 * .... A decimal number may have a fraction of up to 18 digits, if the size is
 * a whole number of bytes (1.5G). Without a unit, the number counts @unit
 * bytes.
 *
 * @unit: a power of two
 *
 * A fraction that is no whole number of bytes is -EINVAL.
 */
int size_parse(const char *s, uint64_t unit, uint64_t *ret);

/* The form of a size, for messages that refuse one. The caller adds what a bare
 * number means. */
#define SIZE_FORM \
	"a number and B, K, M, G, T or P (or KiB, MB, ...), as in 2G or 1.5G"

/*
 * "SIZE" or "SIZE@ADDRESS". An address without a unit counts @unit bytes if it
 * is decimal, and bytes if it is hexadecimal. Without an address, ret->start is
 * 0 and *ret_placed false. -ERANGE, too, if the range is empty or wraps.
 */
int size_at_parse(const char *s, uint64_t unit, struct range *ret,
		  bool *ret_placed);

#define SIZE_TEXT 24 /* room for what size_format() writes */

/* Writes @size as size_parse() reads it, with the largest letter that loses
 * nothing: "2M", "1G", "12345" (bytes). Returns @buf. */
const char *size_format(char buf[SIZE_TEXT], uint64_t size);

/*
 * A duration: a number and one of ns us ms s m h; without one, seconds.
 * @ret: in nanoseconds
 */
int duration_parse(const char *s, uint64_t *ret);

/* Bytes in KiB, rounded up: for messages of what is needed. */
static inline uint64_t size_kib(uint64_t bytes)
{
	return (bytes >> 10) + (bytes % 1024 != 0);
}

#endif
