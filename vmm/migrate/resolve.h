/*
 * vmm/migrate/resolve.h - the addresses of a host, which the name service may
 * take its time to tell. [pure]
 */
#ifndef VMM_MIGRATE_RESOLVE_H
#define VMM_MIGRATE_RESOLVE_H

#include <netdb.h>

#include "base/err.h"
#include "vmm/migrate/channel.h"

/*
 * Asks for the addresses of a TCP service.
 *
 * @host:  a name, or an address as text
 * @port:  a number
 * @flags: AI_PASSIVE or 0
 * @wait:  its @stop, @patience_ms and @deadline hold
 *
 * Returns a list for freeaddrinfo(3), or NULL with @err set: -EHOSTUNREACH, the
 * user's fault; -ETIMEDOUT; -ECANCELED; -ENOMEM; or what aside_start() returns.
 * Thread: any.
 */
struct addrinfo *resolve_host(const char *host, const char *port, int flags,
			      const struct channel *wait, struct err *err);

#endif
