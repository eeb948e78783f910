/*
 * vmm/test/link.h - the port over which vmm and the guest's init speak, in
 * lines. [pure]
 *
 * guest-images/init/init.h has the lines. What the guest says is not trusted: a
 * line is cut at LINK_LINE bytes.
 */
#ifndef VMM_TEST_LINK_H
#define VMM_TEST_LINK_H

#include "host/port.h"

#define LINK_LINE 256
#define LINK_OUT 1024

struct link {
	struct port port;
	struct port_user *user; /* NULL: there is no device */
	/* Called with a line of the guest's, without its end. With the device's
	 * lock held. Thread: loop. */
	void (*said)(void *ctx, const char *line);
	void *ctx;
	char line[LINK_LINE];
	size_t len; /* of it, so far */
	char out[LINK_OUT]; /* not read by the guest yet */
	size_t out_len;
};

void link_init(struct link *ret, void (*said)(void *ctx, const char *line),
	       void *ctx);

/* Says a line, without its end; it is dropped if the guest does not read. No
 * lock is needed. Thread: loop. */
void link_say(struct link *link, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
