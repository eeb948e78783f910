/* guest-images/host-init.c - init of a test host: runs tools/lab's command. */

/*
 * The command and how to run it stand in /.lab/run, words that end in NUL: what
 * its stdin is, "null", "pipe" or "tty"; the value of TERM; the program; its
 * arguments. It speaks with tools/lab in frames over one channel: the device
 * that the kernel's parameter lab_channel names, a virtio port or the serial
 * console.
 *
 * The stream begins with MAGIC (a serial console says other things before).
 * A frame is one byte, its type, four bytes, its length (big-endian), and
 * its content. To tools/lab: 'o' and 'e', what the command wrote to stdout and
 * stderr, then 'x', its status, one byte. From tools/lab: 'i', for its stdin,
 * of no length at the end; 'w', rows and columns of its terminal, two bytes
 * each.
 */

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define MAGIC "\nvmm-lab-1\n"
#define HEAD 5
#define CHUNK 16384
#define CHANNEL_WAIT_MS 10000
/* Reads after the command's end: more than a pipe of 16 64K pages holds. */
#define LAST_READS 80

struct lab {
	int channel;
	int signals;
	int in; /* what the command reads: a pipe, the terminal, or -1 */
	int out; /* what it writes: a pipe, or the terminal */
	int err; /* the same for its stderr; -1 for a terminal */
	pid_t child;
	int status; /* as wait() tells it, once child is 0 */
	char frames[CHUNK]; /* from tools/lab, not yet dealt with */
	size_t frames_len;
	size_t frame_done; /* how much of the first one's content is */
	bool full; /* the command does not take more of it now */
};

struct mount {
	const char *source, *target, *type, *options;
};

static const struct mount mounts[] = {
	{ "proc", "/proc", "proc", NULL },
	{ "sysfs", "/sys", "sysfs", NULL },
	{ "devtmpfs", "/dev", "devtmpfs", NULL },
	{ "devpts", "/dev/pts", "devpts", "ptmxmode=666,gid=5,mode=620" },
	{ "tmpfs", "/dev/shm", "tmpfs", "mode=1777" },
	{ "tmpfs", "/tmp", "tmpfs", "mode=1777" },
	{ "tmpfs", "/run", "tmpfs", "mode=755" },
	{ "debugfs", "/sys/kernel/debug", "debugfs", NULL },
	{ "tracefs", "/sys/kernel/tracing", "tracefs", NULL },
	{ "cgroup2", "/sys/fs/cgroup", "cgroup2", NULL },
};

/* A kernel may lack a file system; what needs it will say so. */
static void mount_all(void)
{
	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++) {
		const struct mount *m = &mounts[i];

		(void)mkdir(m->target, 0755);
		(void)mount(m->source, m->target, m->type, 0, m->options);
	}
	(void)symlink("/proc/self/fd", "/dev/fd");
	(void)symlink("/proc/self/fd/0", "/dev/stdin");
	(void)symlink("/proc/self/fd/1", "/dev/stdout");
	(void)symlink("/proc/self/fd/2", "/dev/stderr");
}

/* The emulator ends when it is to reboot, and not every board can power off. */
/*
 * Nothing here is secret, and who wants random numbers shall not wait until a
 * quiet machine has gathered some: on an emulated one that takes seconds.
 */
static void seed_random(void)
{
	struct {
		struct rand_pool_info info;
		struct timespec now[8];
	} seed = { .info = { .entropy_count = 8 * sizeof(seed.now),
			     .buf_size = sizeof(seed.now) } };
	const int fd = open("/dev/urandom", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	for (size_t i = 0; i < sizeof(seed.now) / sizeof(seed.now[0]); i++)
		(void)clock_gettime(CLOCK_MONOTONIC, &seed.now[i]);
	(void)ioctl(fd, RNDADDENTROPY, &seed);
	(void)close(fd);
}

static void end_machine(void)
{
	(void)reboot(RB_AUTOBOOT);
	for (;;)
		(void)pause();
}

static void die(const char *what)
{
	fprintf(stderr, "host-init: %s: %s\n", what, strerror(errno));
	end_machine();
}

/* A virtio port appears some time after the driver has started. */
static int open_channel(const char *path)
{
	char events[4096] __attribute__((aligned(8)));
	struct pollfd poll_fd = { .events = POLLIN };
	int fd, watch;

	watch = inotify_init1(IN_CLOEXEC);
	if (watch >= 0)
		(void)inotify_add_watch(watch, "/dev", IN_CREATE);
	poll_fd.fd = watch;
	for (;;) {
		fd = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (fd >= 0 || watch < 0)
			break;
		if (poll(&poll_fd, 1, CHANNEL_WAIT_MS) <= 0)
			break;
		(void)!read(watch, events, sizeof(events));
	}
	if (watch >= 0)
		(void)close(watch);
	return fd;
}

static void channel_start(struct lab *lab)
{
	const char *path = getenv("lab_channel");
	struct termios tio;

	lab->channel = open_channel(path ? path : "/dev/console");
	if (lab->channel < 0)
		die(path ? path : "/dev/console");
	if (tcgetattr(lab->channel, &tio) == 0) {
		cfmakeraw(&tio);
		(void)tcsetattr(lab->channel, TCSANOW, &tio);
	}
}

static void write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			die("channel");
		data += n;
		len -= (size_t)n;
	}
}

/* `frame` has room for the head before its content. */
static void frame_send(struct lab *lab, char type, char *frame, size_t len)
{
	uint32_t size = htobe32((uint32_t)len);

	frame[0] = type;
	memcpy(frame + 1, &size, sizeof(size));
	write_all(lab->channel, frame, HEAD + len);
}

/* Pass on what one of the command's files holds; false at its end. */
static bool relay_out(struct lab *lab, int fd, char type)
{
	char frame[HEAD + CHUNK];
	ssize_t n = read(fd, frame + HEAD, CHUNK);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return true;
	if (n <= 0)
		return false;
	frame_send(lab, type, frame, (size_t)n);
	return true;
}

static void set_window(struct lab *lab, const char *data, size_t len)
{
	struct winsize ws = { 0 };
	uint16_t size[2];

	if (len != sizeof(size))
		return;
	memcpy(size, data, sizeof(size));
	ws.ws_row = be16toh(size[0]);
	ws.ws_col = be16toh(size[1]);
	(void)ioctl(lab->out, TIOCSWINSZ, &ws);
}

/* Give the command its input; false if it does not take all of it yet. */
static bool feed(struct lab *lab, const char *data, size_t len)
{
	ssize_t n = 0;

	if (lab->in < 0)
		return true;
	if (len > 0)
		n = write(lab->in, data + lab->frame_done,
			  len - lab->frame_done);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		/* Its end, or the command reads no more. */
		(void)close(lab->in);
		lab->in = -1;
		return true;
	}
	lab->frame_done += (size_t)n;
	return lab->frame_done == len;
}

/* Deal with the first frame; false if it is not complete or cannot go on. */
static bool frame_received(struct lab *lab)
{
	uint32_t len;
	bool done = true;

	if (lab->frames_len < HEAD)
		return false;
	memcpy(&len, lab->frames + 1, sizeof(len));
	len = be32toh(len);
	if (len > sizeof(lab->frames) - HEAD) {
		errno = EMSGSIZE;
		die("frame from tools/lab");
	}
	if (lab->frames_len - HEAD < len)
		return false;
	if (lab->frames[0] == 'i')
		done = feed(lab, lab->frames + HEAD, len);
	else if (lab->frames[0] == 'w')
		set_window(lab, lab->frames + HEAD, len);
	lab->full = !done;
	if (!done)
		return false;
	lab->frames_len -= HEAD + len;
	memmove(lab->frames, lab->frames + HEAD + len, lab->frames_len);
	lab->frame_done = 0;
	return true;
}

static void relay_in(struct lab *lab)
{
	ssize_t n = read(lab->channel, lab->frames + lab->frames_len,
			 sizeof(lab->frames) - lab->frames_len);

	if (n > 0)
		lab->frames_len += (size_t)n;
}

/* Everything nobody waits for ends up as a child of init. */
static void reap(struct lab *lab)
{
	struct signalfd_siginfo info;
	pid_t pid;
	int status;

	(void)!read(lab->signals, &info, sizeof(info));
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != lab->child)
			continue;
		lab->child = 0;
		lab->status = status;
	}
}

/* Relay until the command has ended and what it wrote is passed on. */
static void relay(struct lab *lab)
{
	struct pollfd fds[] = {
		{ .fd = lab->signals, .events = POLLIN },
		{ .fd = lab->out, .events = POLLIN },
		{ .fd = lab->err, .events = POLLIN },
		{ .fd = -1 },
	};

	/* A background process may hold the pipes open: once the command has
	 * ended, only take what it can have left there. */
	for (int last = LAST_READS; last > 0; last -= lab->child == 0) {
		/* While the command does not read, nor do we. */
		fds[3].fd = lab->full ? lab->in : lab->channel;
		fds[3].events = lab->full ? POLLOUT : POLLIN;
		if (lab->in < 0)
			fds[3].fd = -1;
		if (poll(fds, 4, lab->child ? -1 : 0) == 0)
			return;
		if (fds[1].revents && !relay_out(lab, lab->out, 'o'))
			fds[1].fd = -1;
		if (fds[2].revents && !relay_out(lab, lab->err, 'e'))
			fds[2].fd = -1;
		if (fds[3].revents && !lab->full)
			relay_in(lab);
		while (frame_received(lab))
			;
		if (fds[0].revents)
			reap(lab);
	}
}

static void exec_command(char **argv)
{
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(argv[0], argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static void start_on_pipes(struct lab *lab, char **argv, bool has_input)
{
	int in[2] = { -1, -1 }, out[2], err[2];

	if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC))
		die("pipe");
	if (has_input && pipe2(in, O_CLOEXEC))
		die("pipe");
	if (!has_input)
		in[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
	lab->child = fork();
	if (lab->child < 0)
		die("fork");
	if (lab->child == 0) {
		(void)setsid();
		dup2(in[0], 0);
		dup2(out[1], 1);
		dup2(err[1], 2);
		exec_command(argv);
	}
	(void)close(in[0]);
	(void)close(out[1]);
	(void)close(err[1]);
	if (in[1] >= 0)
		(void)fcntl(in[1], F_SETFL, O_NONBLOCK);
	lab->in = in[1];
	lab->out = out[0];
	lab->err = err[0];
}

static void start_on_terminal(struct lab *lab, char **argv)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (master < 0 || grantpt(master) || unlockpt(master))
		die("/dev/ptmx");
	lab->child = fork();
	if (lab->child < 0)
		die("fork");
	if (lab->child == 0) {
		int tty = open(ptsname(master), O_RDWR | O_NOCTTY);

		(void)setsid();
		(void)ioctl(tty, TIOCSCTTY, 0);
		for (int fd = 0; fd <= 2; fd++)
			dup2(tty, fd);
		if (tty > 2)
			(void)close(tty);
		exec_command(argv);
	}
	(void)fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK);
	lab->in = master;
	lab->out = master;
	lab->err = -1;
}

/* The words of /.lab/run, and NULL after the last. */
static char **read_run(void)
{
	struct stat st;
	char *text, **words;
	size_t len, count = 0, at = 0;
	int fd = open("/.lab/run", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st))
		die("/.lab/run");
	len = (size_t)st.st_size;
	text = malloc(len + 1);
	words = calloc(len + 1, sizeof(*words));
	if (!text || !words || read(fd, text, len) != (ssize_t)len)
		die("/.lab/run");
	(void)close(fd);
	text[len] = '\0';
	while (at < len) {
		words[count++] = text + at;
		at += strlen(text + at) + 1;
	}
	if (count < 3) {
		errno = EINVAL;
		die("/.lab/run");
	}
	return words;
}

int main(void)
{
	struct lab lab = { .in = -1, .out = -1, .err = -1 };
	char frame[HEAD + 1], **words;
	sigset_t set;

	mount_all();
	seed_random();
	(void)sethostname("lab", 3);
	channel_start(&lab);
	words = read_run();
	(void)setenv("PATH", "/bin:/sbin:/usr/bin:/usr/sbin", 1);
	(void)setenv("HOME", "/root", 1);
	(void)setenv("TERM", words[1], 1);
	(void)unsetenv("lab_channel");
	(void)chdir("/lab");
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGPIPE);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	lab.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (lab.signals < 0)
		die("signalfd");
	write_all(lab.channel, MAGIC, sizeof(MAGIC) - 1);
	if (strcmp(words[0], "tty") == 0)
		start_on_terminal(&lab, words + 2);
	else
		start_on_pipes(&lab, words + 2, strcmp(words[0], "pipe") == 0);
	relay(&lab);
	frame[HEAD] = (char)(WIFSIGNALED(lab.status)
				     ? 128 + WTERMSIG(lab.status)
				     : WEXITSTATUS(lab.status));
	frame_send(&lab, 'x', frame, 1);
	/* What was written may still be on its way: tools/lab ends the machine
	 * once it has the status. */
	for (;;)
		(void)pause();
}
