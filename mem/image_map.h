/*
 * mem/image_map.h - guest memory that is mapped from the files of a snapshot.
 *
 * The file of the full image is mapped privately, and what the diffs on top of
 * it hold is mapped over it, or copied where it is little. So all guests that
 * go on from one snapshot share the host's page cache until they write, and
 * nothing is read before it is touched. Large holes stay anonymous memory,
 * which is zero and takes none.
 *
 * The content of pages is not compared with checksums: image_chain_verify()
 * does that, beforehand. Whoever changes the files while the guest runs changes
 * what it finds; one that is cut short ends it (vmm/kvm/sigbus.h).
 */
#ifndef MEM_IMAGE_MAP_H
#define MEM_IMAGE_MAP_H

#include "base/err.h"
#include "mem/backing.h"
#include "mem/image_chain.h"

struct image_map;

/*
 * Whether memory of a policy can be mapped from files. Returns 0; or -ENOTSUP
 * with @err naming the word of the policy that is in the way.
 */
int image_map_check(const struct mem_policy *policy, struct err *err);

/*
 * Maps a region. Sets backing->fill.
 *
 * @chain:   borrowed, outlives the backing; image_chain_load() and the like are
 *           not called while a thread uses the memory
 * @region:  of the chain, and of the backing's size
 * @backing: of a policy that image_map_check() takes; not touched yet
 * @ret:     freed after the backing
 *
 * Returns 0; what image_map_check(), image_read_chunk() and backing_advise()
 * return; -ENOMEM; or the errno of mmap(2) or pread(2). Thread: setup.
 */
int image_map_new(struct image_map **ret, const struct image_chain *chain,
		  size_t region, struct backing *backing, struct err *err);
struct image_map *image_map_free(struct image_map *map); /* NULL is fine */

#endif
