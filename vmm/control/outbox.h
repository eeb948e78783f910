/* vmm/control/outbox.h - JSON messages on their way to a socket. [pure] */
#ifndef VMM_CONTROL_OUTBOX_H
#define VMM_CONTROL_OUTBOX_H

#include <stddef.h>

#include <jansson.h>

/* Zeroed, it is empty. */
struct outbox {
	char *text; /* owned */
	size_t start, len; /* of what is not sent yet */
	size_t space; /* of text */
};

/*
 * Adds a message and the line's end. Returns 0; -ENOMEM, also for a NULL; the
 * outbox is then as good for nothing as the connection.
 */
int outbox_add(struct outbox *out, const json_t *message);

/* Sends what goes without waiting. Returns 0, or the errno of send(2). */
int outbox_send(struct outbox *out, int fd);

void outbox_finish(struct outbox *out);

#endif
