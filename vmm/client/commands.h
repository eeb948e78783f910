/*
 * vmm/client/commands.h - the commands that are clients of a running guest.
 *
 * Each has the words of its command line, and a main() as vmm/main.c calls it:
 * it returns 0 with *ret_status set if that is not 0; 1 if --help was printed;
 * or a negative errno with @err set. [pure]
 */
#ifndef VMM_CLIENT_COMMANDS_H
#define VMM_CLIENT_COMMANDS_H

#include "base/err.h"

struct cli_command;

#define CLIENT_COMMAND(name)                                           \
	extern const struct cli_command name##_command;                \
	int name##_main(int argc, char *const argv[], int *ret_status, \
			struct err *err)

CLIENT_COMMAND(list);
CLIENT_COMMAND(stop);
CLIENT_COMMAND(pause);
CLIENT_COMMAND(resume);
CLIENT_COMMAND(stat);
CLIENT_COMMAND(balloon);
CLIENT_COMMAND(console);
CLIENT_COMMAND(disk);
CLIENT_COMMAND(dump);
CLIENT_COMMAND(gdb);
CLIENT_COMMAND(mem);
CLIENT_COMMAND(migrate);
CLIENT_COMMAND(snapshot);
CLIENT_COMMAND(version);

#endif
