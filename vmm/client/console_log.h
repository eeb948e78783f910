/* vmm/client/console_log.h - vmm console --log. */
#ifndef VMM_CLIENT_CONSOLE_LOG_H
#define VMM_CLIENT_CONSOLE_LOG_H

#include "base/err.h"

struct client;

/*
 * Prints what the guest's console has said so far, as far as the files of
 * --console-log have it (host/tty_log.h), to the standard output.
 *
 * Returns 0; -EREMOTEIO if the guest keeps no log; what client_run() returns;
 * -EPROTO; or the errno of opening, reading or writing. Thread: any.
 */
int console_log_print(struct client *client, struct err *err);

#endif
