/* arch/arm64/core_views.c - where Linux on arm64 sees its memory. */
#include <string.h>

#include "arch/arm64/core.h"
#include "base/align.h"

#define MIN_VA_BITS 36
#define MAX_VA_BITS 52

#define PHYS_END (UINT64_C(1) << 52) /* of physical addresses */

/* A kernel's image lies on such addresses, in bytes. */
#define IMAGE_ALIGN (UINT64_C(2) << 20)

/* No kernel's image is larger, in bytes. */
#define IMAGE_MAX (UINT64_C(512) << 20)

/*
 * The highest symbol of the image that is told: the end of the image is not.
 * Symbols elsewhere (of modules, of the linear map) are too far away.
 */
static uint64_t last_symbol(const char *info, uint64_t first)
{
	static const char symbol[] = "\nSYMBOL(";
	uint64_t last = first;

	for (const char *at = strstr(info, symbol); at;
	     at = strstr(at + 1, symbol)) {
		const char *equals = strchr(at, '=');
		char key[64];
		uint64_t val;

		if (!equals || (size_t)(equals - at) > sizeof(key))
			continue;
		memcpy(key, at + 1, (size_t)(equals - at) - 1);
		key[equals - at - 1] = 0;
		if (core_vmcoreinfo_get(at + 1, key, 16, &val) &&
		    val - first < IMAGE_MAX && val > last)
			last = val;
	}
	return last;
}

size_t arm64_core_views(const char *info, struct core_view *ret)
{
	uint64_t bits, offset, image, first, start;

	if (!info || !core_vmcoreinfo_get(info, "NUMBER(VA_BITS)", 0, &bits) ||
	    !core_vmcoreinfo_get(info, "NUMBER(PHYS_OFFSET)", 0, &offset) ||
	    bits < MIN_VA_BITS || bits > MAX_VA_BITS)
		return 0;
	/* Modulo 2^64: a kernel for 52 bits that runs with 48 has an offset
	 * below 0, so that the sum is right. */
	ret[0] = (struct core_view){
		.gpa = { 0, PHYS_END },
		.vaddr = (UINT64_MAX << bits) - offset,
	};
	if (!core_vmcoreinfo_get(info, "NUMBER(kimage_voffset)", 0, &image) ||
	    !core_vmcoreinfo_get(info, "SYMBOL(_stext)", 16, &first))
		return 1;
	start = align_down(first, IMAGE_ALIGN);
	if (start - image >= PHYS_END)
		return 1;
	ret[1] = (struct core_view){
		.gpa = { start - image,
			 align_down(last_symbol(info, first) - start,
				    IMAGE_ALIGN) +
				 IMAGE_ALIGN },
		.vaddr = start,
	};
	return 2;
}
