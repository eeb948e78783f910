/*
 * tests/kvm/blocked.c - runs a command with every signal blocked.
 *
 * A program inherits what its parent has blocked, which may be anything.
 */
#include <signal.h>
#include <unistd.h>

int main(int argc, char *argv[])
{
	sigset_t all;

	(void)sigfillset(&all);
	if (argc < 2 || sigprocmask(SIG_BLOCK, &all, NULL) < 0)
		return 125;
	(void)execvp(argv[1], argv + 1);
	return 127;
}
