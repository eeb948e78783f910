/* base/size.c - numbers, sizes, places and durations, as typed. */
#include "base/size.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Digits of a fraction, so that twice of it fits in 64 bits. */
#define SIZE_FRACTION_DIGITS 18

static int digit_value(char c, unsigned base)
{
	unsigned d = base;

	if (c >= '0' && c <= '9')
		d = (unsigned)(c - '0');
	else if (c >= 'a' && c <= 'f')
		d = (unsigned)(c - 'a') + 10;
	else if (c >= 'A' && c <= 'F')
		d = (unsigned)(c - 'A') + 10;
	return d < base ? (int)d : -1;
}

static bool is_hex(const char *s)
{
	return s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
}

/* Reads the number at *s, and moves *s behind it. */
static int parse_number(const char **s, uint64_t *ret)
{
	const char *p = *s;
	unsigned base = 10;
	uint64_t val = 0;
	int d;

	if (is_hex(p)) {
		base = 16;
		p += 2;
	}
	if (digit_value(*p, base) < 0)
		return -EINVAL;
	for (; (d = digit_value(*p, base)) >= 0; p++)
		if (__builtin_mul_overflow(val, (uint64_t)base, &val) ||
		    __builtin_add_overflow(val, (uint64_t)d, &val))
			return -ERANGE;
	*s = p;
	*ret = val;
	return 0;
}

int number_parse(const char *s, uint64_t *ret)
{
	uint64_t val;
	int r = parse_number(&s, &val);

	if (r < 0)
		return r;
	if (*s)
		return -EINVAL;
	*ret = val;
	return 0;
}

const char *number_scan(const char *text, uint64_t *ret)
{
	uint64_t val = 0;
	int d;

	text += strspn(text, " \t");
	if (digit_value(*text, 10) < 0)
		return NULL;
	for (; (d = digit_value(*text, 10)) >= 0; text++)
		if (__builtin_mul_overflow(val, UINT64_C(10), &val) ||
		    __builtin_add_overflow(val, (uint64_t)d, &val))
			return NULL;
	*ret = val;
	return text;
}

/*
 * Reads the digits behind the point of a decimal fraction.
 *
 * @ret: bytes that the fraction adds to a number of units of @unit bytes
 */
static int size_fraction(const char *s, uint64_t unit, uint64_t *ret)
{
	const size_t digits = strspn(s, "0123456789");
	size_t used = digits;
	uint64_t part = 0, whole = 1, bytes = 0;

	while (used > 0 && s[used - 1] == '0')
		used--;
	if (digits == 0 || used > SIZE_FRACTION_DIGITS)
		return -EINVAL;
	for (size_t i = 0; i < used; i++) {
		part = part * 10 + (uint64_t)digit_value(s[i], 10);
		whole *= 10;
	}
	/* One binary digit of part / whole for each halving of the unit. */
	for (; unit > 1; unit /= 2) {
		part *= 2;
		bytes = bytes * 2 + (part >= whole);
		part -= part >= whole ? whole : 0;
	}
	if (part != 0)
		return -EINVAL;
	*ret = bytes;
	return 0;
}

/* Reads the name of a unit at *s, if there is one, and moves *s behind it. */
static void size_unit(const char **s, uint64_t *unit)
{
	static const char letters[] = "BKMGTP";
	const char letter = (char)(**s & ~0x20);
	const char *found = letter ? strchr(letters, letter) : NULL;

	if (!found)
		return;
	*unit = 1ull << (10 * (found - letters));
	++*s;
	if (letter == 'B')
		return;
	if (strncasecmp(*s, "iB", 2) == 0)
		*s += 2;
	else if (strncasecmp(*s, "B", 1) == 0)
		++*s;
}

/* Reads the size at *s, and moves *s behind it. */
static int parse_size(const char **s, uint64_t unit, uint64_t *ret)
{
	const bool hex = is_hex(*s);
	const char *fraction = NULL;
	uint64_t val, more = 0;
	int r = parse_number(s, &val);

	if (r < 0)
		return r;
	if (!hex && **s == '.') {
		fraction = ++*s;
		*s += strspn(*s, "0123456789");
	}
	size_unit(s, &unit);
	if (fraction)
		r = size_fraction(fraction, unit, &more);
	if (r < 0)
		return r;
	return __builtin_mul_overflow(val, unit, &val) ||
			       __builtin_add_overflow(val, more, ret)
		     ? -ERANGE
		     : 0;
}

int size_parse(const char *s, uint64_t unit, uint64_t *ret)
{
	uint64_t val;
	int r = parse_size(&s, unit, &val);

	if (r == 0 && *s)
		r = -EINVAL;
	if (r == 0)
		*ret = val;
	return r;
}

int size_at_parse(const char *s, uint64_t unit, struct range *ret,
		  bool *ret_placed)
{
	struct range at = { 0 };
	bool placed = false;
	int r = parse_size(&s, unit, &at.size);

	if (r == 0 && *s == '@') {
		placed = true;
		s++;
		r = size_parse(s, is_hex(s) ? 1 : unit, &at.start);
	} else if (r == 0 && *s) {
		r = -EINVAL;
	}
	if (r == 0 && !range_valid(at))
		r = -ERANGE;
	if (r < 0)
		return r;
	*ret = at;
	*ret_placed = placed;
	return 0;
}

const char *size_format(char buf[SIZE_TEXT], uint64_t size)
{
	static const char letters[] = "KMGTP";
	size_t step = 0;

	while (size != 0 && size % 1024 == 0 && letters[step]) {
		size /= 1024;
		step++;
	}
	if (step == 0)
		(void)snprintf(buf, SIZE_TEXT, "%" PRIu64, size);
	else
		(void)snprintf(buf, SIZE_TEXT, "%" PRIu64 "%c", size,
			       letters[step - 1]);
	return buf;
}

int duration_parse(const char *s, uint64_t *ret)
{
	static const struct {
		const char *name;
		uint64_t ns;
	} units[] = {
		{ "", 1000000000 },
		{ "ns", 1 },
		{ "us", 1000 },
		{ "ms", 1000000 },
		{ "s", 1000000000 },
		{ "m", 60 * 1000000000ull },
		{ "h", 3600 * 1000000000ull },
	};
	uint64_t val;
	int r = parse_number(&s, &val);

	if (r < 0)
		return r;
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(s, units[i].name) != 0)
			continue;
		if (__builtin_mul_overflow(val, units[i].ns, &val))
			return -ERANGE;
		*ret = val;
		return 0;
	}
	return -EINVAL;
}
