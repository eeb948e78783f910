/* mem/merged.c - how much of a region's host memory KSM has merged. */
#include "mem/merged.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/size.h"

#define KEY "KSM:"
#define KIB 1024

static void filep_close(FILE **file)
{
	if (*file)
		(void)fclose(*file);
}

/* How many bytes two ranges that overlap have in common. */
static uint64_t common_bytes(struct range a, struct range b)
{
	const uint64_t start = a.start > b.start ? a.start : b.start;
	const uint64_t a_last = a.start + (a.size - 1);
	const uint64_t b_last = b.start + (b.size - 1);

	return (a_last < b_last ? a_last : b_last) - start + 1;
}

static void add_merged_mapping(struct merged *part, struct range mapping,
			       uint64_t bytes)
{
	if (!range_overlaps(part->host, mapping))
		return;
	/* The merged bytes may be on either side of the part's end. */
	if (bytes > 0 && !range_contains(part->host, mapping))
		return;
	part->told += common_bytes(part->host, mapping);
	part->bytes += bytes;
}

/* The first line of each mapping: "START-END PERMISSIONS ...", in hexadecimal
 * of small letters; the others begin with a capital. */
static bool read_mapping(const char *line, struct range *ret)
{
	uint64_t start, end;
	char *behind;

	if (!strchr("0123456789abcdef", *line))
		return false;
	errno = 0;
	start = strtoull(line, &behind, 16);
	if (*behind != '-' || !strchr("0123456789abcdef", behind[1]))
		return false;
	end = strtoull(behind + 1, &behind, 16);
	if (errno || *behind != ' ' || end <= start)
		return false;
	*ret = (struct range){ start, end - start };
	return true;
}

/* "KSM:     12 kB" */
static bool read_merged(const char *line, uint64_t *ret)
{
	const char *behind;
	uint64_t kib;

	if (strncmp(line, KEY, strlen(KEY)) != 0)
		return false;
	behind = number_scan(line + strlen(KEY), &kib);
	return behind && strcmp(behind, " kB\n") == 0 &&
	       !__builtin_mul_overflow(kib, (uint64_t)KIB, ret);
}

void merged_read(FILE *smaps, struct merged *part, size_t count)
{
	_cleanup_(freep) char *line = NULL;
	struct range mapping = { 0 }; /* of size 0: none */
	size_t room = 0;
	uint64_t bytes;

	/* Whole lines, or the end of a file's name could pass for one. */
	while (getline(&line, &room, smaps) > 0) {
		if (read_mapping(line, &mapping) || mapping.size == 0 ||
		    !read_merged(line, &bytes))
			continue;
		for (size_t i = 0; i < count && bytes <= mapping.size; i++)
			add_merged_mapping(&part[i], mapping, bytes);
		mapping.size = 0;
	}
}

void merged_look(struct merged *part, size_t count)
{
	_cleanup_(filep_close) FILE *smaps = fopen("/proc/self/smaps", "re");

	if (smaps)
		merged_read(smaps, part, count);
}
