/*
 * vmm/config.h - what the user asked for, checked as far as that can be done
 * without touching the host.
 *
 * Made once by config_parse(), const from then on. Strings are borrowed from
 * argv, which lives as long as the program. Values that only one architecture
 * knows (the irqchip's name, say) stay the user's words and are checked by
 * arch_check_config().
 */
#ifndef VMM_CONFIG_H
#define VMM_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "base/range.h"
#include "vmm/balloon_words.h"
#include "vmm/cli.h"
#include "vmm/console_log_words.h"
#include "vmm/flash_words.h"
#include "vmm/gdb_words.h"
#include "vmm/kvmtool_words.h"
#include "vmm/mem_words.h"
#include "vmm/net_words.h"
#include "vmm/panic_words.h"
#include "vmm/share_words.h"

#define CONFIG_MAX_DISKS 16
#define CONFIG_MAX_ROMS 8
#define CONFIG_MAX_FLASHES 2
#define CONFIG_MAX_CPUS 64

/* One --rom FILE@ADDRESS. */
struct rom_spec {
	char *path; /* owned */
	gpa_t at;
	const char *word; /* the argument as given, for messages */
};

#define DISK_SERIAL_MAX 20 /* VIRTIO_BLK_ID_BYTES */

/* One --disk PATH[,ro][,direct][,serial=S][,format=raw]. */
struct disk_spec {
	char *text; /* owned; path, serial and format point into it */
	const char *path;
	const char *serial; /* NULL: none */
	char *file; /* owned; opened in place of @path; NULL: @path is */
	int fd; /* owned, if @copied: the file that @file leads to */
	const char *format; /* "raw": whatever it looks like; NULL: not given */
	bool ro;
	bool temp; /* writes vanish with the guest */
	bool copied; /* it is a snapshot's copy, and vanishes with the guest */
	bool direct; /* O_DIRECT */
};

enum console_kind {
	CONSOLE_BOARD, /* the board's own device, a serial port say; default */
	CONSOLE_VIRTIO, /* hvc0; the board's device is unconnected */
	CONSOLE_NONE, /* output is thrown away */
};

/* Where the console's other end is. */
enum terminal_kind {
	TERMINAL_STDIO, /* standard input and output */
	TERMINAL_SOCKET, /* the client of `vmm console` */
	TERMINAL_FILE, /* a file of the attendant's; output alone */
};

struct machine;
struct port;

/* What attends a run in this process, and is no matter of words: vmm/test.
 * Borrowed. Zeroed: nothing does. */
struct config_attendant {
	struct port *const *port; /* streams for the guest: host/port.h */
	size_t ports;
	int console_fd; /* of TERMINAL_FILE */
	/* The machine is there; it has no devices yet. Returns 0 or a negative
	 * errno. Thread: setup. NULL: nothing is to be done; so for these: */
	int (*began)(void *ctx, struct machine *machine, struct err *err);
	/* Its loop has ended for good, or never ran. May be called again.
	 * Thread: setup. */
	void (*ended)(void *ctx, struct machine *machine);
	/* SIGCONT or SIGWINCH came. Thread: loop. */
	void (*terminal)(void *ctx, int signal);
	void *ctx;
};

enum dirty_log_kind { /* vmm/kvm/dirty_log.h says what they are */
		      DIRTY_LOG_AUTO,
		      DIRTY_LOG_BITMAP,
		      DIRTY_LOG_CLEAR,
		      DIRTY_LOG_RING,
};

struct config {
	struct kvmtool_words kvmtool; /* first: its options count from here */
	const char *name; /* of the VM; NULL: none given */
	const char *control; /* path of the socket, or "none"; NULL: by name */
	const char *kernel; /* path; NULL only if firmware is given */
	const char *initrd;
	const char *cmdline; /* verbatim; "" if none was given */
	const char *dtb; /* use this tree instead of writing one */
	const char *dump_dtb; /* write the tree here, then go on */
	const char *firmware; /* flat image, boots instead of a kernel */
	struct mem_spec mem[MEM_WORDS_MAX]; /* in the order given */
	size_t mems; /* at least 1 */
	struct rom_spec rom[CONFIG_MAX_ROMS];
	size_t roms;
	struct disk_spec disk[CONFIG_MAX_DISKS];
	size_t disks;
	struct flash_spec flash[CONFIG_MAX_FLASHES]; /* in the order given */
	size_t flashes;
	struct share_spec share[SHARE_MAX]; /* in the order given */
	size_t shares;
	unsigned cpus; /* 1 to CONFIG_MAX_CPUS */
	const char *irqchip; /* "auto" if not given */
	enum console_kind console;
	enum terminal_kind terminal;
	struct console_log_spec console_log;
	struct panic_spec on_panic;
	struct gdb_spec gdb;
	struct net_specs nets;
	bool rng;
	struct balloon_spec balloon;
	bool power_button;
	enum dirty_log_kind dirty_log;
	bool pmu;
	bool disable_mte;
	bool no_reboot;
	uint64_t timeout_ns; /* 0: none */
	struct cli_givens givens; /* for config_words_of() */
	enum log_level log_level;
	struct config_attendant attendant; /* set behind config_parse() */
	const char *await; /* URI that the guest comes from, or "defer"; NULL:
			      it boots */
	bool incoming; /* the guest comes from another process, which still has
			  its files' locks: vmm/migrate */
};

/* The options of `vmm run`. */
extern const struct cli_command config_command;

/*
 * Parses the words after `vmm run`.
 *
 * @argv: argv[0] is "run"; stays the caller's and outlives @ret
 *
 * Returns 0; 1 if --help was printed and there is nothing more to do;
 * -EINVAL, -ERANGE, -EEXIST or -ENOSPC with @err naming the word that is wrong
 * and, where one is near, the valid word; -ENOMEM. Touches no file but, for
 * --help, the standard output. Thread: setup only.
 */
int config_parse(struct config *ret, int argc, char *const argv[],
		 struct err *err);

/* Judges the name of a machine, as that of --name: it names a file. Returns 0,
 * or -EINVAL with @err saying what a name is. */
int config_check_name(const char *name, struct err *err);

/* Frees what the configuration owns. A zeroed one is fine. */
void config_finish(struct config *config);

#endif
