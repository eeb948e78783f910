/*
 * host/fs/handle.h - the files and folders that a guest has open.
 *
 * Thread: any, except where a function says otherwise.
 */
#ifndef HOST_FS_HANDLE_H
#define HOST_FS_HANDLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "host/fs/slots.h"

struct fs_handle {
	uint64_t id; /* fixed */
	int fd; /* owned; fixed */
	bool folder; /* fixed */
	uint32_t users; /* under the table's lock; one of them is the guest */
	pthread_mutex_t lock; /* of a folder: over fd's position */
};

struct fs_handles {
	pthread_mutex_t lock;
	struct fs_slots slots;
};

void fs_handles_init(struct fs_handles *handles, uint32_t max);

/* Closes all. Nobody uses a handle. A zeroed table is fine. */
void fs_handles_finish(struct fs_handles *handles);

/* The same, and the table can be used again. */
void fs_handles_clear(struct fs_handles *handles);

/*
 * Makes a handle of a descriptor, which is taken over, failure included.
 *
 * Returns 0; -ENFILE if there are too many handles; -ENOMEM.
 */
int fs_handle_add(struct fs_handles *handles, int fd, bool folder,
		  uint64_t *ret_id);

/*
 * Makes a handle anew, with the number it had in another table. All are made,
 * and fs_handles_end_restore() follows.
 *
 * @fd: taken over, failure included
 * @id: not trusted
 *
 * Returns 0; -EINVAL if no handle may have that number, or another one has its
 * place; -ENOMEM. Thread: setup.
 */
int fs_handle_restore(struct fs_handles *handles, uint64_t id, int fd,
		      bool folder);
void fs_handles_end_restore(struct fs_handles *handles);

/*
 * Returns a handle of that kind, which is in use from now on; NULL: there is
 * none. @id: not trusted
 */
struct fs_handle *fs_handle_get(struct fs_handles *handles, uint64_t id,
				bool folder);

/* Ends what fs_handle_get() began. NULL is fine. */
void fs_handle_put(struct fs_handles *handles, struct fs_handle *handle);

/* The guest closes a handle of that kind. Returns 0; -EBADF if there is none.
 * @id: not trusted */
int fs_handle_release(struct fs_handles *handles, uint64_t id, bool folder);

#endif
