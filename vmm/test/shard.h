/* vmm/test/shard.h - one of several parts of a suite, for several machines.
 * [pure] */
#ifndef VMM_TEST_SHARD_H
#define VMM_TEST_SHARD_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * Divides runs among parts that take as long as each other, as far as their
 * times are known: the longest that is left goes to the part with the least.
 * The same runs and times make the same parts, on every machine.
 *
 * @ns:  of each run; 0: not known, and taken for the mean of those that are
 * @ret: the part of each, from 1 to @shards
 *
 * Returns 0 or -ENOMEM.
 */
int shard_divide(const uint64_t *ns, size_t count, uint64_t shards,
		 uint64_t *ret, struct err *err);

#endif
