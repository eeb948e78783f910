/* vmm/control/qmp.c - the QEMU Machine Protocol: commands, replies, events. */
#include "vmm/control/qmp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/size.h"
#include "base/zstd_frame.h"
#include "vmm/control/qmp_parse.h"

#define MAX_MS (INT64_C(24) * 3600 * 1000)

#define LETTER_MAX 4 /* bytes of a letter in UTF-8 */

static const char *const class_names[] = {
	[QMP_GENERIC_ERROR] = "GenericError",
	[QMP_COMMAND_NOT_FOUND] = "CommandNotFound",
	[QMP_DEVICE_NOT_ACTIVE] = "DeviceNotActive",
	[QMP_DEVICE_NOT_FOUND] = "DeviceNotFound",
	[QMP_KVM_MISSING_CAP] = "KVMMissingCap",
};

static json_t *describe_version(void)
{
	uint64_t part[3] = { 0 };
	const char *at = VMM_VERSION;

	for (size_t i = 0; i < 3 && at; i++) {
		at = number_scan(at, &part[i]);
		at += at && *at == '.';
	}
	return json_pack("{s:{s:I, s:I, s:I}, s:s}", "qemu", "micro",
			 (json_int_t)part[2], "minor", (json_int_t)part[1],
			 "major", (json_int_t)part[0], "package",
			 "vmm " VMM_VERSION);
}

json_t *qmp_greeting(void)
{
	return json_pack("{s:{s:o, s:[]}}", "QMP", "version",
			 describe_version(), "capabilities");
}

int qmp_query_version(struct qmp_call *call, struct err *err)
{
	(void)err;
	call->ret = describe_version();
	return 0;
}

static json_t *error_reply(enum qmp_class class, const struct err *err)
{
	char desc[sizeof(err->msg)];
	size_t len = strnlen(err->msg, sizeof(desc) - 1);

	/* It may quote a client or a file name, and be cut within a letter. */
	memcpy(desc, err->msg, len);
	for (size_t i = 0; i < len; i++)
		if (desc[i] < ' ' || desc[i] > '~')
			desc[i] = '?';
	desc[len] = 0;
	return json_pack("{s:{s:s, s:s}}", "error", "class", class_names[class],
			 "desc", desc);
}

json_t *qmp_problem(const char *problem)
{
	struct err err = { 0 };

	(void)err_set(&err, -EINVAL, "%s", problem);
	return error_reply(QMP_GENERIC_ERROR, &err);
}

/* How much of @text is left without a letter that is cut at its end. */
static size_t without_cut_letter(const char *text, size_t len)
{
	for (size_t cut = 1; cut < LETTER_MAX && cut < len; cut++) {
		const unsigned char byte = (unsigned char)text[len - cut];

		if (byte >= 0xc2 && byte <= 0xf4) /* a letter's first */
			return len - cut;
	}
	return len;
}

json_t *qmp_string(const char *text)
{
	const size_t len = strlen(text);
	json_t *string = json_string(text);
	char *plain;

	if (!string)
		string = json_stringn(text, without_cut_letter(text, len));
	if (string)
		return string;
	plain = strdup(text);
	for (size_t i = 0; plain && i < len; i++)
		if ((unsigned char)plain[i] > '~')
			plain[i] = '?';
	string = plain ? json_string(plain) : NULL;
	free(plain);
	return string;
}

json_t *qmp_number(uint64_t n)
{
	return json_integer(n <= INT64_MAX ? (json_int_t)n : INT64_MAX);
}

/* @failed: the value is gone already */
static void give_up_if(bool failed, json_t **whole)
{
	if (!failed)
		return;
	json_decref(*whole);
	*whole = NULL;
}

void qmp_add(json_t **object, const char *name, json_t *value)
{
	give_up_if(json_object_set_new(*object, name, value) < 0, object);
}

void qmp_append(json_t **list, json_t *value)
{
	give_up_if(json_array_append_new(*list, value) < 0, list);
}

json_t *qmp_event(const char *name, json_t *data)
{
	struct timespec now;
	json_t *event;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	event = json_pack("{s:{s:I, s:I}, s:s}", "timestamp", "seconds",
			  (json_int_t)now.tv_sec, "microseconds",
			  (json_int_t)(now.tv_nsec / 1000), "event", name);
	if (!json_is_null(data))
		qmp_add(&event, "data", data);
	return event;
}

/* A string of C has no NUL in it. */
static bool is_string(const json_t *value)
{
	return json_is_string(value) &&
	       strlen(json_string_value(value)) == json_string_length(value);
}

/* @bits: of the same number; see struct qmp_message */
static bool is_size(const json_t *value, const json_t *bits)
{
	return json_is_integer(value) ||
	       (json_is_real(value) && json_is_integer(bits));
}

static bool is_a(const json_t *value, const json_t *bits, enum qmp_type type)
{
	switch (type) {
	case QMP_BOOL:
		return json_is_boolean(value);
	case QMP_INT:
		return json_is_integer(value);
	case QMP_SIZE:
		return is_size(value, bits);
	case QMP_STRING:
		return is_string(value);
	case QMP_ARRAY:
		return json_is_array(value);
	case QMP_OBJECT:
		return json_is_object(value);
	}
	return false;
}

static const char *type_name(enum qmp_type type)
{
	static const char *const names[] = {
		[QMP_BOOL] = "boolean", [QMP_INT] = "integer",
		[QMP_SIZE] = "integer", [QMP_STRING] = "string",
		[QMP_ARRAY] = "array",	[QMP_OBJECT] = "object",
	};

	return names[type];
}

static const struct qmp_arg *find_arg(const struct qmp_command *command,
				      const char *name)
{
	for (size_t i = 0; i < QMP_MAX_ARGS && command->arg[i].name; i++)
		if (!strcmp(command->arg[i].name, name))
			return &command->arg[i];
	return NULL;
}

static int check_arg(const struct qmp_command *command, const char *name,
		     const json_t *value, const json_t *bits, struct err *err)
{
	const struct qmp_arg *arg = find_arg(command, name);

	if (!arg)
		return err_set(err, -EINVAL, "Parameter '%s' is unexpected",
			       name);
	if (!is_a(value, bits, arg->type))
		return err_set(err, -EINVAL,
			       "Invalid parameter type for '%s', expected: %s",
			       name, type_name(arg->type));
	if (arg->type == QMP_SIZE && json_integer_value(value) < 0)
		return err_set(err, -EINVAL, "Parameter '%s' expects a size",
			       name);
	return 0;
}

static int check_args(const struct qmp_command *command,
		      const struct qmp_call *call, json_t *args,
		      struct err *err)
{
	const char *name;
	json_t *value;

	json_object_foreach(args, name, value) {
		const int r = check_arg(command, name, value,
					json_object_get(call->bits, name), err);

		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < QMP_MAX_ARGS && command->arg[i].name; i++)
		if (command->arg[i].required &&
		    !json_object_get(args, command->arg[i].name))
			return err_set(err, -EINVAL,
				       "Parameter '%s' is missing",
				       command->arg[i].name);
	return 0;
}

/* No capability is offered, so that none can be enabled. */
static int negotiate_capabilities(struct qmp_call *call, struct err *err)
{
	const json_t *enable = json_object_get(call->args, "enable");
	const char *name = json_string_value(json_array_get(enable, 0));

	if (json_array_size(enable) > 0)
		return err_set(err, -EINVAL, "capability '%s' is not available",
			       name ? name : "?");
	return 0;
}

static const struct qmp_command negotiation = { "qmp_capabilities",
						negotiate_capabilities,
						{ { "enable", QMP_ARRAY,
						    false } } };

int qmp_query_commands(struct qmp_call *call, struct err *err)
{
	const struct qmp_table *table = call->table;

	(void)err;
	call->ret = json_pack("[{s:s}]", "name", negotiation.name);
	for (size_t i = 0; i < table->count; i++)
		qmp_append(&call->ret,
			   json_pack("{s:s}", "name", table->command[i].name));
	return 0;
}

/* Returns NULL with @err set if there is none of that name, here and now. */
static const struct qmp_command *
find_qmp_command(const struct qmp_session *session, const char *name,
		 struct err *err)
{
	const struct qmp_table *table = session->table;
	const bool negotiates = !strcmp(name, negotiation.name);

	if (!session->negotiated && negotiates)
		return &negotiation;
	if (!session->negotiated)
		(void)err_set(err, -ENOSYS,
			      "Expecting capabilities negotiation with '%s'",
			      negotiation.name);
	else if (negotiates)
		(void)err_set(err, -ENOSYS,
			      "Capabilities negotiation is already complete, "
			      "command ignored");
	for (size_t i = 0; !err->code && i < table->count; i++) {
		const struct qmp_command *command = &table->command[i];

		if (strcmp(name, command->name) != 0)
			continue;
		if (!table->allows || table->allows(session->ctx, name))
			return command;
		(void)err_set(
			err, -ENOSYS,
			"The command %s is not permitted before the guest "
			"has come",
			name);
	}
	if (!err->code)
		(void)err_set(err, -ENOSYS, "The command %s has not been found",
			      name);
	return NULL;
}

/* A member that is unknown makes a message none. */
static int check_message(json_t *message, struct err *err)
{
	const json_t *args = json_object_get(message, "arguments");
	const json_t *execute = json_object_get(message, "execute");
	const char *name;
	json_t *value;

	if (!json_is_object(message))
		return err_set(err, -EINVAL, "QMP input must be a JSON object");
	json_object_foreach(message, name, value)
		if (strcmp(name, "execute") != 0 &&
		    strcmp(name, "arguments") != 0 && strcmp(name, "id") != 0)
			return err_set(err, -EINVAL,
				       "QMP input member '%s' is unexpected",
				       name);
	if (!execute)
		return err_set(err, -EINVAL,
			       "QMP input lacks member 'execute'");
	if (!is_string(execute))
		return err_set(err, -EINVAL,
			       "QMP input member 'execute' must be a string");
	if (args && !json_is_object(args))
		return err_set(err, -EINVAL,
			       "QMP input member 'arguments' must be an "
			       "object");
	return 0;
}

static int run_qmp_command(struct qmp_session *session,
			   const struct qmp_message *said,
			   struct qmp_call *call, struct err *err)
{
	json_auto_t *none = json_object();
	json_t *message = said->value;
	json_t *args = json_object_get(message, "arguments");
	const struct qmp_command *command;
	int r;

	r = check_message(message, err);
	if (r < 0)
		return r;
	command = find_qmp_command(
		session, json_string_value(json_object_get(message, "execute")),
		err);
	if (!command) {
		call->class = QMP_COMMAND_NOT_FOUND;
		return err->code;
	}
	if (!args)
		args = none;
	call->args = args;
	call->bits = json_object_get(said->bits, "arguments");
	r = check_args(command, call, args, err);
	if (r == 0)
		r = command->run(call, err);
	if (r == 0 && !call->ret)
		r = err_set(err, -ENOMEM, "reply: out of memory");
	if (r == 0 && command == &negotiation)
		session->negotiated = true;
	return r;
}

json_t *qmp_reply(struct qmp_session *session, const char *text, size_t len)
{
	struct qmp_call call = { .table = session->table,
				 .ctx = session->ctx,
				 .ret = json_null() };
	struct err err = { 0 };
	json_error_t where;
	_cleanup_(qmp_message_finish) struct qmp_message said = { 0 };
	json_t *id, *reply;
	int r;

	qmp_parse(&said, text, len, &where);
	id = json_object_get(said.value, "id");
	if (said.value)
		r = run_qmp_command(session, &said, &call, &err);
	else
		r = err_set(&err, -EINVAL, "JSON parse error, %s", where.text);
	if (r < 0) {
		json_decref(call.ret);
		reply = error_reply(call.class, &err);
	} else {
		session->take_over = call.take_over;
		session->how = call.how;
		reply = json_pack("{s:o}", "return",
				  json_is_null(call.ret) ? json_object()
							 : call.ret);
	}
	if (id && json_object_set(reply, "id", id) < 0) {
		json_decref(reply);
		return NULL;
	}
	return reply;
}

bool qmp_arg_bool(const struct qmp_call *call, const char *name, bool other)
{
	const json_t *value = json_object_get(call->args, name);

	return value ? json_is_true(value) : other;
}

int qmp_check_ms(const struct qmp_call *call, const char *name, struct err *err)
{
	const json_int_t ms = qmp_arg_int(call, name, 0);

	if (ms >= 0 && ms <= MAX_MS)
		return 0;
	return err_set(err, -ERANGE, "Parameter '%s' expects up to a day",
		       name);
}

int qmp_check_level(const struct qmp_call *call, const char *name,
		    struct err *err)
{
	const json_int_t level = qmp_arg_int(call, name, 0);

	if (level >= 0 && level <= ZSTD_FRAME_LEVEL_MAX)
		return 0;
	return err_set(err, -ERANGE, "Parameter '%s' expects a level up to %d",
		       name, ZSTD_FRAME_LEVEL_MAX);
}

json_int_t qmp_arg_int(const struct qmp_call *call, const char *name,
		       json_int_t other)
{
	const json_t *value = json_object_get(call->args, name);

	return value ? json_integer_value(value) : other;
}

uint64_t qmp_arg_size(const struct qmp_call *call, const char *name,
		      uint64_t other)
{
	const json_t *value = json_object_get(call->args, name);

	if (json_is_real(value))
		value = json_object_get(call->bits, name);
	return value ? (uint64_t)json_integer_value(value) : other;
}

const char *qmp_arg_string(const struct qmp_call *call, const char *name,
			   const char *other)
{
	const json_t *value = json_object_get(call->args, name);

	return value ? json_string_value(value) : other;
}
