/* vmm/migrate/uri.c - where a migration goes to, or comes from. */
#include "vmm/migrate/uri.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/child.h"
#include "base/cleanup.h"
#include "base/unix_listener.h"
#include "vmm/migrate/resolve.h"

#define LOOPBACK "127.0.0.1"

int migrate_uri_copy(struct migrate_uri *ret, const struct migrate_uri *from,
		     struct err *err)
{
	*ret = *from;
	ret->text = from->text ? strdup(from->text) : NULL;
	ret->port = from->port ? strdup(from->port) : NULL;
	if (!ret->text == !from->text && !ret->port == !from->port)
		return 0;
	migrate_uri_finish(ret);
	return err_set(err, -ENOMEM, "out of memory");
}

void migrate_uri_finish(struct migrate_uri *uri)
{
	free(uri->text);
	free(uri->port);
	*uri = (struct migrate_uri){ 0 };
}

static int copy_uri_part(char **ret, const char *text, size_t len,
			 struct err *err)
{
	*ret = strndup(text, len);
	return *ret ? 0 : err_set(err, -ENOMEM, "out of memory");
}

static int parse_unix(struct migrate_uri *uri, const char *rest,
		      struct err *err)
{
	const size_t most = sizeof(((struct sockaddr_un *)0)->sun_path) - 1;

	if (*rest == '\0')
		return err_input(err, -EINVAL,
				 "unix: needs a path, as in unix:/tmp/m.sock");
	if (strlen(rest) > most)
		return err_input(err, -ENAMETOOLONG,
				 "unix: the path of a socket has at most %zu "
				 "characters",
				 most);
	uri->kind = URI_UNIX;
	return copy_uri_part(&uri->text, rest, strlen(rest), err);
}

static bool is_port(const char *text)
{
	char *end;
	const unsigned long port = strtoul(text, &end, 10);

	return *text >= '0' && *text <= '9' && *end == '\0' && port > 0 &&
	       port <= UINT16_MAX;
}

static int parse_tcp(struct migrate_uri *uri, const char *rest, struct err *err)
{
	const char *colon = strrchr(rest, ':');
	const char *port = colon ? colon + 1 : rest;
	size_t len = colon ? (size_t)(colon - rest) : 0;
	int r;

	if (!is_port(port))
		return err_input(err, -EINVAL,
				 "tcp: '%s' is no port; write tcp:HOST:PORT",
				 port);
	if (len > 2 && rest[0] == '[' && rest[len - 1] == ']') {
		rest++;
		len -= 2;
	}
	uri->kind = URI_TCP;
	r = len > 0
		  ? copy_uri_part(&uri->text, rest, len, err)
		  : copy_uri_part(&uri->text, LOOPBACK, strlen(LOOPBACK), err);
	return r == 0 ? copy_uri_part(&uri->port, port, strlen(port), err) : r;
}

static int parse_exec(struct migrate_uri *uri, const char *rest,
		      struct err *err)
{
	if (*rest == '\0')
		return err_input(err, -EINVAL, "exec: needs a command");
	uri->kind = URI_EXEC;
	return copy_uri_part(&uri->text, rest, strlen(rest), err);
}

/* Appends a word as a shell takes it literally. */
static char *put_quoted(char *to, const char *word, size_t len)
{
	*to++ = '\'';
	for (size_t i = 0; i < len; i++) {
		if (word[i] == '\'') {
			memcpy(to, "'\\''", 4);
			to += 4;
		} else {
			*to++ = word[i];
		}
	}
	*to++ = '\'';
	*to = '\0';
	return to;
}

/* "ssh HOST" runs its words in a shell there: what it gets is quoted twice. */
static int parse_ssh(struct migrate_uri *uri, const char *rest, struct err *err)
{
	const char *slash = strchr(rest, '/');
	const size_t len = slash ? (size_t)(slash - rest) : strlen(rest);
	const size_t room = 16 * strlen(rest) + 128;
	_cleanup_(freep) char *there = malloc(room);
	_cleanup_(freep) char *command = malloc(2 * room);
	char *at;

	if (len == 0 || *rest == '-')
		return err_input(err, -EINVAL,
				 "ssh: needs a host, as in ssh:root@other");
	if (!there || !command)
		return err_set(err, -ENOMEM, "out of memory");
	if (slash)
		(void)put_quoted(stpcpy(there, "nc -U "), slash, strlen(slash));
	else
		(void)stpcpy(there, "vmm receive --terminal socket fd:0,1");
	at = put_quoted(stpcpy(command, "exec ssh -T -- "), rest, len);
	*at++ = ' ';
	(void)put_quoted(at, there, strlen(there));
	return parse_exec(uri, command, err);
}

static bool take_fd(const char **at, int *ret)
{
	char *end;
	const long n = strtol(*at, &end, 10);

	if (**at < '0' || **at > '9' || n > 1 << 20)
		return false;
	*at = end;
	*ret = (int)n;
	return true;
}

static int parse_fd(struct migrate_uri *uri, const char *rest, struct err *err)
{
	const char *at = rest;

	uri->kind = URI_FD;
	if (take_fd(&at, &uri->in)) {
		uri->out = uri->in;
		if (*at == ',') {
			at++;
			if (!take_fd(&at, &uri->out))
				at = rest;
		}
		if (at != rest && *at == '\0')
			return 0;
	}
	return err_input(err, -EINVAL,
			 "fd: '%s' is no descriptor; write fd:N, or fd:N,M to "
			 "read one and write the other",
			 rest);
}

// clang-format off
static const struct {
	const char *scheme;
	int (*parse)(struct migrate_uri *uri, const char *rest,
		     struct err *err);
} schemes[] = {
	{ "unix:", parse_unix }, { "tcp:", parse_tcp }, { "exec:", parse_exec },
	{ "ssh:", parse_ssh },	 { "fd:", parse_fd },
};
// clang-format on

int migrate_uri_parse(struct migrate_uri *ret, const char *text,
		      struct err *err)
{
	struct migrate_uri uri = { 0 };

	for (size_t i = 0; i < sizeof(schemes) / sizeof(*schemes); i++) {
		const size_t len = strlen(schemes[i].scheme);
		int r;

		if (strncmp(text, schemes[i].scheme, len) != 0)
			continue;
		r = schemes[i].parse(&uri, text + len, err);
		if (r < 0)
			migrate_uri_finish(&uri);
		else
			*ret = uri;
		return r;
	}
	return err_input(
		err, -EINVAL,
		"'%s' is no place for a migration: unix:PATH, "
		"tcp:HOST:PORT, exec:COMMAND, ssh:[USER@]HOST and fd:N "
		"are",
		text);
}

/* Has a shell run a command. @in, @out: what its standard input and output
 * are. */
static int spawn_shell(const char *command, int in, int out, pid_t *ret_child,
		       struct err *err)
{
	const char *const argv[] = { "/bin/sh", "-c", command, NULL };
	const int fds[] = { in, out, STDERR_FILENO };
	const struct child_spec spec = { .argv = argv, .fds = fds, .count = 3 };
	const int r = child_spawn(ret_child, &spec);

	return r == 0 ? 0 : err_set(err, r, "/bin/sh: %s", strerrordesc_np(-r));
}

/*
 * Two pipes, not a socket: to splice from a socket into a pipe, as a command
 * may, holds up the pipe's reader until the socket has more to give (Linux
 * 6.12).
 */
static int run_command(const char *command, struct channel *channel,
		       struct err *err)
{
	int to[2] = { -1, -1 }, from[2] = { -1, -1 };
	pid_t child = 0;
	int r = 0;

	if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0)
		r = err_sys(err, "pipe");
	if (r == 0)
		r = spawn_shell(command, to[0], from[1], &child, err);
	fd_closep(&to[0]);
	fd_closep(&from[1]);
	if (r == 0) {
		channel_open(channel, from[0], to[1], child);
		return 0;
	}
	fd_closep(&to[1]);
	fd_closep(&from[0]);
	return r;
}

static void fill_unix(const struct migrate_uri *uri, struct sockaddr_un *ret)
{
	*ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(ret->sun_path, uri->text, strlen(uri->text));
}

/* Connects without waiting longer than the channel would. */
static int connect_fd(int fd, const struct sockaddr *at, socklen_t len,
		      const struct channel *wait)
{
	struct pollfd p[] = { { .fd = fd, .events = POLLOUT },
			      { .fd = wait->stop, .events = POLLIN } };
	socklen_t size = sizeof(int);
	int code = 0;

	if (connect(fd, at, len) == 0)
		return 0;
	if (errno != EINPROGRESS)
		return -errno;
	if (poll(p, 2, channel_wait_ms(wait)) <= 0)
		return -ETIMEDOUT;
	if (p[1].revents)
		return -ECANCELED;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) < 0)
		return -errno;
	return -code;
}

static int open_connected(int family, const struct sockaddr *at, socklen_t len,
			  const struct channel *wait)
{
	_cleanup_(fd_closep) int fd = socket(
		family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0)
		return -errno;
	r = connect_fd(fd, at, len, wait);
	return r < 0 ? r : TAKE_FD(fd);
}

/* Small messages, each waited for. */
static void set_no_delay(int fd)
{
	const int on = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static int connect_tcp(const struct migrate_uri *uri,
		       const struct channel *wait, struct err *err)
{
	struct addrinfo *found = resolve_host(uri->text, uri->port, 0, wait,
					      err);
	int fd = -EHOSTUNREACH;

	if (!found)
		return err->code;
	for (const struct addrinfo *at = found; at && fd < 0; at = at->ai_next)
		fd = open_connected(at->ai_family, at->ai_addr, at->ai_addrlen,
				    wait);
	freeaddrinfo(found);
	if (fd < 0)
		return err_set(err, fd, "tcp:%s:%s: %s", uri->text, uri->port,
			       strerrordesc_np(-fd));
	set_no_delay(fd);
	return fd;
}

static int connect_unix(const struct migrate_uri *uri,
			const struct channel *wait, struct err *err)
{
	struct sockaddr_un at;
	int fd;

	fill_unix(uri, &at);
	fd = open_connected(AF_UNIX, (struct sockaddr *)&at, sizeof(at), wait);
	return fd < 0 ? err_set(err, fd, "unix:%s: %s", uri->text,
				strerrordesc_np(-fd))
		      : fd;
}

/* Checks descriptors that the user says there are, and takes copies. */
static int take_fds(const struct migrate_uri *uri, struct channel *channel,
		    struct err *err)
{
	int in = fcntl(uri->in, F_DUPFD_CLOEXEC, 3), out = in;

	if (in < 0)
		return err_input(err, -errno, "fd:%d: %s", uri->in,
				 strerrordesc_np(errno));
	if (uri->out != uri->in)
		out = fcntl(uri->out, F_DUPFD_CLOEXEC, 3);
	if (out < 0) {
		const int code = errno;

		(void)close(in);
		return err_input(err, -code, "fd:%d: %s", uri->out,
				 strerrordesc_np(code));
	}
	channel_open(channel, in, out, 0);
	return 0;
}

/* What the caller has set holds for the channel that was opened. */
static void keep_limits(struct channel *channel, const struct channel *wait)
{
	channel->stop = wait->stop;
	channel->patience_ms = wait->patience_ms;
	channel->deadline = wait->deadline;
}

int migrate_uri_connect(const struct migrate_uri *uri, struct channel *channel,
			struct err *err)
{
	const struct channel wait = *channel;
	int fd = -1, r = 0;

	switch (uri->kind) {
	case URI_UNIX:
		fd = connect_unix(uri, &wait, err);
		break;
	case URI_TCP:
		fd = connect_tcp(uri, &wait, err);
		break;
	case URI_EXEC:
		r = run_command(uri->text, channel, err);
		break;
	case URI_FD:
		r = take_fds(uri, channel, err);
		break;
	}
	if (uri->kind == URI_UNIX || uri->kind == URI_TCP) {
		if (fd < 0)
			return fd;
		channel_open(channel, fd, fd, 0);
	}
	if (r < 0)
		return r;
	keep_limits(channel, &wait);
	return 0;
}

/* Replaces a dead socket, and nothing else. */
static int move_door(const struct sockaddr_un *from,
		     const struct sockaddr_un *to)
{
	int r = 0;

	if (unix_is_dead(to))
		(void)unlink(to->sun_path);
	if (link(from->sun_path, to->sun_path) < 0)
		r = errno == EEXIST ? -EADDRINUSE : -errno;
	(void)unlink(from->sun_path);
	return r;
}

static int listen_unix(const struct migrate_uri *uri, struct err *err)
{
	_cleanup_(fd_closep) int fd = socket(
		AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un at, aside;
	int r;

	fill_unix(uri, &at);
	/* The file that bind() makes has the socket's mode. */
	if (fd < 0 || fchmod(fd, 0600) < 0)
		return err_sys(err, "socket");
	r = unix_listen_aside(fd, &at, 1, &aside);
	if (r == 0)
		r = move_door(&aside, &at);
	return r < 0 ? err_input(err, r, "unix:%s: %s", uri->text,
				 strerrordesc_np(-r))
		     : TAKE_FD(fd);
}

static int listen_at(const struct addrinfo *at)
{
	_cleanup_(fd_closep) int fd = socket(
		at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const int on = 1;

	if (fd < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0 ||
	    bind(fd, at->ai_addr, at->ai_addrlen) < 0 || listen(fd, 1) < 0)
		return -errno;
	return TAKE_FD(fd);
}

static int listen_tcp(const struct migrate_uri *uri, struct err *err)
{
	const struct channel wait = CHANNEL_NONE;
	struct addrinfo *found = resolve_host(uri->text, uri->port, AI_PASSIVE,
					      &wait, err);
	int fd = -EADDRNOTAVAIL;

	if (!found)
		return err->code;
	for (const struct addrinfo *at = found; at && fd < 0; at = at->ai_next)
		fd = listen_at(at);
	freeaddrinfo(found);
	return fd < 0 ? err_input(err, fd, "tcp:%s:%s: %s", uri->text,
				  uri->port, strerrordesc_np(-fd))
		      : fd;
}

int migrate_uri_listen(const struct migrate_uri *uri, struct migrate_door *ret,
		       struct err *err)
{
	*ret = (struct migrate_door){ .uri = uri, .fd = -1 };
	if (uri->kind == URI_UNIX)
		ret->fd = listen_unix(uri, err);
	else if (uri->kind == URI_TCP)
		ret->fd = listen_tcp(uri, err);
	else
		return 0;
	return ret->fd < 0 ? err->code : 0;
}

void migrate_door_close(struct migrate_door *door)
{
	if (door->fd < 0)
		return;
	if (door->uri->kind == URI_UNIX)
		(void)unlink(door->uri->text);
	(void)close(door->fd);
	door->fd = -1;
}

/* Waits for @fd without a limit but @wait's stop and deadline. */
static int await_input(int fd, const struct channel *wait, struct err *err)
{
	struct pollfd p[] = { { .fd = fd, .events = POLLIN },
			      { .fd = wait->stop, .events = POLLIN } };
	int n;

	do
		n = poll(p, 2, wait->deadline ? channel_wait_ms(wait) : -1);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return err_sys(err, "poll");
	if (n == 0)
		return err_set(err, -ETIMEDOUT, "nobody has connected");
	return p[1].revents ? err_set(err, -ECANCELED, "ended by request") : 0;
}

/* The other side is there, but may be silent for as long as it likes. */
static int await_speaker(const struct migrate_uri *uri, struct channel *channel,
			 struct err *err)
{
	int r = migrate_uri_connect(uri, channel, err);

	if (r < 0)
		return r;
	r = await_input(channel->in, channel, err);
	if (r < 0)
		channel_close(channel);
	return r;
}

int migrate_uri_accept(struct migrate_door *door, struct channel *channel,
		       struct err *err)
{
	const struct channel wait = *channel;
	int fd = -1;

	if (door->fd < 0)
		return await_speaker(door->uri, channel, err);
	while (fd < 0) {
		if (await_input(door->fd, channel, err) < 0)
			return err->code;
		fd = accept4(door->fd, NULL, NULL,
			     SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0 && errno != EAGAIN && errno != EINTR &&
		    errno != ECONNABORTED)
			return err_sys(err, "accept");
	}
	if (door->uri->kind == URI_TCP)
		set_no_delay(fd);
	channel_open(channel, fd, fd, 0);
	keep_limits(channel, &wait);
	return 0;
}
