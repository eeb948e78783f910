/* mem/host.c - what memory this host has to give: huge pages, nodes. */
#include "mem/host.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/size.h"

#define MAX_SIZES 16
#define PATH_LEN 256
#define WORD_LEN 256
#define MEMINFO_LEN 4096
#define KIB 1024
/* Where the nodes are; has_memory leaves out those of CPUs alone. */
#define NODES "/devices/system/node/has_memory"
#define HUGE "/kernel/mm/hugepages"
#define POOL "hugepages-"
#define THP "/kernel/mm/transparent_hugepage/"

static int read_host_text(char *text, size_t size, const char *root,
			  const char *file)
{
	char path[PATH_LEN];

	(void)snprintf(path, sizeof(path), "%s%s", root, file);
	return file_read_text(path, text, size);
}

/* Reads a file of one line into @word, without the line's end. */
static int read_word(char word[WORD_LEN], const char *sysfs, const char *file)
{
	const int r = read_host_text(word, WORD_LEN, sysfs, file);

	if (r == 0)
		word[strcspn(word, "\n")] = '\0';
	return r;
}

static uint64_t read_count(const char *sysfs, uint64_t size, const char *file)
{
	char word[WORD_LEN] = "";
	char path[PATH_LEN];
	uint64_t n = 0;

	(void)snprintf(path, sizeof(path), HUGE "/hugepages-%" PRIu64 "kB/%s",
		       size / KIB, file);
	if (read_word(word, sysfs, path) < 0 || number_parse(word, &n) < 0)
		return 0;
	return n;
}

static int by_size(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a;
	const uint64_t y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* The sizes of huge pages, sorted. Returns how many there are. */
static size_t list_huge(const char *sysfs, uint64_t sizes[MAX_SIZES])
{
	char path[PATH_LEN];
	struct dirent *entry;
	size_t n = 0;
	DIR *dir;

	(void)snprintf(path, sizeof(path), "%s" HUGE, sysfs);
	dir = opendir(path);
	/* The stream is ours alone. NOLINTNEXTLINE(concurrency-mt-unsafe) */
	while (dir && n < MAX_SIZES && (entry = readdir(dir))) {
		const size_t head = strlen(POOL);
		uint64_t kib = 0;

		if (!strncmp(entry->d_name, POOL, head) &&
		    number_scan(entry->d_name + head, &kib))
			sizes[n++] = kib * KIB;
	}
	if (dir)
		(void)closedir(dir);
	qsort(sizes, n, sizeof(sizes[0]), by_size);
	return n;
}

int host_check_huge(const char *sysfs, uint64_t size, struct err *err)
{
	uint64_t sizes[MAX_SIZES];
	const size_t n = list_huge(sysfs, sizes);
	char list[MAX_SIZES * (SIZE_TEXT + 2)] = "";
	char word[SIZE_TEXT];
	size_t len = 0;

	for (size_t i = 0; i < n; i++) {
		if (sizes[i] == size)
			return 0;
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s",
					i ? ", " : "",
					size_format(word, sizes[i]));
	}
	if (n == 0)
		return err_input(err, -ENOTSUP,
				 "huge=%s: this host's kernel has no pools of "
				 "huge pages (CONFIG_HUGETLBFS)",
				 size_format(word, size));
	return err_input(err, -ENOTSUP, "huge=%s: this host has pages of %s",
			 size_format(word, size), list);
}

int host_huge_shortage(const char *sysfs, uint64_t size, uint64_t bytes,
		       struct err *err)
{
	const uint64_t free_ = read_count(sysfs, size, "free_hugepages");
	const uint64_t promised = read_count(sysfs, size, "resv_hugepages");
	char word[SIZE_TEXT];

	return err_set(err, -ENOMEM,
		       "huge=%s: %" PRIu64 " pages are needed, %" PRIu64
		       " are free; /sys" HUGE "/hugepages-%" PRIu64
		       "kB/nr_hugepages makes more",
		       size_format(word, size), bytes / size,
		       free_ > promised ? free_ - promised : 0, size / KIB);
}

/* True if @n is in a list such as "0-1,4". */
static bool is_listed(const char *list, unsigned n)
{
	const char *at = list;
	uint64_t first, last;

	while ((at = number_scan(at, &first))) {
		last = first;
		if (*at == '-')
			at = number_scan(at + 1, &last);
		if (!at || (n >= first && n <= last))
			return at;
		at += *at == ',';
	}
	return false;
}

int host_check_node(const char *sysfs, unsigned node, struct err *err)
{
	char list[WORD_LEN] = "";

	if (read_word(list, sysfs, NODES) < 0)
		return err_set(err, -ENOTSUP,
			       "node=%u: this host's kernel knows no nodes "
			       "(CONFIG_NUMA)",
			       node);
	if (is_listed(list, node))
		return 0;
	return err_input(err, -ENODEV,
			 "node=%u: the nodes with memory of this host are %s",
			 node, list);
}

int host_check_thp(const char *sysfs, bool shmem, struct err *err)
{
	const char *file = shmem ? THP "shmem_enabled" : THP "enabled";
	char word[WORD_LEN] = "";

	if (read_word(word, sysfs, file) < 0)
		return err_set(err, -ENOTSUP,
			       "huge=thp: this host's kernel has no "
			       "transparent huge pages "
			       "(CONFIG_TRANSPARENT_HUGEPAGE)");
	if (strstr(word, "[never]") || strstr(word, "[deny]"))
		return err_set(err, -ENOTSUP,
			       "huge=thp: turned off on this host; 'advise' or "
			       "'madvise' in /sys%s turns it on",
			       file);
	return 0;
}

/* Finds "@key  1234 kB" in @text; adds its bytes to *sum. */
static bool add_kib(const char *text, const char *key, uint64_t *sum)
{
	const char *line = strstr(text, key);
	uint64_t kib = 0;

	if (!line || !number_scan(line + strlen(key), &kib))
		return false;
	*sum += kib * KIB;
	return true;
}

bool host_available(const char *procfs, uint64_t *ret)
{
	char text[MEMINFO_LEN];
	uint64_t sum = 0;

	if (read_host_text(text, sizeof(text), procfs, "/meminfo") < 0 ||
	    !add_kib(text, "MemAvailable:", &sum))
		return false;
	(void)add_kib(text, "SwapFree:", &sum);
	*ret = sum;
	return true;
}

uint64_t host_swap_free(const char *procfs)
{
	char text[MEMINFO_LEN];
	uint64_t sum = 0;

	if (read_host_text(text, sizeof(text), procfs, "/meminfo") == 0)
		(void)add_kib(text, "SwapFree:", &sum);
	return sum;
}

bool host_ksm_runs(const char *sysfs)
{
	char word[WORD_LEN] = "";

	return read_word(word, sysfs, "/kernel/mm/ksm/run") == 0 &&
	       strcmp(word, "1") == 0;
}
