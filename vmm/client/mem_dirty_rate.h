/* vmm/client/mem_dirty_rate.h - vmm mem NAME --dirty-rate. [pure] */
#ifndef VMM_CLIENT_MEM_DIRTY_RATE_H
#define VMM_CLIENT_MEM_DIRTY_RATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "vmm/client/client.h"

#define DIRTY_RATE_NS NS_PER_SECOND /* if no time was given */

/*
 * Parses for how long to measure: a duration, in seconds without a unit.
 *
 * @ret: in nanoseconds
 *
 * Returns 0; or -EINVAL or -ERANGE, the user's mistake.
 */
int mem_dirty_rate_parse(const char *word, uint64_t *ret, struct err *err);

/*
 * Has the machine measure how many pages the guest and its devices change, and
 * prints it.
 *
 * Returns 0, or what client_run() and client_event() return.
 */
int mem_dirty_rate(struct client *client, uint64_t ns, bool json,
		   struct err *err);

#endif
