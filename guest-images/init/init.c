/* guest-images/init/init.c - init of a guest of `vmm test`. */
#include "guest-images/init/init.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PORT_WAIT_MS 10000

int control = -1;

static void write_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		const ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
}

void power_off(void)
{
	sync();
	(void)reboot(RB_POWER_OFF);
	/* Not every board can. */
	(void)reboot(RB_AUTOBOOT);
	for (;;)
		(void)pause();
}

void say(const char *format, ...)
{
	char line[LINE_MAX_LEN];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	if (n < 0 || control < 0)
		return;
	if ((size_t)n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	for (int i = 0; i < n; i++)
		if (line[i] == '\n')
			line[i] = ' ';
	line[n] = '\n';
	write_all(control, line, (size_t)n + 1);
}

void die(const char *format, ...)
{
	char text[LINE_MAX_LEN - 16], line[LINE_MAX_LEN];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (control >= 0) {
		say("fail %s", text);
		/* "bye" */
		(void)control_line(line);
	} else {
		/* vmm looks for this on the console. */
		(void)snprintf(line, sizeof(line), "vmm-init: %s\n", text);
		write_all(STDERR_FILENO, line, strlen(line));
	}
	power_off();
}

bool control_line(char *line)
{
	struct pollfd poll_fd = { .fd = control, .events = POLLIN };
	size_t len = 0;
	unsigned ends = 0;

	while (len < LINE_MAX_LEN - 1) {
		const ssize_t n = read(control, line + len, 1);

		if (n == 1 && line[len] == '\n')
			break;
		if (n == 1) {
			len++;
			ends = 0;
		} else if (n == 0 || errno == EAGAIN) {
			if (n == 0 && ++ends == 2)
				return false;
			(void)poll(&poll_fd, 1, -1);
		} else if (errno != EINTR) {
			return false;
		}
	}
	line[len] = '\0';
	return true;
}

/* The host's time, where the guest's clock has another. */
static void set_clock(void)
{
	char line[LINE_MAX_LEN];
	struct timespec now = { 0 };
	long long seconds;

	if (!control_line(line))
		power_off();
	if (sscanf(line, "time %lld %ld", &seconds, &now.tv_nsec) != 2)
		die("no time from vmm");
	now.tv_sec = (time_t)seconds;
	(void)clock_settime(CLOCK_REALTIME, &now);
}

/* The kernel gives it its address. */
static void start_loopback(void)
{
	struct ifreq request = { .ifr_name = "lo" };
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	if (ioctl(fd, SIOCGIFFLAGS, &request) == 0) {
		request.ifr_flags |= IFF_UP;
		(void)ioctl(fd, SIOCSIFFLAGS, &request);
	}
	(void)close(fd);
}

/* The kernel may have had no console to give to init. */
static void open_standard_streams(void)
{
	int fd = open("/dev/console", O_RDWR | O_NOCTTY);

	if (fd < 0)
		fd = open("/dev/null", O_RDWR);
	for (int i = 0; i < 3; i++)
		if (fd >= 0 && fd != i)
			(void)dup2(fd, i);
	if (fd > 2)
		(void)close(fd);
}

int main(void)
{
	char line[LINE_MAX_LEN];
	struct job job;
	int status;

	(void)umask(022);
	mount_system("");
	open_standard_streams();
	job_read(&job);
	load_modules(&job);
	control = port_open("control", O_RDWR, PORT_WAIT_MS);
	if (control < 0)
		die("this kernel has no virtio console with ports "
		    "(CONFIG_VIRTIO_CONSOLE, CONFIG_VIRTIO_MMIO)");
	say("boot");
	set_clock();
	if (job.hostname)
		(void)sethostname(job.hostname, strlen(job.hostname));
	start_loopback();
	enter_root(&job);
	status = run_command(&job);
	fetch_files(&job);
	if (WIFSIGNALED(status))
		say("signal %d", WTERMSIG(status));
	else
		say("exit %d", WEXITSTATUS(status));
	while (control_line(line) && strcmp(line, "bye") != 0)
		;
	power_off();
}
