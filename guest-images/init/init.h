/*
 * guest-images/init/init.h - init of a guest of `vmm test`: what its files
 * have in common.
 *
 * vmm writes a list of words into the initramfs (/.vmm/job) and speaks with
 * init over a virtio port, "control", in lines:
 *
 *	init: boot		the port is open: the boot has come this far
 *	vmm:  time SEC NSEC	the time of day, the answer
 *	vmm:  size ROWS COLS	of the terminal, at any time
 *	init: run		the command has been started
 *	init: fail TEXT		it could not be
 *	init: lost TEXT		a file could not be fetched, and why
 *	init: exit N		it has ended, and all it wrote has been sent
 *	init: signal N
 *	vmm:  bye		power off
 *
 * The command's streams are the ports "stdin", "stdout" and "stderr".
 */
#ifndef GUEST_IMAGES_INIT_INIT_H
#define GUEST_IMAGES_INIT_INIT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PLACE "/.vmm"
#define JOB_FILE PLACE "/job"

/* The words of the job, in order: "key=value". */
struct job {
	char *text; /* the file; each word ends in NUL */
	size_t size;
	const char *root; /* tag of the root folder; NULL: the initramfs */
	const char *hostname;
	const char *pwd;
	uid_t uid;
	gid_t gid;
	bool terminal; /* stdin and stdout are a terminal */
	bool separate; /* stderr is a port of its own, even so */
	unsigned rows, columns; /* of the terminal */
	char **argv; /* ends with NULL; so do these: */
	char **env;
	gid_t *groups;
	size_t group_count;
};

/* Reads the job, or dies. */
void job_read(struct job *ret);

/* The next word of the job that has a key, from *at on, which begins as NULL.
 * Returns its value, or NULL. */
const char *job_next(const struct job *job, const char **at, const char *key);

/* Tells vmm why the command cannot be run, and powers off. */
__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format,
							 ...);

/* The control port's descriptor; -1: not open yet. */
extern int control;

/* Says a line on the control port. */
__attribute__((format(printf, 1, 2))) void say(const char *format, ...);

/* Ends the machine. */
__attribute__((noreturn)) void power_off(void);

/* Opens the port of a name, waiting for it to appear for so long, or returns
 * -1. */
int port_open(const char *name, int flags, int wait_ms);

/* Mounts what every system has, below @root ("" or a path). */
void mount_system(const char *root);

/* Loads the modules of the job, in order. */
void load_modules(const struct job *job);

/* Makes a folder and those above it. */
void make_folders(const char *path);

/* Brings the job's files to the host. */
void fetch_files(const struct job *job);

/* Makes the job's root and folders, and moves to it. */
void enter_root(const struct job *job);

/* Reads a line from the control port, waiting for it. Returns false if the host
 * has gone. @line has room for LINE_MAX_LEN bytes. */
#define LINE_MAX_LEN 256
bool control_line(char *line);

/* Runs the command, with its streams, until it has ended and all that it wrote
 * has been sent. Returns its wait(2) status. */
int run_command(const struct job *job);

#endif
