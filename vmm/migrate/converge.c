/* vmm/migrate/converge.c - how much the vCPUs of a guest have to be slowed. */
#include "vmm/migrate/converge.h"

#include <stdbool.h>

/* What each vCPU would write in a second if it were not slowed. */
static void find_wishes(const struct converge *c, const uint64_t *wrote,
			uint64_t dirty, double *ret)
{
	double all = 0;

	for (unsigned i = 0; wrote && i < c->vcpus; i++)
		all += (double)wrote[i];
	for (unsigned i = 0; i < c->vcpus; i++) {
		const double part = wrote && all > 0 ? (double)wrote[i] / all
						     : 1.0 / c->vcpus;

		ret[i] = part * (double)dirty * 100 / (100 - c->percent[i]);
	}
}

/* The most that each may write so that all together write no more than
 * @allowed: what those leave who want less is the others'. */
static double find_level(const double *wish, unsigned count, double allowed)
{
	bool sated[CONVERGE_MAX_VCPUS] = { false };
	double level = allowed / count;
	unsigned left = count;
	bool again = true;

	while (again && left > 0) {
		again = false;
		level = allowed / left;
		for (unsigned i = 0; i < count && left > 0; i++) {
			if (sated[i] || wish[i] > level)
				continue;
			sated[i] = again = true;
			allowed -= wish[i];
			left--;
		}
	}
	return level;
}

static uint8_t percent_lost(double wish, double level, unsigned most)
{
	const double lost = wish > level ? 100 * (1 - level / wish) : 0;
	const unsigned percent = (unsigned)lost +
				 ((double)(unsigned)lost < lost);

	return (uint8_t)(percent < most ? percent : most);
}

void converge_plan(struct converge *converge, const uint64_t *wrote,
		   uint64_t dirty, uint64_t way)
{
	const double allowed = (double)way / 2;
	double wish[CONVERGE_MAX_VCPUS] = { 0 };
	double all = 0, level;

	if (way == 0)
		return;
	find_wishes(converge, wrote, dirty, wish);
	for (unsigned i = 0; i < converge->vcpus; i++)
		all += wish[i];
	level = all > allowed ? find_level(wish, converge->vcpus, allowed)
			      : all;
	for (unsigned i = 0; i < converge->vcpus; i++)
		converge->percent[i] = percent_lost(wish[i], level,
						    converge->most);
}

unsigned converge_worst(const struct converge *converge)
{
	unsigned worst = 0;

	for (unsigned i = 0; i < converge->vcpus; i++)
		if (converge->percent[i] > worst)
			worst = converge->percent[i];
	return worst;
}
