/* tests/unit/temp_folder.c - a folder for the files of a test. */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tests/unit/temp_folder.h"
#include "tests/unit/test.h"

#define MAX_OPEN 16 /* folders, while a tree is walked */

int temp_folder_make(struct temp_folder *folder, const char *where)
{
	(void)snprintf(folder->path, sizeof(folder->path), "%s/vmm-test-XXXXXX",
		       where);
	return mkdtemp(folder->path) ? 0 : -1;
}

void temp_folder_path(const struct temp_folder *folder, const char *name,
		      char path[TEMP_PATH_SIZE])
{
	const int len = snprintf(path, TEMP_PATH_SIZE, "%s/%s", folder->path,
				 name);

	assert_in_range(len, 0, TEMP_PATH_SIZE - 1);
}

void temp_folder_put(const struct temp_folder *folder, const char *name,
		     const char *text)
{
	char path[TEMP_PATH_SIZE];
	FILE *file;

	temp_folder_path(folder, name, path);
	for (char *p = path + strlen(folder->path) + 1; (p = strchr(p, '/'));
	     p++) {
		*p = '\0';
		(void)mkdir(path, 0700);
		*p = '/';
	}
	file = fopen(path, "w");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int drop(const char *path, const struct stat *st, int type,
		struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

int temp_folder_remove(const struct temp_folder *folder)
{
	return nftw(folder->path, drop, MAX_OPEN, FTW_DEPTH | FTW_PHYS);
}
