/* mem/pagemap_scan.c - the kernel's PAGEMAP_SCAN, from one end to the other. */
#include "mem/pagemap_scan.h"

#include <errno.h>
#include <inttypes.h>
#include <sys/ioctl.h>

#define SCAN _IOWR('f', 16, struct scan_arg)
#define REGIONS 256 /* for one call */

bool pagemap_scans(int pagemap)
{
	struct scan_arg nothing = { .size = sizeof(nothing) };

	/* To look at nothing is no error where there is a scan. */
	return ioctl(pagemap, SCAN, &nothing) == 0;
}

int pagemap_scan(int pagemap, const struct scan_arg *what,
		 void (*found)(void *ctx, const struct scan_region *region),
		 void *ctx, struct err *err)
{
	struct scan_region region[REGIONS];
	struct scan_arg arg = *what;

	arg.size = sizeof(arg);
	arg.vec = (uintptr_t)region;
	arg.vec_len = REGIONS;
	while (arg.start < arg.end) {
		const int n = ioctl(pagemap, SCAN, &arg);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(err, PAGEMAP ": PAGEMAP_SCAN");
		for (int i = 0; i < n; i++)
			found(ctx, &region[i]);
		if (arg.walk_end <= arg.start)
			return err_set(err, -EIO,
				       PAGEMAP ": PAGEMAP_SCAN gets no "
					       "further than 0x%" PRIx64,
				       arg.start);
		arg.start = arg.walk_end;
	}
	return 0;
}
