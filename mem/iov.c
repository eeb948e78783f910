/* mem/iov.c - guest buffers as host memory, across regions. */
#include "mem/iov.h"

#include <errno.h>
#include <string.h>

int mem_iov(const struct mem_map *map, struct range at, enum mem_access access,
	    struct iovec *iov, size_t max)
{
	uint64_t len;
	int n = 0;

	if (!range_valid(at))
		return -EFAULT;
	for (; at.size > 0; at.start += len, at.size -= len) {
		void *p = mem_ptr_part(map, at.start, at.size, access, &len);

		if (!p)
			return -EFAULT;
		if ((size_t)n == max)
			return -ENOSPC;
		iov[n++] = (struct iovec){ p, (size_t)len };
	}
	return n;
}

size_t iov_length(const struct iovec *iov, size_t count)
{
	size_t len = 0;

	for (size_t i = 0; i < count; i++)
		len += iov[i].iov_len;
	return len;
}

bool iov_next(struct iov_walk *walk, struct iovec *ret)
{
	while (walk->count > 0 && walk->left > 0) {
		struct iovec piece = *walk->iov++;

		walk->count--;
		if (walk->skip >= piece.iov_len) {
			walk->skip -= piece.iov_len;
			continue;
		}
		piece.iov_base = (uint8_t *)piece.iov_base + walk->skip;
		piece.iov_len -= walk->skip;
		walk->skip = 0;
		if (piece.iov_len > walk->left)
			piece.iov_len = walk->left;
		walk->left -= piece.iov_len;
		*ret = piece;
		return true;
	}
	return false;
}

size_t iov_read(const struct iovec *iov, size_t count, size_t offset, void *buf,
		size_t len)
{
	struct iov_walk walk = iov_walk(iov, count, offset, len);
	struct iovec piece;
	size_t done = 0;

	while (iov_next(&walk, &piece)) {
		memcpy((uint8_t *)buf + done, piece.iov_base, piece.iov_len);
		done += piece.iov_len;
	}
	return done;
}

size_t iov_write(const struct iovec *iov, size_t count, size_t offset,
		 const void *buf, size_t len)
{
	struct iov_walk walk = iov_walk(iov, count, offset, len);
	struct iovec piece;
	size_t done = 0;

	while (iov_next(&walk, &piece)) {
		memcpy(piece.iov_base, (const uint8_t *)buf + done,
		       piece.iov_len);
		done += piece.iov_len;
	}
	return done;
}

void iov_narrow(struct iovec *iov, size_t *count, size_t offset, size_t len)
{
	struct iov_walk walk = iov_walk(iov, *count, offset, len);
	size_t n = 0;

	/* The walk is never behind the entry that is written. */
	while (iov_next(&walk, &iov[n]))
		n++;
	*count = n;
}

void iov_touch(const struct iovec *iov, size_t count, size_t len)
{
	const size_t page = 4096; /* no host's is smaller */
	struct iov_walk walk = iov_walk(iov, count, 0, len);
	struct iovec piece;

	while (iov_next(&walk, &piece)) {
		const volatile uint8_t *p = piece.iov_base;

		for (size_t at = 0; at < piece.iov_len; at += page)
			(void)p[at];
		(void)p[piece.iov_len - 1];
	}
}
