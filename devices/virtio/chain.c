/* devices/virtio/chain.c - a buffer that the driver has handed over. */
#include "devices/virtio/chain.h"

/* Returns memory that an access brought back into unplugged blocks. */
static void settle_access(const struct mem_map *mem, struct iov_walk walk)
{
	struct iovec piece;

	while (mem->grows && iov_next(&walk, &piece))
		mem_settle(mem, &piece, 1);
}

size_t chain_read(const struct virtq_chain *chain, size_t offset, void *buf,
		  size_t len)
{
	const size_t n = iov_read(chain->iov, chain->readable, offset, buf,
				  len);

	chain_was_read(chain, offset, n);
	return n;
}

size_t chain_write(const struct virtq_chain *chain, size_t offset,
		   const void *buf, size_t len)
{
	const size_t n = iov_write(chain->iov + chain->readable,
				   chain->count - chain->readable, offset, buf,
				   len);

	chain_wrote(chain, offset, n);
	return n;
}

void chain_was_read(const struct virtq_chain *chain, size_t offset, size_t len)
{
	settle_access(chain->mem,
		      iov_walk(chain->iov, chain->readable, offset, len));
}

void chain_wrote(const struct virtq_chain *chain, size_t offset, size_t len)
{
	const struct iov_walk whole = iov_walk(chain->iov + chain->readable,
					       chain->count - chain->readable,
					       offset, len);
	struct iov_walk walk = whole;
	struct iovec piece;

	while (iov_next(&walk, &piece))
		mem_wrote(chain->mem, piece.iov_base, piece.iov_len);
	settle_access(chain->mem, whole);
}
