/*
 * base/size.h - numbers, sizes, places and durations, as a person types them.
 *
 * A number is decimal digits, or 0x and hexadecimal ones. A leading 0 means
 * nothing. No sign, no blank, no fraction, nothing after it. All of these
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
 * A number of bytes: a number and one of B K M G T P, upper or lower case, in
 * steps of 1024. Without a letter, the number counts @unit bytes.
 */
int size_parse(const char *s, uint64_t unit, uint64_t *ret);

/*
 * "SIZE" or "SIZE@ADDRESS". An address without a letter is in bytes. Without
 * one, ret->start is 0 and *ret_placed false. -ERANGE, too, if the range is
 * empty or wraps.
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

#endif
