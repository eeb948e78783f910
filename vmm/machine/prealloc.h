/* vmm/machine/prealloc.h - takes all of the memory that --mem wants taken at
 * once. */
#ifndef VMM_MACHINE_PREALLOC_H
#define VMM_MACHINE_PREALLOC_H

#include "base/err.h"
#include "mem/map.h"

/*
 * Populates what mem/populate.h does, and waits for it. On a terminal, a bar
 * shows how far it is, if that takes longer than a person notices.
 *
 * @map:      frozen
 * @signals:  a signalfd; a signal that arrives there ends it
 * @terminal: a descriptor for the bar; -1: none
 *
 * Returns 0; the number of the signal; or what mem/populate.h returns.
 * Thread: setup.
 */
int prealloc(const struct mem_map *map, int signals, int terminal,
	     struct err *err);

#endif
