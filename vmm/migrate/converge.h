/*
 * vmm/migrate/converge.h - how much the vCPUs of a guest have to be slowed so
 * that its memory can be sent faster than it writes. [pure]
 *
 * After each pass it is worked out anew, from what was written in it and how
 * fast the way was: no vCPU is slowed for longer, or more, than that takes.
 * Thread: one at a time.
 */
#ifndef VMM_MIGRATE_CONVERGE_H
#define VMM_MIGRATE_CONVERGE_H

#include <stdint.h>

#define CONVERGE_MOST 99 /* percent */
#define CONVERGE_MAX_VCPUS 64

/* Zeroed but for @vcpus and @most, it begins. */
struct converge {
	unsigned vcpus; /* at most CONVERGE_MAX_VCPUS */
	unsigned most; /* percent of its time that a vCPU may lose */
	/* What each loses now; 0: it is not slowed. */
	uint8_t percent[CONVERGE_MAX_VCPUS];
};

/*
 * Works out what the vCPUs lose from now on. They may write half of what is
 * sent in the same time, so that what is left halves with each pass. Those that
 * write less than their part of that are not slowed.
 *
 * @wrote: of each vCPU, how much it wrote in the last pass, in any unit; NULL,
 *         or all zeroes: it is not known who did
 * @dirty: bytes in a second that were written in it, while they lost @percent
 * @way:   bytes in a second that were sent in it; 0: not known
 */
void converge_plan(struct converge *converge, const uint64_t *wrote,
		   uint64_t dirty, uint64_t way);

/* What the vCPU loses that loses most, in percent. */
unsigned converge_worst(const struct converge *converge);

#endif
