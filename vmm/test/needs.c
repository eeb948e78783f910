/* vmm/test/needs.c - what a case of `vmm test` needs of the host. */
#include "vmm/test/needs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/size.h"

/* The name by which vmm knows this architecture. */
static void name_host_arch(char ret[65])
{
	struct utsname name;

	if (uname(&name) < 0)
		*name.machine = '\0';
	(void)snprintf(ret, 65, "%s",
		       strcmp(name.machine, "aarch64") == 0 ? "arm64"
							    : name.machine);
}

static bool has_string(const struct strings *strings, const char *text)
{
	for (size_t i = 0; i < strings->count; i++)
		if (strcmp(strings->item[i], text) == 0)
			return true;
	return false;
}

/* True if a program is in a folder of PATH, or where its path says. */
static bool has_program(const char *name)
{
	const char *dirs = strchr(name, '/') ? NULL : secure_getenv("PATH");

	if (!dirs)
		return access(name, X_OK) == 0;
	for (;;) {
		const size_t len = strcspn(dirs, ":");
		_cleanup_(freep) char *path = NULL;

		if (asprintf(&path, "%.*s/%s", len > 0 ? (int)len : 1,
			     len > 0 ? dirs : ".", name) < 0)
			return false;
		if (access(path, X_OK) == 0)
			return true;
		if (!dirs[len])
			return false;
		dirs += len + 1;
	}
}

static bool has_size(const struct needs *needs, char why[NEEDS_WHY])
{
	const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	const uint64_t mem = (uint64_t)sysconf(_SC_PHYS_PAGES) *
			     (uint64_t)sysconf(_SC_PAGESIZE);
	char want[SIZE_TEXT];

	if (cpus > 0 && needs->cpus > (uint64_t)cpus) {
		(void)snprintf(why, NEEDS_WHY,
			       "it needs %" PRIu64 " processors, and %ld are "
			       "here",
			       needs->cpus, cpus);
		return false;
	}
	if (needs->mem > mem) {
		(void)snprintf(why, NEEDS_WHY,
			       "it needs %s of memory, and the host has less",
			       size_format(want, needs->mem));
		return false;
	}
	return true;
}

bool needs_met(const struct needs *needs, char why[NEEDS_WHY])
{
	char arch[65];

	name_host_arch(arch);
	if (needs->archs.count > 0 && !has_string(&needs->archs, arch)) {
		(void)snprintf(why, NEEDS_WHY, "it is not for %s", arch);
		return false;
	}
	for (size_t i = 0; i < needs->programs.count; i++)
		if (!has_program(needs->programs.item[i])) {
			(void)snprintf(why, NEEDS_WHY,
				       "it needs the program %s",
				       needs->programs.item[i]);
			return false;
		}
	for (size_t i = 0; i < needs->files.count; i++)
		if (access(needs->files.item[i], R_OK) < 0) {
			(void)snprintf(why, NEEDS_WHY, "it needs %s",
				       needs->files.item[i]);
			return false;
		}
	return has_size(needs, why);
}

void needs_finish(struct needs *needs)
{
	strings_finish(&needs->archs);
	strings_finish(&needs->programs);
	strings_finish(&needs->files);
}
