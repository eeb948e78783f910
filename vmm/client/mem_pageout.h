/* vmm/client/mem_pageout.h - vmm mem --pageout. [pure] */
#ifndef VMM_CLIENT_MEM_PAGEOUT_H
#define VMM_CLIENT_MEM_PAGEOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct client;

/* Memory to be paged out. Starts zeroed: nothing. */
struct mem_pageout {
	bool on;
	const char *region; /* borrowed; NULL: all */
	uint64_t idle_ms; /* only what is not used for so long; 0: all */
};

/* Parses the option's value: a region's name, "cold", "cold:DURATION", or NULL.
 * Returns 0, -EINVAL or -ERANGE. */
int mem_pageout_parse(struct mem_pageout *ret, const char *value,
		      struct err *err);

/* Has it done, waits for that, and tells. Returns 0, what client_run() returns,
 * or -EIO if it came to grief on its way. */
int mem_pageout_run(struct client *client, const struct mem_pageout *what,
		    bool as_json, struct err *err);

#endif
