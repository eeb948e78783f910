/* vmm/control/server.c - speaks QMP with several clients, on the loop thread.
 */
#include "vmm/control/server.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "vmm/control/outbox.h"
#include "vmm/control/qmp_input.h"

#define CHUNK 4096 /* bytes read at once */
#define FULL (64u << 10) /* no command is done while so much waits */
#define STUCK (256u << 10) /* when more in events waits, it ends the client */
#define TURN 16 /* clients accepted at once */

struct client {
	struct qmp_server *server;
	struct loop_watch watch; /* its fd is owned */
	struct qmp_session session;
	struct qmp_input input;
	struct outbox out;
	size_t unheard; /* bytes of events since out was empty */
	uint64_t spoke; /* when it last did, by the server's count */
	uint32_t armed; /* what the watch waits for */
	bool ended; /* it will say no more */
	bool dead; /* to be freed once it is unused */
	size_t at, len; /* of chunk, not taken yet */
	char chunk[CHUNK];
};

struct qmp_server {
	struct loop *loop; /* borrowed */
	const struct qmp_table *table; /* borrowed */
	void *ctx; /* borrowed */
	struct loop_watch listener; /* its fd is borrowed */
	struct client *client[QMP_MAX_CLIENTS]; /* owned; NULL: free */
	uint64_t spoken; /* how often clients spoke, or came */
	bool busy; /* with a client, perhaps within a command */
};

/* Sends what the client takes now. */
static void flush_client(struct client *client)
{
	if (!client->dead && outbox_send(&client->out, client->watch.fd) < 0)
		client->dead = true;
	if (client->out.len == 0)
		client->unheard = 0;
}

/* @message: taken over; NULL: there was no memory for it */
static void say_message(struct client *client, json_t *message)
{
	if (outbox_add(&client->out, message) < 0)
		client->dead = true;
	json_decref(message);
	flush_client(client);
}

static bool is_client_full(const struct client *client)
{
	return client->out.len > FULL;
}

/* Takes what was read; stops where the client does not listen. */
static void take_chunk(struct client *client)
{
	while (client->at < client->len && !client->dead &&
	       !is_client_full(client) && !client->session.take_over) {
		struct qmp_input *input = &client->input;
		size_t used;

		switch (qmp_input_take(input, client->chunk + client->at,
				       client->len - client->at, &used)) {
		case QMP_MESSAGE:
			say_message(client, qmp_reply(&client->session,
						      input->text, input->len));
			break;
		case QMP_PROBLEM:
			say_message(client, qmp_problem(input->problem));
			break;
		case QMP_NOTHING:
			break;
		}
		client->at += used;
	}
}

static bool wants_more(const struct client *client)
{
	return !client->dead && !client->ended && !is_client_full(client) &&
	       !client->session.take_over;
}

static void read_chunk(struct client *client)
{
	ssize_t n;

	if (!wants_more(client) || client->at < client->len)
		return;
	n = recv(client->watch.fd, client->chunk, CHUNK, MSG_DONTWAIT);
	client->at = 0;
	client->len = n > 0 ? (size_t)n : 0;
	if (n > 0)
		client->spoke = ++client->server->spoken;
	else if (n == 0)
		client->ended = true;
	else if (errno != EAGAIN && errno != EINTR)
		client->dead = true;
}

static void free_client(struct client *client)
{
	if (client->watch.fd >= 0)
		loop_remove(client->server->loop, &client->watch);
	fd_closep(&client->watch.fd);
	qmp_input_finish(&client->input);
	outbox_finish(&client->out);
	free(client);
}

/* Frees the clients that have gone. */
static void reap_clients(struct qmp_server *server)
{
	for (size_t i = 0; i < QMP_MAX_CLIENTS; i++) {
		struct client *client = server->client[i];

		if (!client || !client->dead)
			continue;
		server->client[i] = NULL;
		free_client(client);
	}
}

/* Once the reply is out, the connection belongs to another protocol. */
static void give_away(struct client *client)
{
	const struct qmp_session *session = &client->session;
	const int fd = client->watch.fd;

	loop_remove(client->server->loop, &client->watch);
	client->watch.fd = -1;
	client->dead = true;
	session->take_over(client->server->ctx, fd, session->how);
}

static void arm_client(struct client *client)
{
	uint32_t events = 0;

	if (client->dead)
		return;
	if (client->out.len > 0)
		events |= EPOLLOUT;
	if (wants_more(client))
		events |= EPOLLIN;
	if (events != client->armed)
		loop_modify(client->server->loop, &client->watch, events);
	client->armed = events;
}

/* The end of a client's turn: is it over, or when is the next one? */
static void settle_client(struct client *client)
{
	if (!client->dead && client->out.len == 0) {
		if (client->session.take_over)
			give_away(client);
		else if (client->ended)
			client->dead = true;
	}
	arm_client(client);
}

static void qmp_client_ready(struct loop_watch *watch, uint32_t events)
{
	struct client *client = container_of(watch, struct client, watch);
	struct qmp_server *server = client->server;

	(void)events;
	server->busy = true;
	flush_client(client);
	/*
	 * First input that waited for the flush; then new input, read at most
	 * once, so that others have their turn.
	 */
	take_chunk(client);
	read_chunk(client);
	take_chunk(client);
	settle_client(client);
	server->busy = false;
	reap_clients(server);
}

static struct client *new_client(struct qmp_server *server, int fd)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	client->server = server;
	client->spoke = ++server->spoken;
	client->watch = (struct loop_watch){ .fd = fd,
					     .ready = qmp_client_ready };
	client->session = (struct qmp_session){ .table = server->table,
						.ctx = server->ctx };
	client->input.max = QMP_MAX_COMMAND;
	client->armed = EPOLLIN;
	return client;
}

/*
 * Finds a place for a client, if need be that of the client that has been
 * silent for the longest: programs that forget to leave keep no client out.
 */
static struct client **find_place(struct qmp_server *server)
{
	struct client **place = server->client;

	for (size_t i = 0; i < QMP_MAX_CLIENTS; i++) {
		struct client **at = &server->client[i];

		if (!*at)
			return at;
		if ((*at)->spoke < (*place)->spoke)
			place = at;
	}
	say_message(*place, qmp_problem("too many clients"));
	free_client(*place);
	*place = NULL;
	return place;
}

void qmp_server_add(struct qmp_server *server, int fd)
{
	struct client *client = new_client(server, fd);
	struct err err = { 0 };

	if (!client || loop_add(server->loop, &client->watch, EPOLLIN, &err)) {
		log_info("control socket: no room for a client");
		free(client);
		(void)close(fd);
		return;
	}
	*find_place(server) = client;
	say_message(client, qmp_greeting());
	arm_client(client);
	reap_clients(server);
}

/*
 * Edge-triggered: when there is no descriptor left for a client, the next one
 * makes us look again, and none makes us turn in circles. To modify the watch
 * is to look again, too: for those that are left when our turn is over.
 */
static void listener_ready(struct loop_watch *watch, uint32_t events)
{
	struct qmp_server *server = container_of(watch, struct qmp_server,
						 listener);

	(void)events;
	for (int i = 0; i < TURN; i++) {
		const int fd = accept4(watch->fd, NULL, NULL,
				       SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			qmp_server_add(server, fd);
		} else if (errno == EAGAIN) {
			return;
		} else if (errno != EINTR && errno != ECONNABORTED) {
			log_info("control socket: accept: %s",
				 strerrordesc_np(errno));
			return;
		}
	}
	loop_modify(server->loop, watch, EPOLLIN | EPOLLET);
}

int qmp_server_new(struct qmp_server **ret, struct loop *loop,
		   const struct qmp_table *table, void *ctx, struct err *err)
{
	struct qmp_server *server = calloc(1, sizeof(*server));

	if (!server)
		return err_set(err, -ENOMEM, "control socket: out of memory");
	server->loop = loop;
	server->table = table;
	server->ctx = ctx;
	server->listener = (struct loop_watch){ .fd = -1,
						.ready = listener_ready };
	*ret = server;
	return 0;
}

int qmp_server_listen(struct qmp_server *server, int fd, struct err *err)
{
	int r;

	server->listener.fd = fd;
	r = loop_add(server->loop, &server->listener, EPOLLIN | EPOLLET, err);
	if (r < 0)
		server->listener.fd = -1;
	return r;
}

struct qmp_server *qmp_server_free(struct qmp_server *server)
{
	if (!server)
		return NULL;
	if (server->listener.fd >= 0)
		loop_remove(server->loop, &server->listener);
	for (size_t i = 0; i < QMP_MAX_CLIENTS; i++)
		if (server->client[i])
			free_client(server->client[i]);
	free(server);
	return NULL;
}

bool qmp_server_heard(const struct qmp_server *server)
{
	for (size_t i = 0; server && i < QMP_MAX_CLIENTS; i++)
		if (server->client[i] && server->client[i]->session.negotiated)
			return true;
	return false;
}

/* Behind the last reply, the connection belongs to another protocol. */
static bool client_hears(const struct client *client)
{
	return client->session.negotiated && !client->session.take_over &&
	       !client->dead;
}

static void tell_event(struct client *client, const json_t *event)
{
	const size_t before = client->out.len;

	if (outbox_add(&client->out, event) < 0)
		client->dead = true;
	client->unheard += client->out.len - before;
	flush_client(client);
	if (client->unheard > STUCK && !client->dead) {
		log_info("control socket: a client does not read its events; "
			 "it is dropped");
		client->dead = true;
	}
	arm_client(client);
}

void qmp_server_event(struct qmp_server *server, const char *name, json_t *data)
{
	json_auto_t *event = NULL;

	if (!qmp_server_heard(server)) {
		json_decref(data);
		return;
	}
	event = qmp_event(name, data);
	for (size_t i = 0; i < QMP_MAX_CLIENTS; i++) {
		struct client *client = server->client[i];

		if (client && client_hears(client))
			tell_event(client, event);
	}
	if (!server->busy)
		reap_clients(server);
}
