/* mem/idle.c - which pages of host memory were not used for a while. */
#include "mem/idle.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

#define ENTRY_PRESENT (UINT64_C(1) << 63)
#define ENTRY_PFN ((UINT64_C(1) << 55) - 1)

#define ENTRIES 1024 /* looked at together: two huge pages with 4K pages */
#define WORD_PAGES 64 /* the bitmap is read and written in words */

/* A word of the bitmap, kept for as long as pages are in it. */
struct word {
	uint64_t index; /* UINT64_MAX: none */
	uint64_t bits;
};

int idle_open(struct idle *ret, const char *pagemap, const char *bitmap,
	      uint64_t page, struct err *err)
{
	_cleanup_(fd_closep) int map = open(pagemap, O_RDONLY | O_CLOEXEC);
	_cleanup_(fd_closep) int bits = -1;

	if (map < 0)
		return err_sys(err, "%s", pagemap);
	bits = open(bitmap, O_RDWR | O_CLOEXEC);
	if (bits < 0 && errno == ENOENT)
		return err_set(err, -ENOTSUP,
			       "this host's kernel does not track which pages "
			       "are idle (CONFIG_IDLE_PAGE_TRACKING)");
	if (bits < 0 && (errno == EACCES || errno == EPERM))
		return err_set(err, -EPERM,
			       "to find out which pages are idle takes root "
			       "(CAP_SYS_ADMIN)");
	if (bits < 0)
		return err_sys(err, "%s", bitmap);
	*ret = (struct idle){ .pagemap = TAKE_FD(map),
			      .bitmap = TAKE_FD(bits),
			      .page = page,
			      .huge = page / sizeof(uint64_t) };
	return 0;
}

void idle_close(struct idle *idle)
{
	fd_closep(&idle->pagemap);
	fd_closep(&idle->bitmap);
	idle->pagemap = idle->bitmap = -1;
}

static int read_entries(const struct idle *idle, uint64_t first, size_t count,
			uint64_t *entry, struct err *err)
{
	const int r = file_read_at(idle->pagemap, entry, count * sizeof(*entry),
				   first * sizeof(*entry));

	if (r < 0)
		return err_set(err, r, "pagemap: %s", strerrordesc_np(-r));
	return 0;
}

static int report_hidden_pages(struct err *err)
{
	return err_set(err, -EPERM,
		       "the kernel hides where pages are: it takes root "
		       "(CAP_SYS_ADMIN)");
}

/*
 * How many entries from entry[0] on are one huge page, and so one bit, its
 * first page's; else 1. @number: of the page that entry[0] is, in the process
 */
static size_t count_folio_entries(const struct idle *idle, uint64_t number,
				  const uint64_t *entry, size_t count)
{
	const uint64_t pfn = entry[0] & ENTRY_PFN;

	if (number % idle->huge != 0 || pfn % idle->huge != 0 ||
	    count < idle->huge)
		return 1;
	for (uint64_t i = 1; i < idle->huge; i++)
		if (!(entry[i] & ENTRY_PRESENT) ||
		    (entry[i] & ENTRY_PFN) != pfn + i)
			return 1;
	return (size_t)idle->huge;
}

static int write_word(const struct idle *idle, const struct word *word,
		      struct err *err)
{
	const off_t at = (off_t)(word->index * sizeof(word->bits));

	/* A page that is on its way elsewhere is a word that is not taken. */
	if (word->index == UINT64_MAX ||
	    pwrite(idle->bitmap, &word->bits, sizeof(word->bits), at) >= 0 ||
	    errno == ENXIO)
		return 0;
	return err_sys(err, "page_idle/bitmap");
}

static int set_idle(const struct idle *idle, struct word *word, uint64_t pfn,
		    struct err *err)
{
	const uint64_t index = pfn / WORD_PAGES;
	int r = 0;

	if (index != word->index) {
		r = write_word(idle, word, err);
		*word = (struct word){ .index = index };
	}
	word->bits |= UINT64_C(1) << pfn % WORD_PAGES;
	return r;
}

static int get_idle(const struct idle *idle, struct word *word, uint64_t pfn,
		    bool *ret, struct err *err)
{
	const uint64_t index = pfn / WORD_PAGES;

	if (index != word->index) {
		const int r = file_read_at(idle->bitmap, &word->bits,
					   sizeof(word->bits),
					   index * sizeof(word->bits));

		/* It ends with the host's RAM; not all pages are RAM. */
		if (r == -ENODATA)
			word->bits = 0;
		else if (r < 0)
			return err_set(err, r, "page_idle/bitmap: %s",
				       strerrordesc_np(-r));
		word->index = index;
	}
	*ret = word->bits >> pfn % WORD_PAGES & 1;
	return 0;
}

/* Entries are read up to the next boundary of a huge page, or two. */
static size_t next_count(const struct idle *idle, uint64_t at, uint64_t end)
{
	uint64_t count = ENTRIES -
			 at % (idle->huge < ENTRIES ? idle->huge : ENTRIES);

	if (count > end - at)
		count = end - at;
	return (size_t)count;
}

static int mark_some(const struct idle *idle, uint64_t first, size_t count,
		     struct word *word, struct err *err)
{
	uint64_t entry[ENTRIES];
	int r = read_entries(idle, first, count, entry, err);

	for (size_t i = 0; r == 0 && i < count;) {
		if (!(entry[i] & ENTRY_PRESENT)) {
			i++;
			continue;
		}
		if ((entry[i] & ENTRY_PFN) == 0)
			return report_hidden_pages(err);
		r = set_idle(idle, word, entry[i] & ENTRY_PFN, err);
		i += count_folio_entries(idle, first + i, entry + i, count - i);
	}
	return r;
}

int idle_mark(const struct idle *idle, uintptr_t host, uint64_t size,
	      struct err *err)
{
	struct word word = { .index = UINT64_MAX };
	uint64_t at = host / idle->page;
	const uint64_t end = at + size / idle->page;
	int r = 0;

	while (r == 0 && at < end) {
		const size_t count = next_count(idle, at, end);

		r = mark_some(idle, at, count, &word, err);
		at += count;
	}
	return r == 0 ? write_word(idle, &word, err) : r;
}

/* The run that is being found. */
struct run {
	uint64_t first, end; /* pages of the process */
	void (*found)(void *ctx, uintptr_t host, uint64_t size);
	void *ctx;
};

static void end_run(const struct idle *idle, struct run *run)
{
	if (run->end > run->first)
		run->found(run->ctx, (uintptr_t)(run->first * idle->page),
			   (run->end - run->first) * idle->page);
	run->first = run->end = 0;
}

static void add_run(const struct idle *idle, struct run *run, uint64_t first,
		    uint64_t count)
{
	if (run->end != first) {
		end_run(idle, run);
		run->first = first;
	}
	run->end = first + count;
}

static int find_some(const struct idle *idle, uint64_t first, size_t count,
		     struct word *word, struct run *run, struct err *err)
{
	uint64_t entry[ENTRIES];
	int r = read_entries(idle, first, count, entry, err);

	for (size_t i = 0; r == 0 && i < count;) {
		bool is_idle = false;
		size_t n = 1;

		if (entry[i] & ENTRY_PRESENT) {
			if ((entry[i] & ENTRY_PFN) == 0)
				return report_hidden_pages(err);
			r = get_idle(idle, word, entry[i] & ENTRY_PFN, &is_idle,
				     err);
			n = count_folio_entries(idle, first + i, entry + i,
						count - i);
		}
		if (r == 0 && is_idle)
			add_run(idle, run, first + i, n);
		i += n;
	}
	return r;
}

int idle_find(const struct idle *idle, uintptr_t host, uint64_t size,
	      void (*found)(void *ctx, uintptr_t host, uint64_t size),
	      void *ctx, struct err *err)
{
	struct run run = { .found = found, .ctx = ctx };
	uint64_t at = host / idle->page;
	const uint64_t end = at + size / idle->page;
	int r = 0;

	while (r == 0 && at < end) {
		const size_t count = next_count(idle, at, end);
		/* Read anew each time, for what is found is used. */
		struct word word = { .index = UINT64_MAX };

		r = find_some(idle, at, count, &word, &run, err);
		at += count;
	}
	end_run(idle, &run);
	return r;
}
