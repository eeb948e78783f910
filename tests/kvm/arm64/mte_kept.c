/*
 * tests/kvm/arm64/mte_kept.c - a guest whose memory tags have to be what they
 * were wherever it goes on (tests/kvm/tags.sh). It tags memory that holds
 * zeroes and memory that does not, waits for a letter, changes half of it, and
 * looks at all tags after the next letter.
 */
#include "tests/kvm/arm64/lib/guest.h"
#include "tests/kvm/arm64/lib/tags.h"

#define PAGES 40UL
#define PAGE 4096UL

static uint8_t memory[PAGES * PAGE] __attribute__((aligned(PAGE)));

/* One for each of the two granules of a page that are looked at: QEMU 7.2 keeps
 * no more. Some are 0. */
static uint64_t tag_of(uint64_t page, uint64_t granule, uint64_t turn)
{
	return (page * 3 + granule * 7 + turn * 5) & 15;
}

static void tag_pages(uint64_t first, uint64_t turn)
{
	for (uint64_t i = first; i < PAGES; i += 2)
		for (uint64_t j = 0; j < 2; j++)
			tag_set(tag_pointer((uint64_t)memory + i * PAGE +
						    j * TAG_GRANULE,
					    tag_of(i, j, turn)));
}

static void check_tags(uint64_t first, uint64_t turn)
{
	for (uint64_t i = first; i < PAGES; i += 2)
		for (uint64_t j = 0; j < 2; j++)
			CHECK_EQ(tag_get((uint64_t)memory + i * PAGE +
					 j * TAG_GRANULE),
				 tag_of(i, j, turn));
}

int main(void)
{
	CHECK(tags_exist());
	tags_turn_on();
	for (uint64_t i = 0; i < PAGES; i += 3)
		write64((uint64_t)memory + i * PAGE + PAGE / 2, i);
	tag_pages(0, 0);
	tag_pages(1, 0);
	put("waiting\n");
	(void)get_char();
	tag_pages(1, 1);
	put("again\n");
	(void)get_char();
	check_tags(0, 0);
	check_tags(1, 1);
	return 0;
}
