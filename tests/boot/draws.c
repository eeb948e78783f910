/*
 * tests/boot/draws.c - draws random numbers, in a guest that may be a copy.
 *
 * Usage: draws
 *
 * Writes a line "draw NUMBER COPIES HEX" for each 8 bytes of /dev/urandom,
 * until it is killed. COPIES is how often the kernel had said, before the draw,
 * that it is a copy of another machine.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <unistd.h>

#define READ_ALL 3 /* Source: syslog(2), SYSLOG_ACTION_READ_ALL */
#define PAUSE_US 10000 /* what a console takes in without a queue */

static _Noreturn void fail_to(const char *what)
{
	perror(what);
	exit(1);
}

static unsigned count_copies(void)
{
	static char log[1 << 20];
	const int len = klogctl(READ_ALL, log, sizeof(log) - 1);
	unsigned count = 0;

	if (len < 0)
		fail_to("kernel log");
	log[len] = '\0';
	for (const char *at = log; (at = strstr(at, "virtual machine fork"));
	     at++)
		count++;
	return count;
}

int main(void)
{
	const int random = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
	unsigned copies;
	uint64_t drawn;

	if (random < 0)
		fail_to("/dev/urandom");
	for (unsigned i = 1;; i++) {
		copies = count_copies();
		if (read(random, &drawn, sizeof(drawn)) != sizeof(drawn))
			fail_to("/dev/urandom");
		printf("draw %u %u %016" PRIx64 "\n", i, copies, drawn);
		(void)fflush(stdout);
		(void)usleep(PAUSE_US);
	}
}
