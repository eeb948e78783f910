/* guest-images/ginit.c - the smallest guest: one line, then power off. */

#include <stdio.h>
#include <sys/reboot.h>
#include <time.h>
#include <unistd.h>

/* The kernel has opened /dev/console as stdin, stdout and stderr. */
int main(void)
{
	struct timespec up;
	char line[64];
	int len;

	clock_gettime(CLOCK_BOOTTIME, &up);
	len = snprintf(line, sizeof(line), "guest up %ld.%09ld\n",
		       (long)up.tv_sec, up.tv_nsec);
	(void)!write(STDOUT_FILENO, line, (size_t)len);
	(void)reboot(RB_POWER_OFF);
	for (;;)
		(void)pause();
}
