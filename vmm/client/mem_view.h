/*
 * vmm/client/mem_view.h - a guest's memory, as it was told by the guest's VMM.
 *
 * Regions by address, and each cut into cells of one size, on its multiples.
 * The VMM's reply is checked: sizes fit, and sums do not overflow. [pure]
 */
#ifndef VMM_CLIENT_MEM_VIEW_H
#define VMM_CLIENT_MEM_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/err.h"
#include "base/range.h"

struct client;

/* Contents of a part of memory, in bytes. */
struct mem_sum {
	uint64_t resident; /* in the host's memory */
	uint64_t huge; /* of @resident, in huge pages */
	uint64_t zero; /* the host's page of zeroes */
	uint64_t swapped;
	uint64_t ballooned; /* the guest gave it away */
	uint64_t unplugged; /* it is not there */
	/* Only for whole regions: */
	uint64_t merged; /* of @resident, by KSM */
	uint64_t dirty; /* changed while it was last measured */
};

struct mem_view_region {
	struct range gpa;
	const char *name, *kind; /* in what was told */
	bool memory; /* there is some; else it is a window, and is empty */
	struct mem_sum sum;
	bool merged_known; /* the host tells what of this region is merged */
	bool dirty_known; /* it has been measured */
	struct mem_sum *cell; /* owned */
	size_t cells;
};

struct mem_view {
	json_t *told; /* owned: the regions, "residency" put into each */
	struct mem_view_region *region; /* owned */
	size_t count;
	uint64_t cell_size; /* in bytes; a power of two */
	bool detail; /* the host tells huge and zero pages apart */
	bool merged_known;
	uint64_t merged; /* by KSM, in all regions, in bytes */
	uint64_t dirty_ms,
		dirty_age_ms; /* of the measurement, if there is one */
};

/*
 * Cuts what x-vmm-query-memory returned into cells, that are all empty.
 *
 * @told:  not trusted; taken over, failure included; NULL is refused
 * @cells: at most as many, and one more for each region
 *
 * Returns 0, -EPROTO or -ENOMEM. @view is to be finished in any case.
 */
int mem_view_init(struct mem_view *view, json_t *told, size_t cells,
		  struct err *err);

/*
 * Adds what x-vmm-query-residency returned of [at, ...) in a region.
 *
 * @reply: not trusted
 * @at:    in: what was asked for; out: from where on to ask next
 *
 * Returns 0, or -EPROTO.
 */
int mem_view_add(struct mem_view *view, struct mem_view_region *region,
		 const json_t *reply, gpa_t *at, struct err *err);

/* Adds the sums to view->told. Returns 0 or -ENOMEM. */
int mem_view_finish_json(struct mem_view *view, struct err *err);

void mem_view_finish(struct mem_view *view); /* zeroed is fine */

/* Asks a guest for all of it. Returns what the above and client_run() do. */
int mem_view_ask(struct mem_view *view, struct client *client, size_t cells,
		 struct err *err);

/* The part of memory that is one of a region's cells. */
struct range mem_view_cell(const struct mem_view *view,
			   const struct mem_view_region *region, size_t cell);

#endif
