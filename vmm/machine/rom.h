/* vmm/machine/rom.h - --rom: a file that the guest reads and executes, not
 * writes. */
#ifndef VMM_MACHINE_ROM_H
#define VMM_MACHINE_ROM_H

#include <stdint.h>

#include "base/err.h"
#include "base/range.h"
#include "mem/backing.h"
#include "vmm/config.h"

#define ROM_SIZE_MAX (1ULL << 30)

/*
 * Copies a file to memory of its own, with zeroes to the end of its last page;
 * so what becomes of the file does not matter to the guest. The memory is then
 * read-only to us as well.
 *
 * @page:    what a slot's address and size must be multiples of, in bytes
 * @block:   as in backing_init()
 * @ret_gpa: where it is, whole pages
 *
 * Returns 0; as the user's faults: what file_open() returns, -ENODATA if the
 * file is empty, -EFBIG if it is larger than ROM_SIZE_MAX, -EINVAL if the
 * address is not a multiple of @page, -ERANGE if it ends beyond the last
 * address; else what backing_init() returns. Thread: setup.
 */
int rom_load(struct backing *ret, const struct rom_spec *spec, uint64_t page,
	     uint64_t block, struct range *ret_gpa, struct err *err);

#endif
