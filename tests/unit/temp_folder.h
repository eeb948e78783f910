/* tests/unit/temp_folder.h - a folder for the files of a test. */
#ifndef TESTS_UNIT_TEMP_FOLDER_H
#define TESTS_UNIT_TEMP_FOLDER_H

#define TEMP_PATH_SIZE 256

struct temp_folder {
	char path[32]; /* absolute */
};

/* Makes an empty one in @where, such as "/tmp". Returns 0, or -1 and errno. */
int temp_folder_make(struct temp_folder *folder, const char *where);

/* Writes the path of @name in it; whether that is there does not matter. */
void temp_folder_path(const struct temp_folder *folder, const char *name,
		      char path[TEMP_PATH_SIZE]);

/* Makes the file @name with this text, anew, and the folders above it. */
void temp_folder_put(const struct temp_folder *folder, const char *name,
		     const char *text);

/* Removes it with all that is in it. Returns 0, or -1 and errno. */
int temp_folder_remove(const struct temp_folder *folder);

#endif
