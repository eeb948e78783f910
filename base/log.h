/*
 * base/log.h - levelled messages to the standard error.
 *
 * Each message is one line and one write(2), so lines of several threads do not
 * mix. A thread that logs may hold a lock, so a line that the error output does
 * not take at once (a full pipe, a stopped terminal) is lost; their number
 * precedes the next line that is written. Bytes that a terminal could act on
 * are replaced by '?', for a message may quote what a guest or a file said.
 * Errors travel as struct err and are printed by main() alone; this is for what
 * is not an error.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Messages above @level are dropped. LOG_WARN at start. Thread: any. */
void log_set_level(enum log_level level);

/* True if a message of @level would be written. Thread: any. */
bool log_on(enum log_level level);

/*
 * Writes "vmm: [level: ]message\n", cut at 511 bytes. No newline in @fmt.
 * On a terminal in raw mode a carriage return precedes it.
 * Keeps errno. Thread: any.
 */
void log_line(enum log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)                                    \
	do {                                              \
		if (log_on(LOG_DEBUG))                    \
			log_line(LOG_DEBUG, __VA_ARGS__); \
	} while (0)

#define LOG_GUEST_LINES 10 /* a second, of one struct log_limit */

/* The mistakes of one guest at one device. Embedded in it; starts zeroed. */
struct log_limit {
	uint32_t count; /* atomic: all of them, logged or not; wraps */
	uint32_t window; /* atomic: second << 8 | lines in that second */
};

/*
 * Counts a mistake of the guest's, and logs it at debug level, at most
 * LOG_GUEST_LINES a second: a guest cannot fill the host's log. Thread: any.
 */
void log_guest(struct log_limit *limit, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
