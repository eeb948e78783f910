/* vmm/doctor/doctor_host.c - what the host offers, KVM aside. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <liburing.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "mem/cold.h"
#include "vmm/doctor/doctor.h"

#define TEXT_MAX 512
#define MM "/sys/kernel/mm/"

/* 64 vCPUs take two descriptors each, 16 disks up to four, 32 --mem options and
 * 16 control clients one; the rest is some forty. */
#define FILES_WANTED 320

static int open_at_root(const char *root, const char *path, int flags)
{
	char full[256];

	(void)snprintf(full, sizeof(full), "%s%s", root, path);
	return open(full, flags | O_CLOEXEC);
}

/* Reads a short text file without its last newline. False if there is none. */
static bool read_doctor_text(const char *root, const char *path,
			     char text[TEXT_MAX])
{
	_cleanup_(fd_closep) int fd = open_at_root(root, path, O_RDONLY);
	const ssize_t n = fd >= 0 ? read(fd, text, TEXT_MAX - 1) : -1;

	if (n < 0)
		return false;
	text[n] = '\0';
	if (n > 0 && text[n - 1] == '\n')
		text[n - 1] = '\0';
	return true;
}

static bool read_number(const char *root, const char *path, uint64_t *ret)
{
	char text[TEXT_MAX];

	return read_doctor_text(root, path, text) &&
	       number_parse(text, ret) == 0;
}

/* The chosen one of "always [madvise] never". */
static bool read_choice(const char *root, const char *path, char text[TEXT_MAX])
{
	char *begin, *end;

	if (!read_doctor_text(root, path, text))
		return false;
	begin = strchr(text, '[');
	end = begin ? strchr(begin, ']') : NULL;
	if (!end)
		return false;
	*end = '\0';
	memmove(text, begin + 1, (size_t)(end - begin));
	return true;
}

static void check_memory(struct doctor *doctor)
{
	struct sysinfo info;

	doctor_add(doctor, DOCTOR_OK, "page size", NULL, NULL, "%ld KiB",
		   sysconf(_SC_PAGESIZE) >> 10);
	if (sysinfo(&info) < 0)
		return;
	doctor_add(doctor, DOCTOR_OK, "memory", NULL, NULL,
		   "%" PRIu64 " MiB, %" PRIu64 " MiB unused",
		   (uint64_t)info.totalram * info.mem_unit >> 20,
		   (uint64_t)info.freeram * info.mem_unit >> 20);
	doctor_add(doctor, info.totalswap ? DOCTOR_OK : DOCTOR_LIMITED, "swap",
		   "unused guest memory cannot leave the host's memory",
		   "mkswap and swapon a disk or a file", "%" PRIu64 " MiB",
		   (uint64_t)info.totalswap * info.mem_unit >> 20);
}

static enum doctor_mark mark_host_feature(bool on, bool there)
{
	if (on)
		return DOCTOR_OK;
	return there ? DOCTOR_LIMITED : DOCTOR_MISSING;
}

static void check_thp(struct doctor *doctor, const char *root)
{
	char text[TEXT_MAX];
	const bool has = read_choice(root, MM "transparent_hugepage/enabled",
				     text);
	const bool on = has && strcmp(text, "never") != 0;

	doctor_add(doctor, mark_host_feature(on, has), "transparent huge pages",
		   "guest memory is mapped page by page: slower, and with "
		   "larger tables",
		   has ? "echo madvise > " MM "transparent_hugepage/enabled"
		       : "a kernel with CONFIG_TRANSPARENT_HUGEPAGE",
		   "%.16s", has ? text : "no");
}

static void check_hugetlb(struct doctor *doctor, const char *root)
{
	static const struct {
		unsigned kib;
		const char *name;
	} sizes[] = {
		{ 64, "64K" },	    { 2048, "2M" },    { 32768, "32M" },
		{ 524288, "512M" }, { 1048576, "1G" }, { 16777216, "16G" }
	};
	char all[64] = "";
	size_t len = 0;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		uint64_t total = 0;
		char path[96];

		(void)snprintf(path, sizeof(path),
			       MM "hugepages/hugepages-%ukB/nr_hugepages",
			       sizes[i].kib);
		if (read_number(root, path, &total) && len < sizeof(all))
			len += (size_t)snprintf(
				all + len, sizeof(all) - len, "%s%s: %" PRIu64,
				len ? ", " : "", sizes[i].name, total);
	}
	doctor_add(doctor, len ? DOCTOR_OK : DOCTOR_MISSING, "hugetlb pages",
		   "no memory can be set aside for guests in huge pages",
		   "a kernel with CONFIG_HUGETLBFS", "%s", len ? all : "no");
}

static void check_ksm(struct doctor *doctor, const char *root)
{
	uint64_t run = 0;
	const bool has = read_number(root, MM "ksm/run", &run);

	doctor_add(doctor, mark_host_feature(run == 1, has),
		   "same-page merging (KSM)",
		   "identical pages of guests are not shared",
		   has ? "echo 1 > " MM "ksm/run" : "a kernel with CONFIG_KSM",
		   "%s",
		   run == 1 ? "on"
		   : has    ? "off"
			    : "no");
}

static void check_overcommit(struct doctor *doctor, const char *root)
{
	static const char *const modes[] = { "heuristic", "always", "never" };
	uint64_t mode;

	if (!read_number(root, "/proc/sys/vm/overcommit_memory", &mode) ||
	    mode > 2)
		return;
	doctor_add(doctor, mode == 2 ? DOCTOR_LIMITED : DOCTOR_OK,
		   "vm.overcommit_memory",
		   "all of a guest's --mem counts as used from the start",
		   "sysctl vm.overcommit_memory=0", "%s", modes[mode]);
}

/*
 * A fault of a guest is the kernel's own, so a userfaultfd for user mode alone
 * would be of no use.
 */
static void check_userfaultfd(struct doctor *doctor, const char *root)
{
	_cleanup_(fd_closep) int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
	_cleanup_(fd_closep) int dev =
		fd < 0 && errno == EPERM
			? open_at_root(root, "/dev/userfaultfd", O_RDWR)
			: -1;
	const bool lacking = fd < 0 && dev < 0 && errno == ENOSYS;
	const bool yes = fd >= 0 || dev >= 0;

	doctor_add(doctor, yes ? DOCTOR_OK : DOCTOR_MISSING, "userfaultfd",
		   "guest memory cannot be filled on demand",
		   lacking ? "a kernel with CONFIG_USERFAULTFD"
			   : "get access to /dev/userfaultfd, or sysctl "
			     "vm.unprivileged_userfaultfd=1",
		   "%s",
		   yes	     ? "yes"
		   : lacking ? "no"
			     : "not permitted");
}

static void check_cold(struct doctor *doctor, const char *root)
{
	struct err err = { 0 };
	struct cold cold = { 0 };
	char bitmap[256];

	(void)snprintf(bitmap, sizeof(bitmap), "%s" IDLE_BITMAP, root);
	if (cold_open(&cold, bitmap, (uint64_t)sysconf(_SC_PAGESIZE), &err) < 0)
		doctor_add(doctor, DOCTOR_MISSING, "cold pages",
			   "'vmm mem NAME --pageout=cold' does not work",
			   "root and CONFIG_IDLE_PAGE_TRACKING, or Linux 6.7 "
			   "(arm64: 6.10) with CONFIG_USERFAULTFD",
			   "no");
	else
		doctor_add(doctor,
			   cold.way == COLD_IDLE ? DOCTOR_OK : DOCTOR_LIMITED,
			   "cold pages",
			   "'vmm mem NAME --pageout=cold' cannot tell that a "
			   "page was read",
			   "root, and a kernel with CONFIG_IDLE_PAGE_TRACKING",
			   "%s",
			   cold.way == COLD_IDLE ? "idle page tracking"
						 : "PAGEMAP_SCAN, by writes");
	cold_close(&cold);
}

static void check_io_uring(struct doctor *doctor, const char *root)
{
	struct io_uring ring;
	const int r = io_uring_queue_init(1, &ring, 0);
	uint64_t disabled = 0;
	const char *cure;

	if (r == 0)
		io_uring_queue_exit(&ring);
	(void)read_number(root, "/proc/sys/kernel/io_uring_disabled",
			  &disabled);
	if (r == -ENOSYS)
		cure = "a kernel with CONFIG_IO_URING, or a sandbox that shows "
		       "it";
	else if (disabled)
		cure = "sysctl kernel.io_uring_disabled=0";
	else if (r == -ENOMEM)
		cure = "a higher limit of locked memory (ulimit -l)";
	else
		cure = "let the sandbox or container use io_uring";
	doctor_add(doctor, r == 0 ? DOCTOR_OK : DOCTOR_LIMITED, "io_uring",
		   "disks are served by threads, which takes more time", cure,
		   "%s", r == 0 ? "yes" : strerrordesc_np(-r));
}

static uint64_t soft_limit(__rlimit_resource_t resource)
{
	struct rlimit limit = { .rlim_cur = RLIM_INFINITY };

	(void)getrlimit(resource, &limit);
	return limit.rlim_cur;
}

static void check_host_limits(struct doctor *doctor)
{
	const uint64_t files = soft_limit(RLIMIT_NOFILE);
	const uint64_t locked = soft_limit(RLIMIT_MEMLOCK);

	doctor_add(doctor, files < FILES_WANTED ? DOCTOR_LIMITED : DOCTOR_OK,
		   "open files",
		   "a guest with many CPUs and disks may not start",
		   "ulimit -n 1024", "%" PRIu64, files);
	if (locked == RLIM_INFINITY)
		doctor_add(doctor, DOCTOR_OK, "locked memory", NULL, NULL,
			   "unlimited");
	else
		doctor_add(doctor, DOCTOR_OK, "locked memory", NULL, NULL,
			   "%" PRIu64 " KiB", locked >> 10);
}

void doctor_host(struct doctor *doctor, const char *root)
{
	doctor->section = "Memory";
	check_memory(doctor);
	check_thp(doctor, root);
	check_hugetlb(doctor, root);
	check_ksm(doctor, root);
	check_overcommit(doctor, root);
	check_userfaultfd(doctor, root);
	check_cold(doctor, root);

	doctor->section = "I/O, limits";
	check_io_uring(doctor, root);
	check_host_limits(doctor);
}
