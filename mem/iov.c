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

size_t iov_read(const struct iovec *iov, size_t count, size_t offset, void *buf,
		size_t len)
{
	size_t done = 0;

	for (size_t i = 0; i < count && done < len; i++) {
		size_t n = iov[i].iov_len;

		if (offset >= n) {
			offset -= n;
			continue;
		}
		n -= offset;
		if (n > len - done)
			n = len - done;
		memcpy((uint8_t *)buf + done,
		       (const uint8_t *)iov[i].iov_base + offset, n);
		done += n;
		offset = 0;
	}
	return done;
}

size_t iov_write(const struct iovec *iov, size_t count, size_t offset,
		 const void *buf, size_t len)
{
	size_t done = 0;

	for (size_t i = 0; i < count && done < len; i++) {
		size_t n = iov[i].iov_len;

		if (offset >= n) {
			offset -= n;
			continue;
		}
		n -= offset;
		if (n > len - done)
			n = len - done;
		memcpy((uint8_t *)iov[i].iov_base + offset,
		       (const uint8_t *)buf + done, n);
		done += n;
		offset = 0;
	}
	return done;
}

void iov_narrow(struct iovec *iov, size_t *count, size_t offset, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < *count && len > 0; i++) {
		struct iovec piece = iov[i];

		if (offset >= piece.iov_len) {
			offset -= piece.iov_len;
			continue;
		}
		piece.iov_base = (uint8_t *)piece.iov_base + offset;
		piece.iov_len -= offset;
		offset = 0;
		if (piece.iov_len > len)
			piece.iov_len = len;
		len -= piece.iov_len;
		iov[n++] = piece;
	}
	*count = n;
}

void iov_touch(const struct iovec *iov, size_t count)
{
	const size_t page = 4096; /* no host's is smaller */

	for (size_t i = 0; i < count; i++) {
		const volatile uint8_t *p = iov[i].iov_base;
		const size_t len = iov[i].iov_len;

		for (size_t at = 0; at < len; at += page)
			(void)p[at];
		if (len > 0)
			(void)p[len - 1];
	}
}
