/* base/closest.c - the valid word that a mistyped one was meant to be. */
#include "base/closest.h"

#include <errno.h>
#include <string.h>

static unsigned min_edits(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* The edits between two words of at most CLOSEST_MAX_LEN letters. */
static unsigned count_edits(const char *a, unsigned na, const char *b,
			    unsigned nb)
{
	unsigned row[3][CLOSEST_MAX_LEN + 1];

	for (unsigned j = 0; j <= nb; j++)
		row[0][j] = j;
	for (unsigned i = 1; i <= na; i++) {
		const unsigned *up2 = row[(i + 1) % 3];
		const unsigned *up = row[(i + 2) % 3];
		unsigned *now = row[i % 3];

		now[0] = i;
		for (unsigned j = 1; j <= nb; j++) {
			now[j] = min_edits(up[j], now[j - 1]) + 1;
			now[j] = min_edits(now[j],
					   up[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				now[j] = min_edits(now[j], up2[j - 2] + 1);
		}
		/* Row i + 1 finds row i - 1 where it looks for "up2". */
	}
	return row[na % 3][nb];
}

void closest_try(struct closest *near, const char *candidate)
{
	const size_t na = strlen(near->word);
	const size_t nb = strlen(candidate);
	unsigned d;

	if (na == 0 || na > CLOSEST_MAX_LEN || nb > CLOSEST_MAX_LEN)
		return;
	if (na >= 2 && na < nb && memcmp(near->word, candidate, na) == 0)
		d = 1;
	else
		d = count_edits(near->word, (unsigned)na, candidate,
				(unsigned)nb);
	if (d > (nb + 2) / 3 || (near->best && d >= near->distance))
		return;
	near->best = candidate;
	near->distance = d;
}

int closest_refuse(const struct closest *near, const char *what,
		   struct err *err)
{
	if (!near->best)
		return err_input(err, -EINVAL, "unknown %s '%s'", what,
				 near->word);
	return err_input(err, -EINVAL, "unknown %s '%s' (did you mean '%s'?)",
			 what, near->word, near->best);
}
