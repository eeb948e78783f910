/*
 * tests/bench/measure.c - runs a command and says what it cost, as JSON.
 *
 * Usage: vmm-measure count -- COMMAND...
 *        vmm-measure exits -- COMMAND...
 *        vmm-measure entry -- COMMAND...
 *        vmm-measure rss MARKER -- COMMAND...
 *        vmm-measure steps -- COMMAND...
 *        vmm-measure time -- COMMAND...
 *
 * count: instructions of the command and its threads, split by who executed
 * them. Under QEMU's icount the emulated PMU counts exactly, and two runs give
 * the same numbers to the last digit.
 * exits: how often KVM left the guest, and how often it went on to user space.
 * entry: instructions of user code of the command and its threads, and resident
 * memory outside guest RAM, when a vCPU enters KVM_RUN for the first time; then
 * the command is ended.
 * rss: resident memory outside guest RAM at the moment MARKER appears in the
 * output; then the command is ended. Guest RAM is told by the size of its
 * mapping: whatever spans 64 MiB or more, or is of a snapshot's memory.
 *
 * steps: instructions of the first thread's user code up to each of its system
 * calls, as lines "step NUMBER INSTRUCTIONS" before the result: where the time
 * goes, told by what was done.
 *
 * time: nanoseconds of CPU time of the command and its threads, in the guest,
 * in user space and in the kernel together: for hosts whose processor counts
 * nothing. Under icount each is an instruction, but for what the resolution of
 * the host's clock leaves out.
 *
 * The result is one line on the standard error, the last one; its exit status
 * is the command's, or 125 if it could not be measured.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

#define STATUS_BROKEN 125
#define GUEST_RAM_LEAST (64UL << 20) /* bytes */
#define KVM_RUN_NUMBER 0xae80 /* of its ioctl(2) */
#define TRACE_EVENTS "/sys/kernel/debug/tracing/events/kvm/"

struct counter {
	const char *name; /* JSON key */
	struct perf_event_attr attr;
	int fd;
};

/* Starts the command, which waits until *ret_go is closed before exec. */
static pid_t start(char *const argv[], int out_fd, int *ret_go)
{
	int gate[2];
	char c;
	pid_t pid;

	if (pipe2(gate, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		(void)close(gate[1]);
		(void)!read(gate[0], &c, 1);
		if (out_fd >= 0)
			(void)dup2(out_fd, STDOUT_FILENO);
		(void)execvp(argv[0], argv);
		perror(argv[0]);
		_exit(127);
	}
	(void)close(gate[0]);
	*ret_go = gate[1];
	return pid;
}

static int status_of(int wstatus)
{
	return WIFEXITED(wstatus) ? WEXITSTATUS(wstatus)
				  : 128 + WTERMSIG(wstatus);
}

static bool open_counters(struct counter *counter, size_t n, pid_t pid)
{
	for (size_t i = 0; i < n; i++) {
		struct perf_event_attr *attr = &counter[i].attr;

		attr->size = sizeof(*attr);
		attr->disabled = 1;
		attr->enable_on_exec = 1;
		counter[i].fd = (int)syscall(SYS_perf_event_open, attr, pid, -1,
					     -1, PERF_FLAG_FD_CLOEXEC);
		if (counter[i].fd < 0) {
			fprintf(stderr, "%s: perf_event_open: %s\n",
				counter[i].name, strerror(errno));
			return false;
		}
	}
	return true;
}

static bool print_counters(const struct counter *counter, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint64_t val;

		if (read(counter[i].fd, &val, sizeof(val)) != sizeof(val))
			return false;
		fprintf(stderr, "%s\"%s\": %" PRIu64, i ? ", " : "{",
			counter[i].name, val);
	}
	fprintf(stderr, "}\n");
	return true;
}

static int run_counted(struct counter *counter, size_t n, char *const argv[])
{
	int go = -1, wstatus;
	const pid_t pid = start(argv, -1, &go);

	if (pid < 0)
		return STATUS_BROKEN;
	if (!open_counters(counter, n, pid)) {
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, &wstatus, 0);
		return STATUS_BROKEN;
	}
	(void)close(go);
	if (waitpid(pid, &wstatus, 0) < 0 || !print_counters(counter, n))
		return STATUS_BROKEN;
	return status_of(wstatus);
}

static int count(char *const argv[])
{
	const struct perf_event_attr insn = {
		.type = PERF_TYPE_HARDWARE,
		.config = PERF_COUNT_HW_INSTRUCTIONS,
		.inherit = 1,
	};
	struct counter counter[] = {
		{ .name = "vmm_user", .attr = insn },
		{ .name = "guest", .attr = insn },
		{ .name = "host_kernel", .attr = insn },
		{ .name = "all", .attr = insn },
	};

	counter[0].attr.exclude_kernel = 1;
	counter[0].attr.exclude_hv = 1;
	counter[0].attr.exclude_guest = 1;
	counter[1].attr.exclude_host = 1;
	counter[2].attr.exclude_user = 1;
	counter[2].attr.exclude_guest = 1;
	return run_counted(counter, 4, argv);
}

/* The number perf knows a tracepoint by; 0 if this kernel has none. */
static uint64_t tracepoint(const char *path)
{
	_cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[32] = "";

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0) {
		perror(path);
		return 0;
	}
	return strtoull(text, NULL, 10);
}

static int exits(char *const argv[])
{
	struct counter counter[] = {
		{ .name = "exits",
		  .attr = { .type = PERF_TYPE_TRACEPOINT,
			    .inherit = 1,
			    .config = tracepoint(TRACE_EVENTS
						 "kvm_exit/id") } },
		{ .name = "user_exits",
		  .attr = { .type = PERF_TYPE_TRACEPOINT,
			    .inherit = 1,
			    .config = tracepoint(TRACE_EVENTS
						 "kvm_userspace_exit/id") } },
	};

	if (!counter[0].attr.config || !counter[1].attr.config)
		return STATUS_BROKEN;
	return run_counted(counter, 2, argv);
}

/* Returns the KiB resident outside mappings of GUEST_RAM_LEAST, or -1. */
static long rss_outside_ram(pid_t pid)
{
	char path[64], line[512];
	unsigned long start_at, end_at, kib;
	bool outside = false;
	long sum = 0;
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	f = fopen(path, "re");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start_at, &end_at) == 2)
			outside = end_at - start_at < GUEST_RAM_LEAST &&
				  !strstr(line, "/memory-");
		else if (outside && sscanf(line, "Rss: %lu kB", &kib) == 1)
			sum += (long)kib;
	}
	(void)fclose(f);
	return sum;
}

/* Reads @fd until @marker has passed by. Returns false at end of file. */
static bool wait_for(int fd, const char *marker)
{
	const size_t len = strlen(marker);
	char seen[4096];
	size_t have = 0;

	for (;;) {
		const ssize_t n = read(fd, seen + have, sizeof(seen) - have);

		if (n <= 0)
			return false;
		(void)!write(STDOUT_FILENO, seen + have, (size_t)n);
		have += (size_t)n;
		if (memmem(seen, have, marker, len))
			return true;
		/* What could be the marker's beginning stays. */
		if (have > len) {
			memmove(seen, seen + have - len, len);
			have = len;
		}
	}
}

static int rss(const char *marker, char *const argv[])
{
	int out[2], go = -1, wstatus;
	long kib = -1;
	pid_t pid;

	if (marker[0] == '\0' || strlen(marker) > 256 ||
	    pipe2(out, O_CLOEXEC) < 0)
		return STATUS_BROKEN;
	pid = start(argv, out[1], &go);
	if (pid < 0)
		return STATUS_BROKEN;
	(void)close(out[1]);
	(void)close(go);
	if (wait_for(out[0], marker))
		kib = rss_outside_ram(pid);
	(void)kill(pid, SIGTERM);
	(void)waitpid(pid, &wstatus, 0);
	if (kib < 0)
		return STATUS_BROKEN;
	fprintf(stderr, "{\"rss_kib\": %ld}\n", kib);
	return 0;
}

static uint64_t syscall_number(pid_t pid)
{
	struct __ptrace_syscall_info info = { 0 };

	(void)ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info);
	return info.op == PTRACE_SYSCALL_INFO_ENTRY ? info.entry.nr
						    : UINT64_MAX;
}

/* Lets the traced thread run from system call to system call to its end. */
static int step(pid_t pid, int fd)
{
	uint64_t last = 0, now = 0, nr;
	int wstatus = 0, sig = 0;

	while (ptrace(PTRACE_SYSCALL, pid, 0, sig) == 0 &&
	       waitpid(pid, &wstatus, 0) == pid && WIFSTOPPED(wstatus)) {
		sig = WSTOPSIG(wstatus);
		if (sig != (SIGTRAP | 0x80))
			continue;
		sig = 0;
		nr = syscall_number(pid);
		if (nr == UINT64_MAX ||
		    read(fd, &now, sizeof(now)) != sizeof(now))
			continue;
		fprintf(stderr, "step %" PRIu64 " %" PRIu64 "\n", nr,
			now - last);
		last = now;
	}
	fprintf(stderr, "{\"main_thread\": %" PRIu64 "}\n", now);
	return WIFSTOPPED(wstatus) ? STATUS_BROKEN : status_of(wstatus);
}

/* Starts the command, counted and traced. Returns -1 if that fails. */
static pid_t start_traced(char *const argv[], struct counter *counter,
			  unsigned long options)
{
	int go = -1;
	const pid_t pid = start(argv, -1, &go);

	counter->attr.type = PERF_TYPE_HARDWARE;
	counter->attr.config = PERF_COUNT_HW_INSTRUCTIONS;
	counter->attr.exclude_kernel = 1;
	counter->attr.exclude_hv = 1;
	counter->attr.exclude_guest = 1;
	if (pid < 0 || !open_counters(counter, 1, pid) ||
	    ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD | options) < 0 ||
	    ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0 ||
	    waitpid(pid, NULL, 0) != pid) {
		perror("trace");
		if (pid > 0)
			(void)kill(pid, SIGKILL);
		return -1;
	}
	(void)close(go);
	return pid;
}

static int steps(char *const argv[])
{
	struct counter counter = { .name = "main_thread" };
	const pid_t pid = start_traced(argv, &counter, 0);

	return pid < 0 ? STATUS_BROKEN : step(pid, counter.fd);
}

static bool enters_guest(pid_t pid)
{
	struct __ptrace_syscall_info info = { 0 };

	(void)ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info);
	return info.op == PTRACE_SYSCALL_INFO_ENTRY &&
	       info.entry.nr == SYS_ioctl &&
	       info.entry.args[1] == KVM_RUN_NUMBER;
}

/* Lets all threads run until one of them enters the guest. */
static bool run_to_entry(pid_t pid)
{
	pid_t thread = pid;
	int wstatus = 0, sig = 0;

	while (ptrace(PTRACE_SYSCALL, thread, 0, sig) == 0 || errno == ESRCH) {
		do
			thread = waitpid(-1, &wstatus, __WALL);
		while (thread > 0 && thread != pid && !WIFSTOPPED(wstatus));
		if (thread < 0 || !WIFSTOPPED(wstatus))
			return false;
		sig = WSTOPSIG(wstatus);
		if (sig == (SIGTRAP | 0x80) && enters_guest(thread))
			return true;
		/* A stop of ptrace's own is no signal to the thread. */
		if (sig == (SIGTRAP | 0x80) || wstatus >> 16 != 0)
			sig = 0;
	}
	return false;
}

static int entry(char *const argv[])
{
	struct counter counter = { .name = "vmm_user", .attr.inherit = 1 };
	const pid_t pid = start_traced(argv, &counter,
				       PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL);
	uint64_t insns;
	long kib;

	if (pid < 0 || !run_to_entry(pid) ||
	    read(counter.fd, &insns, sizeof(insns)) != sizeof(insns))
		return STATUS_BROKEN;
	kib = rss_outside_ram(pid);
	(void)kill(pid, SIGKILL);
	fprintf(stderr, "{\"vmm_user\": %" PRIu64 ", \"rss_kib\": %ld}\n",
		insns, kib);
	return 0;
}

static int cpu_time(char *const argv[])
{
	struct timespec used;
	siginfo_t info;
	clockid_t clock;
	int go = -1, wstatus;
	const pid_t pid = start(argv, -1, &go);

	if (pid < 0 || clock_getcpuclockid(pid, &clock) != 0)
		return STATUS_BROKEN;
	(void)close(go);
	/* Its clock is there until it has been waited for. */
	if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) < 0 ||
	    clock_gettime(clock, &used) < 0 || waitpid(pid, &wstatus, 0) < 0)
		return STATUS_BROKEN;
	fprintf(stderr, "{\"cpu_ns\": %lld}\n",
		(long long)used.tv_sec * 1000000000 + used.tv_nsec);
	return status_of(wstatus);
}

int main(int argc, char *argv[])
{
	if (argc > 3 && !strcmp(argv[1], "count") && !strcmp(argv[2], "--"))
		return count(argv + 3);
	if (argc > 3 && !strcmp(argv[1], "exits") && !strcmp(argv[2], "--"))
		return exits(argv + 3);
	if (argc > 3 && !strcmp(argv[1], "steps") && !strcmp(argv[2], "--"))
		return steps(argv + 3);
	if (argc > 3 && !strcmp(argv[1], "entry") && !strcmp(argv[2], "--"))
		return entry(argv + 3);
	if (argc > 3 && !strcmp(argv[1], "time") && !strcmp(argv[2], "--"))
		return cpu_time(argv + 3);
	if (argc > 4 && !strcmp(argv[1], "rss") && !strcmp(argv[3], "--"))
		return rss(argv[2], argv + 4);
	fprintf(stderr, "usage: vmm-measure count|entry|exits|steps|time -- "
			"COMMAND...\n"
			"       vmm-measure rss MARKER -- COMMAND...\n");
	return STATUS_BROKEN;
}
