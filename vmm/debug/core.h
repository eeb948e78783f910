/*
 * vmm/debug/core.h - a guest as an ELF core, for gdb, crash and drgn. [pure]
 *
 * The core has the notes of its vCPUs, the guest kernel's own VMCOREINFO if it
 * has one, and a segment for each region of guest memory, by physical address.
 * Where the architecture knows at which virtual addresses the guest's kernel
 * sees its memory, the segments carry those as well. The file is sparse: what
 * the guest never touched takes no space.
 *
 * Source: System V ABI, chapters 4 and 5; Linux, include/uapi/linux/elf.h and
 * Documentation/admin-guide/kdump/vmcoreinfo.rst.
 */
#ifndef VMM_DEBUG_CORE_H
#define VMM_DEBUG_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/range.h"
#include "mem/map.h"
#include "vmm/boot/elf_fields.h"

/* Notes that are being collected. Zeroed, there are none. */
struct core_notes {
	const struct elf_target *target; /* borrowed; set by the owner */
	uint8_t *data; /* owned */
	size_t size; /* bytes written */
	size_t room; /* bytes allocated */
	bool failed; /* there was no memory for one */
};

/*
 * Adds a note. A failure sticks, and core_write() returns it.
 *
 * @name: its owner, "CORE" say
 * @desc: @size bytes, in the guest's byte order
 */
void core_add_note(struct core_notes *notes, const char *name, uint32_t type,
		   const void *desc, size_t size);

/*
 * Adds a vCPU's NT_PRSTATUS, in which a debugger finds its registers.
 *
 * @cpu: its number; a debugger shows it as the process @cpu + 1
 * @reg: in the order of the architecture's elf_gregset_t
 */
void core_add_prstatus(struct core_notes *notes, unsigned cpu,
		       const uint64_t *reg, size_t count);

void core_notes_finish(struct core_notes *notes); /* zeroed is fine */

/* A window in which the guest's kernel sees physical memory. */
struct core_view {
	struct range gpa; /* what it sees */
	uint64_t vaddr; /* where, its first byte */
};

#define CORE_MAX_VIEWS 2

/* The most that a guest's VMCOREINFO may have, in bytes. */
#define CORE_MAX_VMCOREINFO 8192

/*
 * Finds the VMCOREINFO note that a Linux guest keeps in a page of its own, and
 * copies its text. The guest is paused.
 *
 * @stop: atomic; borrowed: set, it has the search end
 * @ret: the text and a byte 0; freed by the caller; not trusted. NULL if there
 *       is none: no Linux, a kernel without CONFIG_VMCORE_INFO, or one that has
 *       not come that far. After a kexec there may be two, and it is the one at
 *       the lower address
 *
 * Returns 0; what residency_open() and contents_find() return; -ENOMEM;
 * -ECANCELED. Thread: any.
 */
int core_find_vmcoreinfo(const struct mem_map *map, const bool *stop,
			 char **ret, struct err *err);

/*
 * Finds a number in a VMCOREINFO: of a line "KEY(NAME)=NUMBER", in the form in
 * which Linux writes such lines.
 *
 * @key:  "NUMBER(VA_BITS)" say
 * @base: as of strtoull(3); 0: as the number itself says
 *
 * Returns false if there is no such line, or it has no number.
 */
bool core_vmcoreinfo_get(const char *info, const char *key, int base,
			 uint64_t *ret);

/* The content of a core. */
struct core {
	const struct elf_target *target; /* borrowed */
	const struct core_notes *notes; /* borrowed */
	const struct mem_map *map; /* borrowed; frozen */
	const struct core_view *view; /* @views of them; the first is that of
					 all memory, if the kernel has such */
	size_t views;
	const bool *stop; /* atomic; borrowed: set, it has the writing end */
};

/*
 * Writes a core.
 *
 * @fd:        a regular file, empty, open for writing
 * @ret_bytes: of guest memory that were written
 *
 * Returns 0; -ENOMEM; -ECANCELED; -EFBIG if memory lies where a 32-bit core
 * cannot tell it; what residency_open() and contents_find() return; or the
 * errno of pwrite(2) or ftruncate(2). Thread: any; the guest is paused.
 */
int core_write(int fd, const struct core *core, uint64_t *ret_bytes,
	       struct err *err);

#endif
