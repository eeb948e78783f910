/* mem/cold.c - which pages of host memory the guest would not miss. */
#include "mem/cold.h"

#include <errno.h>

#include "mem/pagemap_scan.h"

int cold_open(struct cold *ret, const char *bitmap, uint64_t page,
	      struct err *err)
{
	struct err idle = { 0 }, unwritten = { 0 };
	struct cold cold = { .way = COLD_IDLE };

	if (idle_open(&cold.idle, PAGEMAP, bitmap, page, &idle) < 0) {
		cold.way = COLD_UNWRITTEN;
		if (unwritten_open(&cold.unwritten, &unwritten) < 0)
			return err_set(err, -ENOTSUP, "%.200s; and %.200s",
				       idle.msg, unwritten.msg);
	}
	*ret = cold;
	return 0;
}

void cold_close(struct cold *cold)
{
	if (cold->way == COLD_IDLE)
		idle_close(&cold->idle);
	else if (cold->way == COLD_UNWRITTEN)
		unwritten_close(&cold->unwritten);
	cold->way = COLD_NONE;
}

const char *cold_way_name(enum cold_way way)
{
	static const char *const name[] = { [COLD_NONE] = "none",
					    [COLD_IDLE] = "idle",
					    [COLD_UNWRITTEN] = "unwritten" };

	return name[way];
}

int cold_watch(const struct cold *cold, uintptr_t host, uint64_t size,
	       struct err *err)
{
	if (cold->way == COLD_IDLE)
		return 0;
	return unwritten_watch(&cold->unwritten, host, size, err);
}

int cold_mark(const struct cold *cold, uintptr_t host, uint64_t size,
	      struct err *err)
{
	if (cold->way == COLD_IDLE)
		return idle_mark(&cold->idle, host, size, err);
	return unwritten_mark(&cold->unwritten, host, size, err);
}

int cold_find(const struct cold *cold, uintptr_t host, uint64_t size,
	      void (*found)(void *ctx, uintptr_t host, uint64_t size),
	      void *ctx, struct err *err)
{
	if (cold->way == COLD_IDLE)
		return idle_find(&cold->idle, host, size, found, ctx, err);
	return unwritten_find(&cold->unwritten, host, size, found, ctx, err);
}
