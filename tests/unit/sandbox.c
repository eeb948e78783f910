/* tests/unit/sandbox.c - system calls that fail, as in a container. */
#include "tests/unit/sandbox.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>

#define LOAD(member)                       \
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, \
		 offsetof(struct seccomp_data, member))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, (what))
/* Goes on if it is @val, else skips @skip lines. */
#define EXPECT(val, skip) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(val), 0, (skip))

static int install_filter(struct sock_filter *line, unsigned short lines)
{
	const struct sock_fprog program = { lines, line };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int sandbox_forbid(int number, int error)
{
	struct sock_filter line[] = {
		LOAD(nr),
		EXPECT(number, 1),
		RETURN(SECCOMP_RET_ERRNO | (uint32_t)error),
		RETURN(SECCOMP_RET_ALLOW),
	};

	return install_filter(line, sizeof(line) / sizeof(*line));
}

int sandbox_forbid_arg(int number, unsigned arg, int error)
{
	struct sock_filter line[] = {
		LOAD(nr),
		EXPECT(number, 3),
		LOAD(args[1]) /* its low half, on a little-endian host */,
		EXPECT(arg, 1),
		RETURN(SECCOMP_RET_ERRNO | (uint32_t)error),
		RETURN(SECCOMP_RET_ALLOW),
	};

	return install_filter(line, sizeof(line) / sizeof(*line));
}
