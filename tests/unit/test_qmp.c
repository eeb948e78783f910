/* tests/unit/test_qmp.c - vmm/control/qmp.c. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "tests/unit/test.h"
#include "vmm/control/qmp.h"

static int runs;

static int plain(struct qmp_call *call, struct err *err)
{
	(void)call;
	(void)err;
	runs++;
	return 0;
}

static int echo(struct qmp_call *call, struct err *err)
{
	(void)err;
	call->ret = json_pack("{s:b, s:I, s:s}", "bool",
			      qmp_arg_bool(call, "bool", true), "int",
			      qmp_arg_int(call, "int", -1), "string",
			      qmp_arg_string(call, "string", "none"));
	return 0;
}

static int size(struct qmp_call *call, struct err *err)
{
	char text[24];

	(void)err;
	(void)snprintf(text, sizeof(text), "%" PRIu64,
		       qmp_arg_size(call, "size", 5));
	call->ret = json_pack("{s:s}", "size", text);
	return 0;
}

static int fails(struct qmp_call *call, struct err *err)
{
	call->ret = json_string("forgotten");
	call->class = QMP_DEVICE_NOT_ACTIVE;
	return err_set(err, -ENODEV, "no \"balloon\"\n\xff is there");
}

/* As when jansson finds no memory. */
static int finds_no_memory(struct qmp_call *call, struct err *err)
{
	(void)err;
	call->ret = NULL;
	return 0;
}

static void taken(void *ctx, int fd, unsigned how)
{
	(void)ctx;
	(void)fd;
	(void)how;
}

static int takes_over(struct qmp_call *call, struct err *err)
{
	(void)err;
	assert_string_equal(call->ctx, "context");
	call->take_over = taken;
	call->how = 3;
	return 0;
}

static const struct qmp_command commands[] = {
	{ "plain", plain, {} },
	{ "echo",
	  echo,
	  { { "bool", QMP_BOOL, false },
	    { "int", QMP_INT, false },
	    { "string", QMP_STRING, true },
	    { "array", QMP_ARRAY, false },
	    { "object", QMP_OBJECT, false },
	    { "bool2", QMP_BOOL, false } } },
	{ "size", size, { { "size", QMP_SIZE, false } } },
	{ "fails", fails, {} },
	{ "starved", finds_no_memory, {} },
	{ "takes", takes_over, {} },
	{ "query-commands", qmp_query_commands, {} },
	{ "query-version", qmp_query_version, {} },
};
static bool allow(const void *ctx, const char *name)
{
	assert_string_equal(ctx, "context");
	return strcmp(name, "fails") != 0;
}

static const struct qmp_table table = {
	.command = commands,
	.count = sizeof(commands) / sizeof(commands[0]),
};
static const struct qmp_table choosy = {
	.command = commands,
	.count = sizeof(commands) / sizeof(commands[0]),
	.allows = allow,
};

static struct qmp_session session;
static char context[] = "context";

static int setup(void **state)
{
	(void)state;
	session = (struct qmp_session){ .table = &table,
					.ctx = context,
					.negotiated = true };
	runs = 0;
	return 0;
}

static void is_reply(const char *text, const char *wanted)
{
	json_auto_t *reply = qmp_reply(&session, text, strlen(text));
	char *got = json_dumps(reply, JSON_ENSURE_ASCII);

	assert_string_equal(got, wanted);
	free(got);
}

static void is_error(const char *text, const char *class, const char *desc)
{
	json_auto_t *reply = qmp_reply(&session, text, strlen(text));
	const json_t *error = json_object_get(reply, "error");

	assert_string_equal(json_string_value(json_object_get(error, "class")),
			    class);
	assert_string_equal(json_string_value(json_object_get(error, "desc")),
			    desc);
	assert_int_equal(runs, 0);
}

static void reply__what_is_not_allowed_now_is_refused(void **state)
{
	(void)state;
	session.table = &choosy;
	is_error("{\"execute\": \"fails\"}", "CommandNotFound",
		 "The command fails is not permitted before the guest has "
		 "come");
	is_error("{\"execute\": \"nosuch\"}", "CommandNotFound",
		 "The command nosuch has not been found");
	is_reply("{\"execute\": \"plain\"}", "{\"return\": {}}");
}

static void reply__success_is_return_and_id(void **state)
{
	(void)state;
	is_reply("{\"execute\": \"plain\"}", "{\"return\": {}}");
	is_reply("{\"id\": 7, \"execute\": \"plain\"}",
		 "{\"return\": {}, \"id\": 7}");
	is_reply("{\"execute\": \"plain\", \"arguments\": {}}",
		 "{\"return\": {}}");
	assert_int_equal(runs, 3);
}

static void reply__no_memory_is_not_told_as_success(void **state)
{
	(void)state;
	is_error("{\"execute\": \"starved\"}", "GenericError",
		 "reply: out of memory");
}

static void add__the_first_failure_leaves_nothing(void **state)
{
	json_t *object = json_object();
	json_t *list = json_array();

	(void)state;
	qmp_add(&object, "a", json_integer(1));
	qmp_append(&list, json_integer(1));
	assert_int_equal(json_object_size(object), 1);
	assert_int_equal(json_array_size(list), 1);
	qmp_add(&object, "b", NULL);
	qmp_append(&list, NULL);
	assert_null(object);
	assert_null(list);
	qmp_add(&object, "c", json_integer(1));
	qmp_append(&list, json_integer(1));
	assert_null(object);
	assert_null(list);
}

static void reply__any_id_comes_back(void **state)
{
	static const char *const ids[] = {
		"null",
		"true",
		"-9223372036854775808",
		"9223372036854775807",
		"\"\\u00E9\\n\"",
		"[1, [2, {}]]",
		"{\"a\": {\"b\": []}}",
		"0.5",
		"\"\"",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		char text[128], wanted[128];

		(void)snprintf(text, sizeof(text),
			       "{\"execute\": \"plain\", \"id\": %s}", ids[i]);
		(void)snprintf(wanted, sizeof(wanted),
			       "{\"return\": {}, \"id\": %s}", ids[i]);
		is_reply(text, wanted);
	}
	is_reply("{\"execute\": \"nosuch\", \"id\": \"x\"}",
		 "{\"error\": {\"class\": \"CommandNotFound\", \"desc\": "
		 "\"The command nosuch has not been found\"}, \"id\": \"x\"}");
}

static void reply__nothing_runs_before_negotiation(void **state)
{
	(void)state;
	session.negotiated = false;
	is_error("{\"execute\": \"plain\"}", "CommandNotFound",
		 "Expecting capabilities negotiation with 'qmp_capabilities'");
	is_error("{\"execute\": \"nosuch\"}", "CommandNotFound",
		 "Expecting capabilities negotiation with 'qmp_capabilities'");
	is_error("{\"execute\": \"qmp_capabilities\", "
		 "\"arguments\": {\"enable\": [\"oob\"]}}",
		 "GenericError", "capability 'oob' is not available");
	assert_false(session.negotiated);
	is_reply("{\"execute\": \"qmp_capabilities\", "
		 "\"arguments\": {\"enable\": []}}",
		 "{\"return\": {}}");
	assert_true(session.negotiated);
	is_error("{\"execute\": \"qmp_capabilities\"}", "CommandNotFound",
		 "Capabilities negotiation is already complete, command "
		 "ignored");
}

static void reply__what_is_no_message_says_why(void **state)
{
	(void)state;
	is_error("[]", "GenericError", "QMP input must be a JSON object");
	is_error("{}", "GenericError", "QMP input lacks member 'execute'");
	is_error("{\"execute\": 1}", "GenericError",
		 "QMP input member 'execute' must be a string");
	is_error("{\"execute\": \"plain\", \"arguments\": []}", "GenericError",
		 "QMP input member 'arguments' must be an object");
	is_error("{\"execute\": \"plain\", \"argument\": {}}", "GenericError",
		 "QMP input member 'argument' is unexpected");
	is_error("{\"exec-oob\": \"plain\"}", "GenericError",
		 "QMP input member 'exec-oob' is unexpected");
}

static void reply__what_is_no_json_is_an_error(void **state)
{
	static const char *const texts[] = {
		"",
		"{\"execute\": }",
		"{\"execute\": \"plain\"",
		"{\"execute\": \"plain\"} {}",
		"{\"execute\": \"plain\", \"execute\": \"plain\"}",
		"{\"execute\": \"plain\", \"id\": 9223372036854775808 1}",
		"{\"execute\": \"plain\", \"id\": 09223372036854775808}",
		"{\"execute\": \"plain\", \"id\": 1e999, \"execute\": 1e999}",
		"{\"execute\": \"plain\", \"id\": 1e999e1}",
		"{\"id\": 1e999, \"execute\": \"plain",
		"{\"id\": 1e999, \"execute\": \"plain\\",
		"{\"execute\": \"plain\", \"id\": \"\\ud800\"}",
		"{\"execute\": \"plain\", \"id\": \"\xc0\x80\"}",
		"{\"execute\": \"plain\", \"id\": \"\xff\"}",
		"{\"execute\": \"plain\xc3\"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		json_auto_t *reply = qmp_reply(&session, texts[i],
					       strlen(texts[i]));
		const char *class = NULL, *desc = NULL;

		assert_int_equal(json_unpack(reply, "{s:{s:s, s:s}}", "error",
					     "class", &class, "desc", &desc),
				 0);
		assert_string_equal(class, "GenericError");
		assert_memory_equal(desc, "JSON parse error, ", 18);
	}
	assert_int_equal(runs, 0);
}

static void reply__arguments_are_checked_before_anything_is_done(void **state)
{
	(void)state;
	is_error("{\"execute\": \"plain\", \"arguments\": {\"x\": 1}}",
		 "GenericError", "Parameter 'x' is unexpected");
	is_error("{\"execute\": \"echo\"}", "GenericError",
		 "Parameter 'string' is missing");
	is_error("{\"execute\": \"echo\", \"arguments\": {\"string\": 1}}",
		 "GenericError",
		 "Invalid parameter type for 'string', expected: string");
	is_error("{\"execute\": \"echo\", \"arguments\": {\"bool\": null}}",
		 "GenericError",
		 "Invalid parameter type for 'bool', expected: boolean");
	is_error("{\"execute\": \"echo\", \"arguments\": {\"int\": 1.0}}",
		 "GenericError",
		 "Invalid parameter type for 'int', expected: integer");
	is_error("{\"execute\": \"echo\", \"arguments\": {\"array\": {}}}",
		 "GenericError",
		 "Invalid parameter type for 'array', expected: array");
	is_error("{\"execute\": \"echo\", \"arguments\": {\"object\": []}}",
		 "GenericError",
		 "Invalid parameter type for 'object', expected: object");
}

static void reply__arguments_reach_the_command(void **state)
{
	(void)state;
	is_reply("{\"execute\": \"echo\", \"arguments\": {\"string\": \"s\"}}",
		 "{\"return\": {\"bool\": true, \"int\": -1, "
		 "\"string\": \"s\"}}");
	is_reply("{\"execute\": \"echo\", \"arguments\": {\"string\": \"\", "
		 "\"bool\": false, \"int\": 5, \"array\": [1], "
		 "\"object\": {}, \"bool2\": true}}",
		 "{\"return\": {\"bool\": false, \"int\": 5, "
		 "\"string\": \"\"}}");
}

/* @name: of the argument, by which the command is known */
static void is_wrong_type(const char *value, const char *name)
{
	const bool is_size = !strcmp(name, "size");
	char text[512], wanted[256];

	(void)snprintf(text, sizeof(text),
		       "{\"execute\": \"%s\", \"arguments\": {\"%s\": %s}, "
		       "\"id\": 7}",
		       is_size ? "size" : "echo", name, value);
	(void)snprintf(wanted, sizeof(wanted),
		       "{\"error\": {\"class\": \"GenericError\", \"desc\": "
		       "\"Invalid parameter type for '%s', expected: %s\"}, "
		       "\"id\": 7}",
		       name, !strcmp(name, "string") ? name : "integer");
	is_reply(text, wanted);
}

static void
reply__an_argument_that_does_not_fit_is_of_the_wrong_type(void **state)
{
	char digits[401];

	(void)state;
	memset(digits, '9', 400);
	digits[400] = 0;
	is_wrong_type("9223372036854775808", "int");
	is_wrong_type("-9223372036854775809", "int");
	is_wrong_type("18446744073709551615", "int");
	is_wrong_type("1e400", "int");
	is_wrong_type("-1e400", "int");
	is_wrong_type(digits, "int");
	is_wrong_type("\"a\\u0000b\"", "int");
	is_wrong_type("18446744073709551616", "size");
	is_wrong_type("-9223372036854775809", "size");
	is_wrong_type("-18446744073709551615", "size");
	is_wrong_type("9223372036854775808.0", "size");
	is_wrong_type("1e19", "size");
	is_wrong_type("1e400", "size");
	is_wrong_type(digits, "size");
	is_wrong_type("9223372036854775808", "string");
	is_wrong_type("\"a\\u0000b\"", "string");
	is_wrong_type("\"\\u0000\"", "string");
	assert_int_equal(runs, 0);
}

static void reply__a_name_with_a_nul_is_none_of_ours(void **state)
{
	(void)state;
	is_reply("{\"execute\": \"plain\\u0000\", \"id\": 1}",
		 "{\"error\": {\"class\": \"GenericError\", \"desc\": \"QMP "
		 "input member 'execute' must be a string\"}, \"id\": 1}");
	is_reply("{\"execute\": \"plain\", \"id\": 1, "
		 "\"arguments\": {\"a\\u0000\" : 1}}",
		 "{\"error\": {\"class\": \"GenericError\", \"desc\": "
		 "\"Parameter 'a\?\?\?' is unexpected\"}, \"id\": 1}");
	assert_int_equal(runs, 0);
}

static void reply__a_size_has_64_bits(void **state)
{
	static const char *const sizes[] = {
		"0",
		"9223372036854775807",
		"9223372036854775808",
		"9223372036854775809",
		"18446744073709551615",
	};

	(void)state;
	is_reply("{\"execute\": \"size\"}", "{\"return\": {\"size\": \"5\"}}");
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char text[128], wanted[128];

		(void)snprintf(text, sizeof(text),
			       "{\"execute\": \"size\", \"arguments\": "
			       "{\"size\" :%s}}",
			       sizes[i]);
		(void)snprintf(wanted, sizeof(wanted),
			       "{\"return\": {\"size\": \"%s\"}}", sizes[i]);
		is_reply(text, wanted);
	}
	is_error("{\"execute\": \"size\", \"arguments\": {\"size\": -1}}",
		 "GenericError", "Parameter 'size' expects a size");
}

/* As QEMU tells them: the number is what a double makes of it. */
static void reply__an_id_that_does_not_fit_comes_back_as_a_double(void **state)
{
	(void)state;
	is_reply("{\"execute\": \"plain\", \"id\": 9223372036854775808}",
		 "{\"return\": {}, \"id\": 9.2233720368547758e18}");
	is_reply("{\"execute\": \"plain\", \"id\": -1e999}",
		 "{\"return\": {}, \"id\": -1.7976931348623157e308}");
	is_reply("{\"execute\": \"plain\", \"id\": \"\\u0000\\\"1e999\"}",
		 "{\"return\": {}, \"id\": \"\\u0000\\\"1e999\"}");
	is_reply("{\"id\": [1e999, \"1e999\", \"\\\\u0000\", 1e9, true], "
		 "\"execute\": \"plain\"}",
		 "{\"return\": {}, \"id\": [1.7976931348623157e308, "
		 "\"1e999\", \"\\\\u0000\", 1000000000.0, true]}");
}

static void reply__an_error_has_its_class_and_plain_text(void **state)
{
	(void)state;
	is_error("{\"execute\": \"fails\"}", "DeviceNotActive",
		 "no \"balloon\"?? is there");
}

static void reply__a_take_over_is_the_sessions_to_see(void **state)
{
	(void)state;
	is_reply("{\"execute\": \"plain\"}", "{\"return\": {}}");
	assert_null(session.take_over);
	is_reply("{\"execute\": \"takes\"}", "{\"return\": {}}");
	assert_ptr_equal(session.take_over, taken);
	assert_int_equal(session.how, 3);
}

static void query__commands_lists_the_table(void **state)
{
	(void)state;
	is_reply("{\"execute\": \"query-commands\"}",
		 "{\"return\": [{\"name\": \"qmp_capabilities\"}, "
		 "{\"name\": \"plain\"}, {\"name\": \"echo\"}, "
		 "{\"name\": \"size\"}, {\"name\": \"fails\"}, {\"name\": "
		 "\"starved\"}, "
		 "{\"name\": \"takes\"}, "
		 "{\"name\": \"query-commands\"}, "
		 "{\"name\": \"query-version\"}]}");
}

/* The form that QEMU documents for both. */
static void greeting__has_the_version_that_is_asked_for(void **state)
{
	json_auto_t *greeting = qmp_greeting();
	json_auto_t *reply = qmp_reply(&session,
				       "{\"execute\": \"query-version\"}", 28);
	const json_t *version = json_object_get(
		json_object_get(greeting, "QMP"), "version");
	json_t *capabilities = NULL;
	int major = -1, minor = -1, micro = -1;
	const char *package = NULL;

	(void)state;
	assert_int_equal(json_unpack_ex(greeting, NULL, JSON_STRICT,
					"{s:{s:{s:{s:i, s:i, s:i}, s:s}, s:o}}",
					"QMP", "version", "qemu", "major",
					&major, "minor", &minor, "micro",
					&micro, "package", &package,
					"capabilities", &capabilities),
			 0);
	assert_true(major >= 0 && minor >= 0 && micro >= 0);
	assert_true(json_is_array(capabilities));
	assert_true(json_equal(json_object_get(reply, "return"), version));
}

static void event__has_a_timestamp_and_perhaps_data(void **state)
{
	json_auto_t *plain_one = qmp_event("STOP", json_null());
	json_auto_t *other = qmp_event("RESET", json_pack("{s:b}", "guest", 1));
	json_int_t seconds = 0, micro = -1;
	const char *name = NULL;
	int guest = 0;

	(void)state;
	assert_int_equal(json_unpack_ex(plain_one, NULL, JSON_STRICT,
					"{s:s, s:{s:I, s:I}}", "event", &name,
					"timestamp", "seconds", &seconds,
					"microseconds", &micro),
			 0);
	assert_string_equal(name, "STOP");
	assert_true(seconds > 1500000000);
	assert_in_range(micro, 0, 999999);
	assert_int_equal(json_unpack(other, "{s:s, s:{s:b}}", "event", &name,
				     "data", "guest", &guest),
			 0);
	assert_true(guest);
}

static void assert_told(const char *text, const char *told)
{
	json_auto_t *string = qmp_string(text);

	assert_non_null(string);
	assert_string_equal(json_string_value(string), told);
}

static void string__what_is_utf8_is_told_as_it_is(void **state)
{
	(void)state;
	assert_told("", "");
	assert_told("ram", "ram");
	assert_told("Gr\xc3\xb6\xc3\x9f"
		    "e\xf0\x9f\x98\x80",
		    "Gr\xc3\xb6\xc3\x9f"
		    "e\xf0\x9f\x98\x80");
}

/* A name that was cut to fit may end within a letter. */
static void string__a_letter_that_was_cut_is_left_out(void **state)
{
	(void)state;
	assert_told("a\xc3\xb6\xc3", "a\xc3\xb6");
	assert_told("a\xf0\x9f\x98", "a");
	assert_told("\xe2\x82", "??");
}

static void string__what_is_no_utf8_is_told_all_the_same(void **state)
{
	(void)state;
	assert_told("a\xff.bin", "a?.bin");
	assert_told("\xf6\xc3\xb6.bin", "???.bin");
	assert_told("\xff", "?");
	assert_told("a\xff", "a?");
}

static void number__the_largest_are_told_as_the_largest_there_is(void **state)
{
	json_auto_t *zero = qmp_number(0), *most = qmp_number(INT64_MAX),
		    *more = qmp_number((uint64_t)INT64_MAX + 1),
		    *last = qmp_number(UINT64_MAX);

	(void)state;
	assert_int_equal(json_integer_value(zero), 0);
	assert_int_equal(json_integer_value(most), INT64_MAX);
	assert_int_equal(json_integer_value(more), INT64_MAX);
	assert_int_equal(json_integer_value(last), INT64_MAX);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, setup)
		TEST(reply__what_is_not_allowed_now_is_refused),
		TEST(reply__success_is_return_and_id),
		TEST(reply__no_memory_is_not_told_as_success),
		TEST(add__the_first_failure_leaves_nothing),
		TEST(reply__any_id_comes_back),
		TEST(reply__nothing_runs_before_negotiation),
		TEST(reply__what_is_no_message_says_why),
		TEST(reply__what_is_no_json_is_an_error),
		TEST(reply__arguments_are_checked_before_anything_is_done),
		TEST(reply__arguments_reach_the_command),
		TEST(reply__an_argument_that_does_not_fit_is_of_the_wrong_type),
		TEST(reply__a_name_with_a_nul_is_none_of_ours),
		TEST(reply__a_size_has_64_bits),
		TEST(reply__an_id_that_does_not_fit_comes_back_as_a_double),
		TEST(reply__an_error_has_its_class_and_plain_text),
		TEST(reply__a_take_over_is_the_sessions_to_see),
		TEST(query__commands_lists_the_table),
		TEST(greeting__has_the_version_that_is_asked_for),
		TEST(event__has_a_timestamp_and_perhaps_data),
		TEST(string__what_is_utf8_is_told_as_it_is),
		TEST(string__a_letter_that_was_cut_is_left_out),
		TEST(string__what_is_no_utf8_is_told_all_the_same),
		TEST(number__the_largest_are_told_as_the_largest_there_is),
	};

	return RUN_TESTS(tests);
}
