/* arch/arm64/core.h - where Linux on arm64 sees its memory. [pure] */
#ifndef ARCH_ARM64_CORE_H
#define ARCH_ARM64_CORE_H

#include <stddef.h>

#include "vmm/debug/core.h"

/*
 * Reads from a kernel's VMCOREINFO where its linear map is, and where its
 * image. What makes no sense is left out.
 *
 * @info: not trusted
 * @ret:  CORE_MAX_VIEWS of them
 *
 * Returns how many there are: none, the linear map, or both.
 *
 * Source: Linux, arch/arm64/kernel/vmcore_info.c and Documentation/arch/arm64/
 * memory.rst: the linear map is the lower half of the kernel's addresses.
 */
size_t arm64_core_views(const char *info, struct core_view *ret);

#endif
