/* devices/virtio/balloon_pfn.h - arrays of page numbers, made into ranges. */
#ifndef DEVICES_VIRTIO_BALLOON_PFN_H
#define DEVICES_VIRTIO_BALLOON_PFN_H

#include <stddef.h>
#include <stdint.h>

#include "base/range.h"

/*
 * Makes a range of each run of neighbours, upwards or downwards.
 *
 * @pfn: addresses in units of 4096, little-endian; not trusted, and copied out
 *       of guest memory
 * @ret: has room for @count
 *
 * Returns how many ranges there are. Thread: any.
 */
size_t balloon_pfn_runs(const uint32_t *pfn, size_t count, struct range *ret);

#endif
