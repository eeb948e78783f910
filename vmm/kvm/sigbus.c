/* vmm/kvm/sigbus.c - a page of guest memory that cannot be had ends the run. */
#include "vmm/kvm/sigbus.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/align.h"
#include "base/cleanup.h"
#include "base/size.h"
#include "host/tty_mode.h"
#include "mem/backing.h"
#include "mem/fill.h"

#define PROBE ((size_t)64 << 10) /* what is read at a time */

enum { NOTHING, NOTING, NOTED };

/*
 * A signal's handler is the process's, and is told nothing but the address: so
 * this is one of the two variables that no struct holds (docs/adr/0011).
 * Atomic.
 */
static struct sigbus *catcher;

/* As mem_find(), by host address. Safe in a signal handler. */
static const struct mem_region *find_host(const struct mem_map *map,
					  const void *address)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct mem_region *r = &map->region[i];

		if (r->backing &&
		    (uintptr_t)address - (uintptr_t)r->host < r->gpa.size)
			return r;
	}
	return NULL;
}

/* Only the first page is told of. */
static void note_lost_page(struct sigbus *bus, const struct mem_region *r,
			   uint64_t offset, int code)
{
	uint32_t state = NOTHING;

	if (!__atomic_compare_exchange_n(&bus->state, &state, NOTING, false,
					 __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	bus->region = r;
	bus->offset = offset;
	bus->code = code;
	__atomic_store_n(&bus->state, NOTED, __ATOMIC_RELEASE);
}

/* As if there were no handler: the access is made again, and kills the process.
 */
static void restore_sigbus(void)
{
	tty_mode_rescue();
	(void)signal(SIGBUS, SIG_DFL);
}

static void handle_sigbus(int sig, siginfo_t *info, void *context)
{
	struct sigbus *bus = __atomic_load_n(&catcher, __ATOMIC_ACQUIRE);
	const struct mem_region *r = bus ? find_host(bus->map, info->si_addr)
					 : NULL;
	const int saved = errno;
	uint64_t offset;

	(void)context;
	if (!r || info->si_code <= 0) {
		restore_sigbus();
		/* A signal sent by kill(2) would not come again. */
		if (info->si_code <= 0)
			(void)raise(sig);
		return;
	}
	offset = align_down((uintptr_t)info->si_addr - (uintptr_t)r->host,
			    r->backing->page);
	note_lost_page(bus, r, offset, info->si_code);
	bus->stop(bus->ctx);
	if (mmap(r->host + offset, (size_t)r->backing->page,
		 PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
		 0) == MAP_FAILED)
		restore_sigbus();
	errno = saved;
}

int sigbus_catch(struct sigbus *bus, struct err *err)
{
	const struct sigaction act = { .sa_sigaction = handle_sigbus,
				       .sa_flags = SA_SIGINFO | SA_RESTART };

	assert(bus->map->frozen && !catcher);
	__atomic_store_n(&catcher, bus, __ATOMIC_RELEASE);
	if (sigaction(SIGBUS, &act, NULL) == 0)
		return 0;
	__atomic_store_n(&catcher, NULL, __ATOMIC_RELEASE);
	return err_sys(err, "SIGBUS");
}

void sigbus_release(struct sigbus *bus)
{
	if (!bus->map)
		return;
	(void)signal(SIGBUS, SIG_DFL);
	__atomic_store_n(&catcher, NULL, __ATOMIC_RELEASE);
	*bus = (struct sigbus){ 0 };
}

static int report_lost_page(const struct mem_region *r, uint64_t offset,
			    const char *what, const char *why, struct err *err)
{
	return err_set(err, -EFAULT,
		       "%s at 0x%" PRIx64 ", offset 0x%" PRIx64 ": %s%s",
		       r->name, r->gpa.start, offset, what, why);
}

/* Where a file ends now; UINT64_MAX if unknown. */
static uint64_t file_end(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? UINT64_MAX : (uint64_t)st.st_size;
}

static bool is_fs_full(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_bavail == 0;
}

int sigbus_explain(const struct mem_region *region, uint64_t offset,
		   struct err *err)
{
	const struct backing *b = region->backing;
	char size[SIZE_TEXT];

	if (b->fill) {
		struct err why = { 0 };

		b->fill->ops->explain(b->fill, offset, &why);
		return report_lost_page(region, offset, why.msg, "", err);
	}
	if (b->policy.source == MEM_FILE && file_end(b->fd) <= offset)
		return report_lost_page(
			region, offset, b->policy.path,
			" was truncated while the guest used it", err);
	if (b->policy.huge == MEM_HUGE_TLB)
		return report_lost_page(
			region, offset, "no huge page is left of ",
			size_format(size, b->policy.huge_size), err);
	if (b->policy.source == MEM_FILE && is_fs_full(b->fd))
		return report_lost_page(region, offset, b->policy.path,
					": no space left on its file system",
					err);
	if (b->policy.source == MEM_FILE)
		return report_lost_page(region, offset, b->policy.path,
					": cannot be read", err);
	return report_lost_page(region, offset,
				"the host cannot give this page", "", err);
}

int sigbus_error(const struct sigbus *bus, struct err *err)
{
	if (__atomic_load_n(&bus->state, __ATOMIC_ACQUIRE) != NOTED)
		return 0;
	if (bus->code == BUS_MCEERR_AR || bus->code == BUS_MCEERR_AO)
		return report_lost_page(
			bus->region, bus->offset,
			"the host's memory has a hardware error there", "",
			err);
	return sigbus_explain(bus->region, bus->offset, err);
}

/* The first hole: what has no block when there are no more. */
static bool find_hole(const struct backing *b, uint64_t *ret)
{
	const off_t at = lseek(b->fd, 0, SEEK_HOLE);

	*ret = (uint64_t)at;
	return at >= 0 && *ret < b->size;
}

/* The first page that cannot be read. */
static bool find_unreadable(const struct backing *b, uint64_t *ret)
{
	_cleanup_(freep) void *buf = malloc(PROBE);
	off_t at = lseek(b->fd, 0, SEEK_DATA);

	while (buf && at >= 0 && (uint64_t)at < b->size) {
		const ssize_t n = pread(b->fd, buf, PROBE, at);

		if (n < 0 && errno != EINTR) {
			*ret = align_down((uint64_t)at, b->page);
			return true;
		}
		if (n > 0)
			at = lseek(b->fd, at + n, SEEK_DATA);
		else if (n == 0)
			break;
	}
	return false;
}

static bool find_lost(const struct backing *b, uint64_t *ret)
{
	uint64_t end;

	if (b->fill)
		return b->fill->ops->find_lost(b->fill, ret);
	end = file_end(b->fd);
	/* Behind the end, the rest of its page reads as zeroes. */
	if (align_up(end, b->page, ret) && *ret < b->size)
		return true;
	if (b->policy.huge == MEM_HUGE_TLB)
		return false;
	return (is_fs_full(b->fd) && find_hole(b, ret)) ||
	       find_unreadable(b, ret);
}

int sigbus_find(const struct mem_map *map, struct err *err)
{
	for (size_t i = 0; i < map->count; i++) {
		const struct mem_region *r = &map->region[i];
		uint64_t offset;

		if (r->backing &&
		    (r->backing->policy.source == MEM_FILE ||
		     r->backing->fill) &&
		    find_lost(r->backing, &offset))
			return sigbus_explain(r, offset, err);
	}
	return 0;
}
