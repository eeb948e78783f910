/* vmm/client/client.c - talks to a running guest over its control socket. */
#include "vmm/client/client.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/closest.h"
#include "vmm/cli.h"
#include "vmm/control/outbox.h"
#include "vmm/control/qmp.h"
#include "vmm/control/socket.h"

#define MAX_REPLY (64u << 20) /* in bytes */

/* Explains a failed call on the socket. */
static int report_lost_server(const struct client *client, int error,
			      struct err *err)
{
	if (error == EAGAIN)
		return err_set(err, -ETIMEDOUT, "%s: does not answer",
			       client->name);
	if (error == EPIPE || error == ECONNRESET || error == 0)
		return err_set(err, -ECONNRESET, "%s: has ended", client->name);
	return err_set(err, -error, "%s: %s", client->name,
		       strerrordesc_np(error));
}

/* Reads on when all that was read is taken. @end: as clock_ms() has it */
static int fill_client_input(struct client *client, int64_t end,
			     struct err *err)
{
	struct pollfd p = { .fd = client->fd, .events = POLLIN };

	while (client->at == client->len) {
		const int64_t left = end - clock_ms();
		ssize_t n;

		if (left <= 0)
			return report_lost_server(client, EAGAIN, err);
		if (poll(&p, 1, (int)left) <= 0)
			continue;
		n = recv(client->fd, client->chunk, sizeof(client->chunk),
			 MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return report_lost_server(client, n == 0 ? 0 : errno,
						  err);
		client->at = 0;
		client->len = (size_t)n;
	}
	return 0;
}

static int next_message(struct client *client, int64_t end, json_t **ret,
			struct err *err)
{
	struct qmp_input *input = &client->input;
	enum qmp_input_found found = QMP_NOTHING;
	json_t *message = NULL;
	size_t used;

	while (found == QMP_NOTHING) {
		const int r = fill_client_input(client, end, err);

		if (r < 0)
			return r;
		found = qmp_input_take(input, client->chunk + client->at,
				       client->len - client->at, &used);
		client->at += used;
	}
	if (found == QMP_MESSAGE)
		message = json_loadb(input->text, input->len, 0, NULL);
	if (!json_is_object(message)) {
		json_decref(message);
		return err_set(err, -EPROTO, "%s: does not speak QMP",
			       client->name);
	}
	*ret = message;
	return 0;
}

static int report_refusal(const struct client *client, const json_t *error,
			  struct err *err)
{
	const char *class = json_string_value(json_object_get(error, "class"));
	const char *desc = json_string_value(json_object_get(error, "desc"));
	const bool unknown = class && !strcmp(class, "CommandNotFound");

	return err_set(err, unknown ? -ENOSYS : -EREMOTEIO, "%s: %s",
		       client->name, desc ? desc : "refused");
}

/* Waits for a message that has a member @wanted, or for an error. */
static int await_message(struct client *client, const char *wanted,
			 json_t **ret, struct err *err)
{
	const int64_t end = clock_ms() + client->patience_ms;

	for (;;) {
		json_auto_t *message = NULL;
		json_t *found;
		const int r = next_message(client, end, &message, err);

		if (r < 0)
			return r;
		found = json_object_get(message, "error");
		if (found)
			return report_refusal(client, found, err);
		found = json_object_get(message, wanted);
		if (!found)
			continue; /* an event */
		if (ret)
			*ret = json_incref(found);
		return 0;
	}
}

static int send_all(struct client *client, const struct outbox *out,
		    struct err *err)
{
	size_t done = 0;

	while (done < out->len) {
		const ssize_t n = send(client->fd, out->text + done,
				       out->len - done, MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			return report_lost_server(client, errno, err);
		if (n > 0)
			done += (size_t)n;
	}
	return 0;
}

int client_send(struct client *client, const char *command, json_t *args,
		struct err *err)
{
	_cleanup_(outbox_finish) struct outbox out = { 0 };
	json_auto_t *message = json_pack("{s:s, s:o*}", "execute", command,
					 "arguments", args);

	if (outbox_add(&out, message) < 0)
		return err_set(err, -ENOMEM, "%s: out of memory", client->name);
	return send_all(client, &out, err);
}

int client_run(struct client *client, const char *command, json_t *args,
	       json_t **ret, struct err *err)
{
	const int r = client_send(client, command, args, err);

	/* A server that has closed may have sent a last message: read it. */
	if (r < 0 && r != -ECONNRESET)
		return r;
	return await_message(client, "return", ret, err);
}

int client_end_line(struct client *client, struct err *err)
{
	const int64_t end = clock_ms() + client->patience_ms;

	for (;;) {
		const int r = fill_client_input(client, end, err);

		if (r < 0)
			return r;
		if (client->chunk[client->at++] == '\n')
			return 0;
	}
}

static void get_pid(struct client *client)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(client->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0)
		client->pid = peer.pid;
}

int client_try(struct client *client, const char *name, int patience_ms,
	       struct err *err)
{
	struct sockaddr_un at;
	int r;

	*client = (struct client){ .name = name,
				   .fd = -1,
				   .patience_ms = patience_ms,
				   .input.max = MAX_REPLY };
	r = control_path(name, &at, err);
	if (r < 0)
		return r;
	client->fd = control_connect(&at, patience_ms);
	if (client->fd == -ENOENT || client->fd == -ECONNREFUSED)
		return client->fd;
	if (client->fd < 0)
		return report_lost_server(client, -client->fd, err);
	get_pid(client);
	r = await_message(client, "QMP", NULL, err);
	if (r == 0)
		r = client_run(client, "qmp_capabilities", NULL, NULL, err);
	return r;
}

/* Says which machine may have been meant. */
static int refuse_name(const char *name, struct err *err)
{
	_cleanup_(control_names_finish) struct control_names all = { 0 };
	struct closest near = { .word = name };
	struct err unused;

	if (strchr(name, '/'))
		return err_input(err, -ENOENT,
				 "%s: no virtual machine listens there", name);
	if (control_names(&all, &unused) == 0)
		for (size_t i = 0; i < all.count; i++)
			closest_try(&near, all.name[i]);
	(void)closest_refuse(&near, "virtual machine", err);
	err->code = -ENOENT;
	return err->code;
}

int client_open(struct client *client, const char *name, int patience_ms,
		struct err *err)
{
	const int r = client_try(client, name, patience_ms, err);

	if (r == -ENOENT || r == -ECONNREFUSED)
		return refuse_name(name, err);
	return r;
}

int client_event(struct client *client, const char *event, int patience_ms,
		 json_t **ret, struct err *err)
{
	const int64_t end = clock_ms() + patience_ms;

	for (;;) {
		json_auto_t *message = NULL;
		const json_t *error;
		const char *name;
		const int r = next_message(client, end, &message, err);

		if (r < 0)
			return r;
		error = json_object_get(message, "error");
		if (error) /* of no command: why we are dropped */
			return report_refusal(client, error, err);
		name = json_string_value(json_object_get(message, "event"));
		if (!name || strcmp(name, event) != 0)
			continue;
		*ret = json_incref(json_object_get(message, "data"));
		return 0;
	}
}

int client_process(const struct client *client)
{
	/* While the connection stands, no other process has that number. */
	return client->pid > 0 ? pidfd_open(client->pid, 0) : -1;
}

/* Waits for the end of the connection: the VMM's, unless it drops us. */
static int wait_disconnect(struct client *client, int64_t end, struct err *err)
{
	for (;;) {
		json_auto_t *message = NULL;
		const json_t *error;
		const int r = next_message(client, end, &message, err);

		if (r < 0)
			return r == -ECONNRESET ? 0 : r;
		error = json_object_get(message, "error");
		if (error)
			return report_refusal(client, error, err);
	}
}

int client_wait_end(struct client *client, int process, int patience_ms,
		    struct err *err)
{
	const int64_t end = clock_ms() + patience_ms;
	struct pollfd p = { process, POLLIN, 0 };

	if (process < 0)
		return wait_disconnect(client, end, err);
	for (;;) {
		const int64_t left = end - clock_ms();

		if (left <= 0)
			return report_lost_server(client, EAGAIN, err);
		if (poll(&p, 1, (int)left) > 0)
			return 0;
	}
}

int client_print_status(struct client *client, const char *status, bool line,
			struct err *err)
{
	json_auto_t *told = NULL, *row = NULL;
	int r = 0;

	if (!status)
		r = client_run(client, "query-status", NULL, &told, err);
	if (r < 0)
		return r;
	if (!status)
		status = json_string_value(json_object_get(told, "status"));
	if (!status)
		return err_set(err, -EPROTO, "%s: unexpected reply",
			       client->name);
	row = json_pack("{s:o, s:i, s:s}", "name", qmp_string(client->name),
			"pid", (int)client->pid, "status", status);
	return cli_print_json(row, line, err);
}

void client_close(struct client *client)
{
	fd_closep(&client->fd);
	client->fd = -1;
	qmp_input_finish(&client->input);
}
