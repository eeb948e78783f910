/*
 * base/decimal.h - a number in decimal digits, without printf(3).
 *
 * Starting a guest puts two names together that hold its process's number.
 * printf(3) would be half of what that costs.
 */
#ifndef BASE_DECIMAL_H
#define BASE_DECIMAL_H

#define DECIMAL_MAX 10 /* digits of an unsigned int */

/* Writes @value's digits so that the last one is before @end. Returns where the
 * first one is. The caller has DECIMAL_MAX bytes there. */
static inline char *decimal_put_before(char *end, unsigned value)
{
	do
		*--end = (char)('0' + value % 10);
	while (value /= 10);
	return end;
}

#endif
