/* base/log.c - levelled messages to the standard error. */
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define LOG_LINE_MAX 512

/* The one global; atomic. */
static struct {
	enum log_level level;
	uint32_t lost; /* lines since the last one that was written */
} log_state = { .level = LOG_WARN };

void log_set_level(enum log_level level)
{
	__atomic_store_n(&log_state.level, level, __ATOMIC_RELAXED);
}

bool log_on(enum log_level level)
{
	return level <= __atomic_load_n(&log_state.level, __ATOMIC_RELAXED);
}

/*
 * True if the guest's console has set the terminal not to translate newlines.
 */
static bool raw_terminal(void)
{
	struct termios mode;

	return tcgetattr(STDERR_FILENO, &mode) == 0 && !(mode.c_oflag & OPOST);
}

static bool is_writable(void)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&p, 1, 0) > 0;
}

/*
 * Writes a line unless that would block: a thread that logs may hold a device's
 * lock. The error output may be shared, so its O_NONBLOCK is not ours to set. A
 * file is written as it is. For a terminal, and where the kernel has no
 * RWF_NOWAIT for pipes, another writer may take the room that poll(2) has seen.
 */
static bool write_now(char *buf, size_t len)
{
	const struct iovec iov = { .iov_base = buf, .iov_len = len };
	struct stat st;

	if (fstat(STDERR_FILENO, &st) == 0 &&
	    (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode))) {
		const ssize_t n = pwritev2(STDERR_FILENO, &iov, 1, -1,
					   RWF_NOWAIT);

		if (n >= 0 || errno != EOPNOTSUPP)
			return n >= 0;
	}
	return is_writable() && write(STDERR_FILENO, buf, len) >= 0;
}

/* Tells how many lines were lost before this one, and writes it. */
static void write_or_lose(char *buf, size_t len)
{
	const uint32_t lost = __atomic_exchange_n(&log_state.lost, 0,
						  __ATOMIC_RELAXED);
	char told[64];
	int n;

	if (lost > 0) {
		n = snprintf(told, sizeof(told), "vmm: %u lines were lost%s",
			     lost, raw_terminal() ? "\r\n" : "\n");
		if (!write_now(told, (size_t)n)) {
			(void)__atomic_add_fetch(&log_state.lost, lost + 1,
						 __ATOMIC_RELAXED);
			return;
		}
	}
	if (!write_now(buf, len))
		(void)__atomic_add_fetch(&log_state.lost, 1, __ATOMIC_RELAXED);
}

__attribute__((format(printf, 2, 0))) static void
line(enum log_level level, const char *fmt, va_list ap)
{
	static const char *const prefix[] = {
		[LOG_ERROR] = "vmm: ",
		[LOG_WARN] = "vmm: warning: ",
		[LOG_INFO] = "vmm: ",
		[LOG_DEBUG] = "vmm: debug: ",
	};
	const int saved = errno;
	char buf[LOG_LINE_MAX + 2];
	size_t len = (size_t)(stpcpy(buf, prefix[level]) - buf);
	int n;

	n = vsnprintf(buf + len, LOG_LINE_MAX - len, fmt, ap);
	if (n > 0)
		len += (size_t)n;
	if (len > LOG_LINE_MAX - 1)
		len = LOG_LINE_MAX - 1;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)buf[i] < ' ' || buf[i] == 0x7f)
			buf[i] = '?';
	if (raw_terminal())
		buf[len++] = '\r';
	buf[len++] = '\n';
	write_or_lose(buf, len);
	errno = saved;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	if (!log_on(level))
		return;
	va_start(ap, fmt);
	line(level, fmt, ap);
	va_end(ap);
}

/* Takes one of this second's lines. False if they are used up. */
static bool take_log_line(struct log_limit *limit)
{
	uint32_t old = __atomic_load_n(&limit->window, __ATOMIC_RELAXED);
	struct timespec now;
	uint32_t second;
	uint32_t next;

	(void)clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	second = (uint32_t)now.tv_sec << 8;
	do {
		next = (old & ~0xffu) == second ? old + 1 : second + 1;
		if ((next & 0xff) > LOG_GUEST_LINES)
			return false;
	} while (!__atomic_compare_exchange_n(&limit->window, &old, next, true,
					      __ATOMIC_RELAXED,
					      __ATOMIC_RELAXED));
	return true;
}

void log_guest(struct log_limit *limit, const char *fmt, ...)
{
	va_list ap;

	(void)__atomic_add_fetch(&limit->count, 1, __ATOMIC_RELAXED);
	if (!log_on(LOG_DEBUG) || !take_log_line(limit))
		return;
	va_start(ap, fmt);
	line(LOG_DEBUG, fmt, ap);
	va_end(ap);
}
