/* vmm/kvm/stats.c - the numbers KVM keeps of a VM or a vCPU. */
#include "vmm/kvm/stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <linux/kvm.h>

#include "base/cleanup.h"
#include "base/file.h"

/* Far more than there are: what exceeds these is no statistics. */
#define MAX_DESCRIPTORS 4096
#define MAX_NAME 256
#define MAX_DATA (1u << 20) /* in bytes */

/* The three parts of what the descriptor gives. */
struct stats {
	struct kvm_stats_header head;
	char *table; /* owned: descriptors, each with its name behind it */
	size_t step; /* from one to the next */
	char *data; /* owned */
	size_t size; /* of it, in bytes */
};

static void finish_stats(struct stats *stats)
{
	free(stats->table);
	free(stats->data);
}

static int refuse_stats(struct err *err)
{
	return err_set(err, -EPROTO, "KVM's statistics make no sense");
}

static int read_at(int fd, void *buf, size_t len, uint64_t offset,
		   struct err *err)
{
	const int r = file_read_at(fd, buf, len, offset);

	return r < 0 ? err_set(err, r, "KVM's statistics: read") : 0;
}

static struct kvm_stats_desc desc_at(const struct stats *stats, size_t i)
{
	struct kvm_stats_desc desc;

	memcpy(&desc, stats->table + i * stats->step, sizeof(desc));
	return desc;
}

static int read_table(struct stats *stats, int fd, struct err *err)
{
	const struct kvm_stats_header *head = &stats->head;
	size_t size;
	int r;

	r = read_at(fd, &stats->head, sizeof(stats->head), 0, err);
	if (r < 0)
		return r;
	if (head->num_desc == 0 || head->num_desc > MAX_DESCRIPTORS ||
	    head->name_size == 0 || head->name_size > MAX_NAME)
		return refuse_stats(err);
	stats->step = sizeof(struct kvm_stats_desc) + head->name_size;
	size = head->num_desc * stats->step;
	stats->table = malloc(size);
	if (!stats->table)
		return err_set(err, -ENOMEM, "KVM's statistics: out of memory");
	return read_at(fd, stats->table, size, head->desc_offset, err);
}

/* All at once, so that the numbers are of one moment. */
static int read_stats_data(struct stats *stats, int fd, struct err *err)
{
	for (size_t i = 0; i < stats->head.num_desc; i++) {
		const struct kvm_stats_desc desc = desc_at(stats, i);
		const size_t end = desc.offset + 8 * (size_t)desc.size;

		if (desc.size == 0 || end > MAX_DATA)
			return refuse_stats(err);
		if (stats->size < end)
			stats->size = end;
	}
	stats->data = malloc(stats->size);
	if (!stats->data)
		return err_set(err, -ENOMEM, "KVM's statistics: out of memory");
	return read_at(fd, stats->data, stats->size, stats->head.data_offset,
		       err);
}

int kvm_stats_read(int fd,
		   int (*value)(void *ctx, const char *name,
				const uint64_t *value, size_t count),
		   void *ctx, struct err *err)
{
	_cleanup_(finish_stats) struct stats stats = { 0 };
	int r;

	r = read_table(&stats, fd, err);
	if (r == 0)
		r = read_stats_data(&stats, fd, err);
	for (size_t i = 0; r == 0 && i < stats.head.num_desc; i++) {
		const struct kvm_stats_desc desc = desc_at(&stats, i);
		char *name = stats.table + i * stats.step + sizeof(desc);

		if (desc.offset % 8 != 0)
			return refuse_stats(err);
		name[stats.head.name_size - 1] = 0;
		if (value(ctx, name, (void *)(stats.data + desc.offset),
			  desc.size) < 0)
			r = err_set(err, -ENOMEM,
				    "KVM's statistics: out of memory");
	}
	return r;
}
