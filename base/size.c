/* base/size.c - numbers, sizes, places and durations, as typed. */
#include "base/size.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static int digit(char c, unsigned base)
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

/* Reads the number at *s, and moves *s behind it. */
static int number(const char **s, uint64_t *ret)
{
	const char *p = *s;
	unsigned base = 10;
	uint64_t val = 0;
	int d;

	if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		base = 16;
		p += 2;
	}
	if (digit(*p, base) < 0)
		return -EINVAL;
	for (; (d = digit(*p, base)) >= 0; p++)
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
	int r = number(&s, &val);

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
	if (digit(*text, 10) < 0)
		return NULL;
	for (; (d = digit(*text, 10)) >= 0; text++)
		if (__builtin_mul_overflow(val, UINT64_C(10), &val) ||
		    __builtin_add_overflow(val, (uint64_t)d, &val))
			return NULL;
	*ret = val;
	return text;
}

/* Reads the size at *s, and moves *s behind it. */
static int size(const char **s, uint64_t unit, uint64_t *ret)
{
	static const char letters[] = "BKMGTP";
	const char *letter;
	uint64_t val;
	int r = number(s, &val);

	if (r < 0)
		return r;
	if (**s && **s != '@') {
		letter = strchr(letters, **s & ~0x20);
		if (!letter || !*letter)
			return -EINVAL;
		unit = 1ull << (10 * (letter - letters));
		++*s;
	}
	return __builtin_mul_overflow(val, unit, ret) ? -ERANGE : 0;
}

int size_parse(const char *s, uint64_t unit, uint64_t *ret)
{
	uint64_t val;
	int r = size(&s, unit, &val);

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
	int r = size(&s, unit, &at.size);

	if (r == 0 && *s == '@') {
		placed = true;
		r = size_parse(s + 1, 1, &at.start);
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
	int r = number(&s, &val);

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
