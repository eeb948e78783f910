/* mem/image_chain.c - a full image and the diffs on top of it, seen as one. */
#include "mem/image_chain.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static bool has_regions_of(const struct image *image, const struct image *other)
{
	if (image_regions(image) != image_regions(other))
		return false;
	for (size_t i = 0; i < image_regions(image); i++) {
		const struct image_region *a = image_region(image, i);
		const struct image_region *b = image_region(other, i);

		if (a->gpa.start != b->gpa.start ||
		    a->gpa.size != b->gpa.size || a->kind != b->kind)
			return false;
	}
	return true;
}

int image_chain_add(struct image_chain *chain, struct image *image,
		    struct err *err)
{
	struct image **grown;

	if (chain->count > 0 && !has_regions_of(image, chain->image[0])) {
		(void)image_close(image);
		return err_input(err, -EBADMSG,
				 "its memory is not that of its parent");
	}
	/* Pointers are meant. NOLINTNEXTLINE(bugprone-sizeof-expression) */
	grown = reallocarray(chain->image, chain->count + 1, sizeof(*grown));
	if (!grown) {
		(void)image_close(image);
		return err_set(err, -ENOMEM, "snapshot: out of memory");
	}
	chain->image = grown;
	chain->image[chain->count++] = image;
	return 0;
}

void image_chain_finish(struct image_chain *chain)
{
	while (chain->count > 0)
		(void)image_close(chain->image[--chain->count]);
	free(chain->image);
	*chain = (struct image_chain){ 0 };
}

/* Puts one image's word over what the images below it said. */
static int add_image(struct image *image, size_t region, uint64_t chunk,
		     struct image_merged *merged, uint8_t *host,
		     struct err *err)
{
	struct image_chunk what;
	struct image_run run;
	int r = image_read_chunk(image, region, chunk, &what, err);

	if (r == 0)
		r = image_load(image, region, chunk, &what, host, err);
	if (r < 0)
		return r;
	merged->pages = what.pages;
	for (unsigned at = 0; image_next_run(&what, at, &run);
	     at = run.first + run.count) {
		uint8_t *known = &merged->state[run.first];

		if (run.state == IMAGE_PARENT)
			continue;
		for (unsigned i = 0; i < run.count; i++) {
			if (run.state != IMAGE_DATA && known[i] == IMAGE_DATA)
				memset(host + (run.first + i) * IMAGE_PAGE, 0,
				       IMAGE_PAGE);
			merged->image[run.first + i] = merged->last;
		}
		memset(known, (int)run.state, run.count);
	}
	return 0;
}

int image_chain_load_chunk(const struct image_chain *chain, size_t region,
			   uint64_t chunk, struct image_merged *ret,
			   uint8_t *host, struct err *err)
{
	int r = 0;

	*ret = (struct image_merged){ 0 };
	for (size_t i = 0; r == 0 && i < chain->count; i++) {
		ret->last = i;
		r = add_image(chain->image[i], region, chunk, ret, host, err);
	}
	return r == 0 ? image_check_full(ret->state, ret->pages, region, chunk,
					 err)
		      : r;
}

static uint64_t region_size(const struct image_chain *chain, size_t region)
{
	return image_region(chain->image[0], region)->gpa.size;
}

static bool is_readable(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	return fd >= 0 && poll(&poll_fd, 1, 0) > 0;
}

int image_chain_load(const struct image_chain *chain, size_t region,
		     uint8_t *host, int stop, struct err *err)
{
	const uint64_t chunks = image_chunks(region_size(chain, region));
	struct image_merged merged;
	int r = 0;

	for (uint64_t c = 0; r == 0 && c < chunks; c++)
		if (is_readable(stop))
			r = err_set(err, -EINTR, "interrupted");
		else
			r = image_chain_load_chunk(chain, region, c, &merged,
						   host + c * IMAGE_CHUNK, err);
	return r;
}

int image_chain_verify(const struct image_chain *chain, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < chain->count; i++)
		r = image_verify(chain->image[i], i == 0, err);
	return r;
}

/* The file in which an image has its pages at the offsets of the region; -1:
 * there is none. */
static int file_of_pages(const struct image *image, size_t region)
{
	return image_is_compressed(image) ? -1 : image_region_fd(image, region);
}

/* A chunk of a chain that is written anew. */
struct chunk_merge {
	const struct image_chain *chain;
	size_t region;
	uint64_t chunk;
	const uint8_t *host; /* its content */
};

static int merge_chunk(const struct chunk_merge *merge,
		       const struct image_merged *merged,
		       struct image_writer *writer, struct err *err)
{
	const size_t region = merge->region;
	const uint64_t chunk = merge->chunk;
	const uint8_t *host = merge->host;
	const uint64_t base = chunk * IMAGE_CHUNK;
	unsigned i = 0;
	int r = 0;

	while (r == 0 && i < merged->pages) {
		const unsigned first = i;
		const uint8_t state = merged->state[i];

		const size_t from = merged->image[i];

		while (i < merged->pages && merged->state[i] == state &&
		       merged->image[i] == from)
			i++;
		if (state == IMAGE_DATA)
			r = image_writer_put_data(
				writer, region,
				&(struct image_data){
					.offset = base + first * IMAGE_PAGE,
					.len = (i - first) * IMAGE_PAGE,
					.host = host + first * IMAGE_PAGE,
					.from = file_of_pages(
						merge->chain->image[from],
						region),
				},
				err);
		else
			r = image_writer_clear(writer, region,
					       base + first * IMAGE_PAGE,
					       (i - first) * IMAGE_PAGE,
					       (enum image_state)state, err);
	}
	return r;
}

static int merge_region(const struct image_chain *chain, size_t region,
			struct image_writer *writer, uint8_t *buf,
			struct err *err)
{
	const uint64_t chunks = image_chunks(region_size(chain, region));
	struct image_merged merged;
	int r = 0;

	for (uint64_t c = 0; r == 0 && c < chunks; c++) {
		memset(buf, 0, IMAGE_CHUNK);
		r = image_chain_load_chunk(chain, region, c, &merged, buf, err);
		if (r == 0)
			r = merge_chunk(
				&(struct chunk_merge){ chain, region, c, buf },
				&merged, writer, err);
	}
	return r;
}

int image_chain_merge(const struct image_chain *chain,
		      struct image_writer *writer, struct err *err)
{
	_cleanup_(freep) uint8_t *buf = malloc(IMAGE_CHUNK);
	int r = 0;

	if (!buf)
		return err_set(err, -ENOMEM, "snapshot: out of memory");
	for (size_t i = 0; r == 0 && i < image_regions(chain->image[0]); i++)
		r = merge_region(chain, i, writer, buf, err);
	return r;
}
