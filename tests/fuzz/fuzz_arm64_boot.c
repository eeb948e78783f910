/* tests/fuzz/fuzz_arm64_boot.c - nothing is placed outside RAM, or on top of
 * something else, whatever an image's header says. */
#include <stdlib.h>
#include <string.h>

#include "arch/arm64/boot.h"
#include "tests/fuzz/fuzz.h"

/* What the fuzzer chooses beside the header. */
struct choice {
	struct range ram[2];
	uint64_t size, initrd_size, dtb_size, fixed_at;
	uint8_t dtb_shift, fixed, span, unused[5];
};

static bool in_ram(const struct choice *c, struct range at)
{
	return range_valid(at) &&
	       (range_contains(c->ram[0], at) || range_contains(c->ram[1], at));
}

static void check(const struct choice *c, const struct arm64_payload *want,
		  const struct arm64_placement *at)
{
	const struct arm64_kernel *k = &want->kernel;
	const struct range kernel = { at->kernel, k->span ? k->span : k->size };

	if (!in_ram(c, kernel) || !in_ram(c, at->dtb) ||
	    range_overlaps(kernel, at->dtb) || at->dtb.size != want->dtb_size)
		abort();
	if (at->initrd.size != want->initrd_size)
		abort();
	if (at->initrd.size > 0 &&
	    (!in_ram(c, at->initrd) || range_overlaps(kernel, at->initrd) ||
	     range_overlaps(at->dtb, at->initrd)))
		abort();
	if (k->fixed ? at->kernel != k->at
		     : (at->kernel - k->offset) % k->align != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arm64_payload want = { .kernel_path = "k", .initrd_path = "i" };
	struct arm64_placement at;
	struct err err = { 0 };
	struct choice c;
	size_t head;

	if (size < sizeof(c))
		return 0;
	memcpy(&c, data, sizeof(c));
	data += sizeof(c);
	head = size - sizeof(c);
	if (head > ARM64_IMAGE_HEADER)
		head = ARM64_IMAGE_HEADER;
	if (!range_valid(c.ram[0]) || !range_valid(c.ram[1]) || c.size == 0 ||
	    c.dtb_size == 0)
		return 0;
	if (arm64_image_parse(data, head, c.size, &want.kernel, &err) < 0)
		return 0;
	if (want.kernel.size != c.size ||
	    (want.kernel.span != 0 && want.kernel.span < c.size))
		abort();
	if (c.fixed & 1) {
		want.kernel.fixed = true;
		want.kernel.at = c.fixed_at;
	}
	if (c.span & 1)
		want.kernel.span = want.kernel.size;
	want.initrd_size = c.initrd_size;
	want.dtb_size = c.dtb_size;
	want.dtb_align = 1ULL << c.dtb_shift % 22;
	if (arm64_place(&want, c.ram, 2, &at, &err) == 0)
		check(&c, &want, &at);
	else if (!err.input || !err.msg[0])
		abort();
	return 0;
}
