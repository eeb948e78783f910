/* host/fs/handle.c - the files and folders that a guest has open. */
#include "host/fs/handle.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cleanup.h"

static void free_handle(struct fs_handle *handle)
{
	if (!handle)
		return;
	fd_closep(&handle->fd);
	(void)pthread_mutex_destroy(&handle->lock);
	free(handle);
}

void fs_handles_init(struct fs_handles *handles, uint32_t max)
{
	(void)pthread_mutex_init(&handles->lock, NULL);
	fs_slots_init(&handles->slots, max);
}

void fs_handles_clear(struct fs_handles *handles)
{
	for (uint32_t i = 0; i < handles->slots.size; i++) {
		struct fs_handle *handle = handles->slots.slot[i].item;

		if (!handle)
			continue;
		fs_slots_remove(&handles->slots, handle->id);
		free_handle(handle);
	}
}

void fs_handles_finish(struct fs_handles *handles)
{
	fs_handles_clear(handles);
	fs_slots_finish(&handles->slots);
}

/* @fd: taken over, failure included. Returns NULL if there is no memory. */
static struct fs_handle *make_handle(int fd, bool folder)
{
	_cleanup_(fd_closep) int held = fd;
	struct fs_handle *handle = calloc(1, sizeof(*handle));

	if (!handle)
		return NULL;
	*handle = (struct fs_handle){ .fd = TAKE_FD(held),
				      .folder = folder,
				      .users = 1 };
	(void)pthread_mutex_init(&handle->lock, NULL);
	return handle;
}

/* From then on the guest may guess the number, and close the handle. */
static int number_handle(struct fs_handles *handles, struct fs_handle *handle,
			 uint64_t *ret_id)
{
	int r;

	GUARD(&handles->lock);
	r = fs_slots_add(&handles->slots, handle, &handle->id);
	if (r == 0)
		*ret_id = handle->id;
	return r;
}

int fs_handle_add(struct fs_handles *handles, int fd, bool folder,
		  uint64_t *ret_id)
{
	struct fs_handle *handle = make_handle(fd, folder);
	int r;

	if (!handle)
		return -ENOMEM;
	r = number_handle(handles, handle, ret_id);
	if (r < 0)
		free_handle(handle);
	return r;
}

int fs_handle_restore(struct fs_handles *handles, uint64_t id, int fd,
		      bool folder)
{
	struct fs_handle *handle = make_handle(fd, folder);
	int r;

	if (!handle)
		return -ENOMEM;
	handle->id = id;
	(void)pthread_mutex_lock(&handles->lock);
	r = fs_slots_restore(&handles->slots, handle, id);
	(void)pthread_mutex_unlock(&handles->lock);
	if (r < 0)
		free_handle(handle);
	return r;
}

void fs_handles_end_restore(struct fs_handles *handles)
{
	GUARD(&handles->lock);
	fs_slots_end_restore(&handles->slots);
}

static struct fs_handle *find_handle(const struct fs_handles *handles,
				     uint64_t id, bool folder)
{
	struct fs_handle *handle = fs_slots_get(&handles->slots, id);

	return handle && handle->folder == folder ? handle : NULL;
}

struct fs_handle *fs_handle_get(struct fs_handles *handles, uint64_t id,
				bool folder)
{
	struct fs_handle *handle;

	GUARD(&handles->lock);
	handle = find_handle(handles, id, folder);
	if (handle)
		handle->users++;
	return handle;
}

/* Returns the handle if nobody uses it any more. */
static struct fs_handle *end_handle_use(struct fs_handles *handles,
					struct fs_handle *handle)
{
	GUARD(&handles->lock);
	return --handle->users == 0 ? handle : NULL;
}

void fs_handle_put(struct fs_handles *handles, struct fs_handle *handle)
{
	if (handle)
		free_handle(end_handle_use(handles, handle));
}

static struct fs_handle *take_handle(struct fs_handles *handles, uint64_t id,
				     bool folder)
{
	struct fs_handle *handle;

	GUARD(&handles->lock);
	handle = find_handle(handles, id, folder);
	if (handle)
		fs_slots_remove(&handles->slots, id);
	return handle;
}

int fs_handle_release(struct fs_handles *handles, uint64_t id, bool folder)
{
	struct fs_handle *handle = take_handle(handles, id, folder);

	if (!handle)
		return -EBADF;
	fs_handle_put(handles, handle);
	return 0;
}
