/* mem/residency.c - how much of a region's host memory is there, and how. */
#include "mem/residency.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/size.h"
#include "mem/pagemap_scan.h"

#define ENTRY_PRESENT (UINT64_C(1) << 63)
#define ENTRY_SWAPPED (UINT64_C(1) << 62)

#define READ_ENTRIES 1024

static void count_resident(struct residency *sum, uint64_t size,
			   uint64_t categories)
{
	if (categories & IS_ZERO) {
		sum->zero += size;
	} else if (categories & IS_PRESENT) {
		sum->resident += size;
		if (categories & IS_HUGE)
			sum->huge += size;
	} else if (categories & IS_SWAPPED) {
		sum->swapped += size;
	}
}

static void count_region(void *ctx, const struct scan_region *region)
{
	count_resident(ctx, region->end - region->start, region->categories);
}

/* The callback for each run of pages. */
struct walk {
	void (*found)(void *ctx, const struct scan_region *region);
	void *ctx;
};

static int walk_scan(const struct residency_source *source, uintptr_t host,
		     uint64_t size, const struct walk *walk, struct err *err)
{
	const struct scan_arg arg = {
		.start = host,
		.end = host + size,
		.category_anyof_mask = IS_PRESENT | IS_SWAPPED,
		.return_mask = IS_PRESENT | IS_SWAPPED | IS_ZERO | IS_HUGE,
	};

	return pagemap_scan(source->fd, &arg, walk->found, walk->ctx, err);
}

static uint64_t entry_categories(uint64_t entry)
{
	if (entry & ENTRY_PRESENT)
		return IS_PRESENT;
	return entry & ENTRY_SWAPPED ? IS_SWAPPED : 0;
}

/* Passes neighbours of one kind on as one run. */
static void walk_entries(const struct residency_source *source,
			 const uint64_t *entry, size_t count, uint64_t first,
			 const struct walk *walk)
{
	for (size_t i = 0; i < count;) {
		struct scan_region run = {
			.start = (first + i) * source->page,
			.categories = entry_categories(entry[i]),
		};

		while (i < count &&
		       entry_categories(entry[i]) == run.categories)
			i++;
		run.end = (first + i) * source->page;
		if (run.categories != 0)
			walk->found(walk->ctx, &run);
	}
}

static int walk_pagemap(const struct residency_source *source, uintptr_t host,
			uint64_t size, const struct walk *walk, struct err *err)
{
	uint64_t entry[READ_ENTRIES];
	uint64_t first = host / source->page;
	const uint64_t end = first + size / source->page;

	while (first < end) {
		const uint64_t left = end - first;
		const size_t n = left < READ_ENTRIES ? (size_t)left
						     : READ_ENTRIES;
		const int r = file_read_at(source->fd, entry,
					   n * sizeof(*entry),
					   first * sizeof(*entry));

		if (r < 0)
			return err_set(err, r, PAGEMAP ": %s",
				       strerrordesc_np(-r));
		walk_entries(source, entry, n, first, walk);
		first += n;
	}
	return 0;
}

static int walk_pages(const struct residency_source *source, uintptr_t host,
		      uint64_t size, const struct walk *walk, struct err *err)
{
	return source->scan ? walk_scan(source, host, size, walk, err)
			    : walk_pagemap(source, host, size, walk, err);
}

int residency_add(const struct residency_source *source, uintptr_t host,
		  uint64_t size, struct residency *sum, struct err *err)
{
	const struct walk walk = { count_region, sum };

	return walk_pages(source, host, size, &walk, err);
}

struct finder {
	void (*found)(void *ctx, uintptr_t host, uint64_t size);
	void *ctx;
};

static void find_region(void *ctx, const struct scan_region *region)
{
	const struct finder *finder = ctx;

	if (!(region->categories & IS_ZERO))
		finder->found(finder->ctx, (uintptr_t)region->start,
			      region->end - region->start);
}

int residency_find(const struct residency_source *source, uintptr_t host,
		   uint64_t size,
		   void (*found)(void *ctx, uintptr_t host, uint64_t size),
		   void *ctx, struct err *err)
{
	struct finder finder = { found, ctx };
	const struct walk walk = { find_region, &finder };

	return walk_pages(source, host, size, &walk, err);
}

uint64_t residency_step(const struct residency_source *source)
{
	/* 8 MiB of page tables at most, of 4 KiB pages; or 64 KiB to copy. */
	return source->scan ? UINT64_C(1) << 30 : source->page * 8192;
}

int residency_open(struct residency_source *ret, struct err *err)
{
	const int fd = open(PAGEMAP, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_sys(err, PAGEMAP);
	*ret = (struct residency_source){
		.fd = fd,
		.page = (uint64_t)sysconf(_SC_PAGESIZE),
		.scan = pagemap_scans(fd),
	};
	return 0;
}

void residency_close(struct residency_source *source)
{
	fd_closep(&source->fd);
	source->fd = -1;
}

int residency_merged(uint64_t *ret)
{
	char text[32];
	uint64_t pages;

	if (file_read_text("/proc/self/ksm_merging_pages", text, sizeof(text)) <
		    0 ||
	    !number_scan(text, &pages))
		return -ENOENT;
	*ret = pages * (uint64_t)sysconf(_SC_PAGESIZE);
	return 0;
}
