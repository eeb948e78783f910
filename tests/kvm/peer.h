/*
 * tests/kvm/peer.h - a vmm that is watched from outside: its process, its
 * control socket, its guest's memory.
 *
 * What goes wrong in here ends the test: it prints FAIL and why, and exits.
 */
#ifndef TESTS_KVM_PEER_H
#define TESTS_KVM_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "tests/kvm/count.h"

#define PEER_MEM (8u << 20) /* bytes of a guest's memory */

struct peer {
	pid_t pid;
	int mem; /* of /proc/PID/mem */
	uint64_t ram; /* where the guest's memory is in it */
	uint64_t count; /* where its struct count is */
};

#define FAIL(...) peer_fail(__FILE_NAME__, __LINE__, __VA_ARGS__)
#define CHECK(what)                        \
	do {                               \
		if (!(what))               \
			FAIL("%s", #what); \
	} while (0)

_Noreturn void peer_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

struct peer_test {
	const char *name;
	void (*run)(void);
};

/* Runs the test that the only argument names, and says "ok". For main(). */
int peer_main(int argc, char *const argv[], const struct peer_test *tests,
	      size_t count);

/* Runs `vmm run --mem 8M WORDS` (words of a shell); says nothing of its own. */
struct peer peer_run(const char *words);

/* The same of a whole command. */
struct peer peer_start(const char *command);

/* Waits until the guest "count" counts. */
void peer_find(struct peer *peer);

/* Waits for its end. Returns the exit status, or 128 + a signal's number. */
int peer_wait(struct peer *peer);

/*
 * Lets the hour of --timeout 1h pass at once: its timer, a file of the
 * process, is set anew (pidfd_getfd(2)). A limit of seconds might pass on a
 * busy machine before the test got to what it wants to see it end.
 */
void peer_expire(const struct peer *peer);

/* Runs a line of a shell, which must do well. */
void shell(const char *line);

/*
 * All of guest memory in one number, but for the word of LPI pending bits that
 * a guest "count" names: KVM writes it as an ITS is saved, and clears it as it
 * takes up what is pending (Linux 6.1, vgic_v3_lpi_sync_pending_status()).
 */
uint64_t peer_checksum(const struct peer *peer);

/* The guest's struct count. */
struct count peer_look(const struct peer *peer);

/* Waits until each of @cpus CPUs has counted, twice: once might have begun
 * before. */
void peer_wait_moved(const struct peer *peer, unsigned cpus);

/* @is must be what can have become of @was, in the same life. */
void check_counts(const struct count *was, const struct count *is,
		  unsigned cpus);
void peer_order(const struct peer *peer, enum count_order order);
void peer_clear_gap(const struct peer *peer);

/* Connects to a socket, waiting for it to be there. */
int qmp_connect(const char *path);

/* The same, past the greeting and qmp_capabilities. */
int qmp_open(const char *path);

void qmp_send(int fd, const char *text);

/* Reads a line: without its end, good until the next call; "" at the end of
 * the connection. Waits two minutes at most. */
const char *qmp_line(int fd);

/* The next line that is not an event: one may come before any reply. */
const char *qmp_reply(int fd);

/* @line must be @wanted. */
void is_reply(const char *line, const char *wanted);

/* Sends @text; the next line must be @reply. */
void qmp_expect(int fd, const char *text, const char *reply);

/* Executes @command (a name) and returns the line of its reply. */
const char *qmp_do(int fd, const char *command);

/* The next line must be an event; @data: what follows its name. */
void qmp_event(int fd, const char *name, const char *data);

void sleep_ms(unsigned ms);

bool begins(const char *text, const char *with);

#endif
