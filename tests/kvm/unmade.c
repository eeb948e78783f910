/*
 * tests/kvm/unmade.c - a VM that cannot be made anew for want of a descriptor,
 * whichever it is, ends vmm in order; nobody who asks meanwhile waits for what
 * is not there.
 *
 * Usage: unmade KERNEL. It says "ok", or FAIL and why.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/kvm/peer.h"

#define MOST 16 /* descriptors of a VM with two CPUs */

static bool is_vm(int folder, const char *name)
{
	char target[64];
	const ssize_t len = readlinkat(folder, name, target,
				       sizeof(target) - 1);

	if (len < 0)
		return false;
	target[len] = 0;
	return strcmp(target, "anon_inode:kvm-vm") == 0;
}

/* The VM's descriptor, the lowest of those that are made anew. */
static rlim_t vm_fd(const struct peer *peer)
{
	const struct dirent *entry;
	char path[32];
	long ret = -1;
	DIR *folder;

	(void)snprintf(path, sizeof(path), "/proc/%d/fd", (int)peer->pid);
	folder = opendir(path);
	CHECK(folder);
	while ((entry = readdir(folder)))
		if (is_vm(dirfd(folder), entry->d_name))
			ret = strtol(entry->d_name, NULL, 10);
	(void)closedir(folder);
	CHECK(ret >= 0);
	return (rlim_t)ret;
}

static void is_refused(struct peer *peer, int qmp)
{
	/* All that was asked before vmm knew that it ends. */
	for (unsigned i = 0; i < 3; i++) {
		const char *line = qmp_reply(qmp);

		if (*line && !begins(line, "{\"return\": ") &&
		    !begins(line, "{\"error\": "))
			FAIL("%s", line);
	}
	CHECK(peer_wait(peer) == 1);
}

/* Has the VM made anew with @room descriptors. Returns whether they did. */
static bool try(const char *kernel, unsigned room)
{
	static const char *const ask = "{\"execute\": \"x-vmm-rebuild\"}"
				       "{\"execute\": \"query-cpus-fast\"}"
				       "{\"execute\": \"stop\"}"
				       "{\"execute\": \"cont\"}";
	struct rlimit limit;
	struct peer peer;
	char words[200];
	const char *reply;
	int qmp;

	(void)unlink("unmade.sock");
	(void)snprintf(words, sizeof(words),
		       "--kernel %s --cpus 2 --control ./unmade.sock", kernel);
	peer = peer_run(words);
	qmp = qmp_open("./unmade.sock");
	peer_find(&peer);
	limit.rlim_cur = limit.rlim_max = vm_fd(&peer) + room;
	CHECK(prlimit(peer.pid, RLIMIT_NOFILE, &limit, NULL) == 0);
	qmp_send(qmp, ask);
	reply = qmp_reply(qmp);
	if (begins(reply, "{\"error\": ")) {
		is_refused(&peer, qmp);
		(void)close(qmp);
		return false;
	}
	CHECK(begins(reply, "{\"return\": {\"state-size\": "));
	peer_order(&peer, COUNT_POWER_OFF);
	CHECK(peer_wait(&peer) == 0);
	(void)close(qmp);
	return true;
}

int main(int argc, char *argv[])
{
	unsigned room = 0;

	CHECK(argc == 2);
	while (!try(argv[1], room))
		CHECK(++room < MOST);
	CHECK(room >= 3); /* the VM, and two CPUs */
	(void)printf("ok\n");
	return 0;
}
