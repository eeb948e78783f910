/*
 * tests/fuzz/fuzz_qmp.c - nothing a client says on the control socket crashes
 * the server, leaks, or is answered by what is no QMP; however the bytes are
 * cut, the answers are the same.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"
#include "vmm/control/outbox.h"
#include "vmm/control/qmp.h"
#include "vmm/control/qmp_input.h"

static int run(struct qmp_call *call, struct err *err)
{
	const char *text = qmp_arg_string(call, "text", NULL);

	call->ret = json_pack(
		"{s:b, s:I, s:o, s:s?}", "on", qmp_arg_bool(call, "on", false),
		"n", qmp_arg_int(call, "n", 0), "size",
		qmp_number(qmp_arg_size(call, "size", 0)), "text", text);
	if (text && !*text) {
		call->class = QMP_DEVICE_NOT_FOUND;
		return err_set(err, -ENODEV, "'%s' is not there", text);
	}
	return 0;
}

static const struct qmp_command commands[] = {
	{ "run",
	  run,
	  { { "on", QMP_BOOL, false },
	    { "n", QMP_INT, true },
	    { "size", QMP_SIZE, false },
	    { "text", QMP_STRING, false },
	    { "list", QMP_ARRAY, false },
	    { "map", QMP_OBJECT, false } } },
	{ "query-commands", qmp_query_commands, {} },
	{ "query-version", qmp_query_version, {} },
};
static const struct qmp_table table = {
	.command = commands,
	.count = sizeof(commands) / sizeof(commands[0]),
};

/* A reply is an object of "return" or "error", and perhaps "id". */
static void judge(const json_t *reply)
{
	const json_t *error = json_object_get(reply, "error");
	const size_t parts = json_object_get(reply, "id") ? 2 : 1;

	if (!reply || json_object_size(reply) != parts ||
	    !error == !json_object_get(reply, "return"))
		abort();
	if (error && (!json_string_length(json_object_get(error, "class")) ||
		      !json_string_length(json_object_get(error, "desc")) ||
		      json_object_size(error) != 2))
		abort();
}

static void answer(struct outbox *out, json_t *reply)
{
	judge(reply);
	if (outbox_add(out, reply) < 0)
		abort();
	json_decref(reply);
}

/* What a client hears that says @data in pieces of @step bytes. */
static void converse(struct outbox *out, const char *data, size_t size,
		     size_t step)
{
	struct qmp_session session = { .table = &table };
	struct qmp_input input = { .max = 4096 };

	while (size > 0) {
		const size_t n = step < size ? step : size;
		size_t used = n + 1;

		switch (qmp_input_take(&input, data, n, &used)) {
		case QMP_MESSAGE:
			answer(out, qmp_reply(&session, input.text, input.len));
			break;
		case QMP_PROBLEM:
			answer(out, qmp_problem(input.problem));
			break;
		case QMP_NOTHING:
			break;
		}
		if (used > n || input.len > input.max)
			abort();
		data += used;
		size -= used;
	}
	qmp_input_finish(&input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outbox whole = { 0 }, bytes = { 0 };

	converse(&whole, (const char *)data, size, SIZE_MAX);
	converse(&bytes, (const char *)data, size, 1);
	if (whole.len != bytes.len ||
	    (whole.len > 0 && memcmp(whole.text, bytes.text, whole.len) != 0))
		abort();
	for (size_t i = 0; i < whole.len; i++)
		if ((unsigned char)whole.text[i] > '~')
			abort();
	outbox_finish(&whole);
	outbox_finish(&bytes);
	return 0;
}
