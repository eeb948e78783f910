/*
 * tests/kvm/crowd.c - keeps many guests alive at once, and lets each check that
 * its memory is nobody else's.
 *
 * Usage: crowd COUNT ROUNDS COMMAND...
 *
 * COMMAND runs a guest that obeys what arm64/crowd_guest.c says. All are
 * started and have filled their memory before the first is asked to check it;
 * in each round all run, so that the identifiers of a host that has 255 of them
 * are taken from one guest and given to another. Every guest must end with
 * status 0.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct guest {
	pid_t pid;
	int to, from; /* its standard input and output */
};

static _Noreturn void die(const char *what)
{
	printf("FAIL %s: %s\n", what, strerror(errno));
	exit(1);
}

static void start(struct guest *guest, char *argv[])
{
	int in[2], out[2];

	if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
		die("pipe");
	guest->pid = fork();
	if (guest->pid < 0)
		die("fork");
	if (guest->pid == 0) {
		if (dup2(in[0], 0) == 0 && dup2(out[1], 1) == 1)
			(void)execvp(argv[0], argv);
		_exit(127);
	}
	(void)close(in[0]);
	(void)close(out[1]);
	guest->to = in[1];
	guest->from = out[0];
}

static void say(const struct guest *guest, const char *text)
{
	const size_t len = strlen(text);

	if (write(guest->to, text, len) != (ssize_t)len)
		die("write to a guest");
}

/* Waits for the answer. Returns false if it is not the right one. */
static int hear(const struct guest *guest, unsigned i, unsigned round)
{
	char c = 0;
	const ssize_t n = read(guest->from, &c, 1);

	if (n == 1 && c == 'r')
		return 1;
	if (n == 1 && c == 'x')
		printf("FAIL guest %u, round %u: memory is not its own\n", i,
		       round);
	else
		printf("FAIL guest %u, round %u: no answer\n", i, round);
	return 0;
}

static int finish(const struct guest *guest, unsigned i)
{
	int status = -1;

	if (waitpid(guest->pid, &status, 0) == guest->pid && status == 0)
		return 1;
	printf("FAIL guest %u ended with status 0x%x\n", i, (unsigned)status);
	return 0;
}

static int run(struct guest *guest, unsigned count, unsigned rounds)
{
	int good = 1;

	for (unsigned round = 0; good && round <= rounds; round++) {
		for (unsigned i = 0; round > 0 && i < count; i++)
			say(&guest[i], "c");
		for (unsigned i = 0; i < count; i++)
			good &= hear(&guest[i], i, round);
		if (round == 0 && good)
			printf("%u guests are alive\n", count);
	}
	return good;
}

int main(int argc, char *argv[])
{
	const unsigned count = argc > 3 ? (unsigned)atoi(argv[1]) : 0;
	const unsigned rounds = argc > 3 ? (unsigned)atoi(argv[2]) : 0;
	struct guest *guest = calloc(count ? count : 1, sizeof(*guest));
	int good;

	if (count == 0 || count > 0xffff || !guest) {
		fprintf(stderr, "usage: crowd COUNT ROUNDS COMMAND...\n");
		return 2;
	}
	(void)signal(SIGPIPE, SIG_IGN); /* of a guest that has ended */
	for (unsigned i = 0; i < count; i++) {
		char id[5];

		start(&guest[i], argv + 3);
		(void)snprintf(id, sizeof(id), "%04x", i);
		say(&guest[i], id);
	}
	good = run(guest, count, rounds);
	for (unsigned i = 0; i < count; i++) {
		say(&guest[i], "q");
		good &= finish(&guest[i], i);
	}
	free(guest);
	puts(good ? "ok" : "bad");
	return !good;
}
