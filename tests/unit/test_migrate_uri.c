/* tests/unit/test_migrate_uri.c - vmm/migrate/uri.c. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "tests/unit/temp_folder.h"
#include "tests/unit/test.h"
#include "vmm/migrate/uri.h"

static struct err err;

static void expect(const char *text, enum migrate_uri_kind kind,
		   const char *part, const char *port)
{
	struct migrate_uri uri = { 0 };

	assert_int_equal(migrate_uri_parse(&uri, text, &err), 0);
	assert_int_equal(uri.kind, kind);
	if (part)
		assert_string_equal(uri.text, part);
	if (port)
		assert_string_equal(uri.port, port);
	migrate_uri_finish(&uri);
}

static void refuse(const char *text, const char *why)
{
	struct migrate_uri uri = { 0 };

	err = (struct err){ 0 };
	assert_true(migrate_uri_parse(&uri, text, &err) < 0);
	assert_true(err.input);
	assert_non_null(strstr(err.msg, why));
	assert_null(uri.text);
}

static void parse__takes_what_the_manual_says(void **state)
{
	struct migrate_uri uri = { 0 };

	(void)state;
	expect("unix:/tmp/m.sock", URI_UNIX, "/tmp/m.sock", NULL);
	expect("unix:m", URI_UNIX, "m", NULL);
	expect("tcp:host:4444", URI_TCP, "host", "4444");
	expect("tcp::4444", URI_TCP, "127.0.0.1", "4444");
	expect("tcp:4444", URI_TCP, "127.0.0.1", "4444");
	expect("tcp:0.0.0.0:1", URI_TCP, "0.0.0.0", "1");
	expect("tcp:[::1]:65535", URI_TCP, "::1", "65535");
	expect("exec:cat | cat", URI_EXEC, "cat | cat", NULL);
	expect("ssh:root@other", URI_EXEC,
	       "exec ssh -T -- 'root@other' "
	       "'vmm receive --terminal socket fd:0,1'",
	       NULL);
	expect("ssh:other/run/it's", URI_EXEC,
	       "exec ssh -T -- 'other' "
	       "'nc -U '\\''/run/it'\\''\\'\\'''\\''s'\\'''",
	       NULL);
	assert_int_equal(migrate_uri_parse(&uri, "fd:7", &err), 0);
	assert_int_equal(uri.in, 7);
	assert_int_equal(uri.out, 7);
	assert_int_equal(migrate_uri_parse(&uri, "fd:0,1", &err), 0);
	assert_int_equal(uri.in, 0);
	assert_int_equal(uri.out, 1);
}

static void parse__wrong_words_are_a_sentence(void **state)
{
	char longest[300];

	(void)state;
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	memcpy(longest, "unix:", 5);
	refuse("", "'' is no place for a migration");
	refuse("rdma:host", "'rdma:host' is no place for a migration");
	refuse("unix:", "needs a path");
	refuse(longest, "at most 107 characters");
	refuse("tcp:", "'' is no port");
	refuse("tcp:host", "'host' is no port");
	refuse("tcp:host:0", "'0' is no port");
	refuse("tcp:host:65536", "'65536' is no port");
	refuse("tcp:host:+1", "'+1' is no port");
	refuse("exec:", "needs a command");
	refuse("ssh:", "needs a host");
	refuse("ssh:/run/m.sock", "needs a host");
	refuse("ssh:-oProxyCommand=x", "needs a host");
	refuse("fd:", "'' is no descriptor");
	refuse("fd:x", "'x' is no descriptor");
	refuse("fd:1,", "'1,' is no descriptor");
	refuse("fd:1,2,3", "'1,2,3' is no descriptor");
	refuse("fd:-1", "'-1' is no descriptor");
}

/* What the shell makes of the words is what they were. */
static void parse__ssh_words_survive_two_shells(void **state)
{
	struct temp_folder folder;
	struct migrate_uri uri = { 0 };
	char command[4096], path[TEMP_PATH_SIZE], got[256] = "";
	FILE *pipe;

	(void)state;
	assert_int_equal(temp_folder_make(&folder, "/tmp"), 0);
	/* ssh's part: the last word is run by a shell on the other host. */
	temp_folder_put(&folder, "ssh",
			"#!/bin/sh\nfor last; do :; done\n"
			"exec sh -c \"$last\"\n");
	temp_folder_put(&folder, "nc", "#!/bin/sh\necho \"<$2>\"\n");
	temp_folder_path(&folder, "ssh", path);
	assert_int_equal(chmod(path, 0700), 0);
	temp_folder_path(&folder, "nc", path);
	assert_int_equal(chmod(path, 0700), 0);
	assert_int_equal(
		migrate_uri_parse(&uri, "ssh:a/b 'c' $d `e` \"f", &err), 0);
	(void)snprintf(command, sizeof(command), "PATH=%s:$PATH; %s",
		       folder.path, uri.text);
	pipe = popen(command, "r"); // NOLINT: our own command
	assert_non_null(pipe);
	assert_non_null(fgets(got, sizeof(got), pipe));
	assert_int_equal(pclose(pipe), 0);
	assert_string_equal(got, "</b 'c' $d `e` \"f>\n");
	migrate_uri_finish(&uri);
	assert_int_equal(temp_folder_remove(&folder), 0);
}

/* The two ends of a connection by a URI. */
struct both {
	struct migrate_uri uri;
	struct migrate_door door;
	struct channel there;
	int code;
};

static void *accept_other(void *arg)
{
	struct both *both = arg;
	struct err unused = { 0 };

	both->code = migrate_uri_accept(&both->door, &both->there, &unused);
	return NULL;
}

static void exchange(struct channel *a, struct channel *b)
{
	char word[] = "hello", got[6] = "";
	struct iovec iov = { word, sizeof(word) };

	assert_int_equal(channel_write(a, &iov, 1, &err), 0);
	assert_int_equal(channel_read(b, got, sizeof(got), &err), 0);
	assert_string_equal(got, "hello");
}

static void connect_by(const char *text)
{
	struct both both = { .there = CHANNEL_NONE };
	struct channel here = CHANNEL_NONE;
	pthread_t thread;

	assert_int_equal(migrate_uri_parse(&both.uri, text, &err), 0);
	assert_int_equal(migrate_uri_listen(&both.uri, &both.door, &err), 0);
	assert_int_equal(pthread_create(&thread, NULL, accept_other, &both), 0);
	assert_int_equal(migrate_uri_connect(&both.uri, &here, &err), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(both.code, 0);
	exchange(&here, &both.there);
	exchange(&both.there, &here);
	channel_close(&here);
	channel_close(&both.there);
	migrate_door_close(&both.door);
	migrate_uri_finish(&both.uri);
}

static void connect__by_unix_and_the_file_goes(void **state)
{
	struct temp_folder folder;
	char path[TEMP_PATH_SIZE], text[TEMP_PATH_SIZE + 8];

	(void)state;
	assert_int_equal(temp_folder_make(&folder, "/tmp"), 0);
	temp_folder_path(&folder, "m.sock", path);
	(void)snprintf(text, sizeof(text), "unix:%s", path);
	connect_by(text);
	assert_int_equal(access(path, F_OK), -1);
	/* Nothing is lost but what is a socket, and dead. */
	temp_folder_put(&folder, "m.sock", "mine");
	{
		struct migrate_uri uri = { 0 };
		struct migrate_door door;

		assert_int_equal(migrate_uri_parse(&uri, text, &err), 0);
		assert_int_equal(migrate_uri_listen(&uri, &door, &err),
				 -EADDRINUSE);
		assert_true(err.input);
		migrate_uri_finish(&uri);
	}
	assert_int_equal(temp_folder_remove(&folder), 0);
}

static void listen__leaves_nothing_beside_its_place(void **state)
{
	struct temp_folder folder;
	char path[TEMP_PATH_SIZE], text[TEMP_PATH_SIZE + 8];
	struct migrate_uri uri = { 0 };
	struct migrate_door door, other;

	(void)state;
	assert_int_equal(temp_folder_make(&folder, "/tmp"), 0);
	temp_folder_path(&folder, "m.sock", path);
	(void)snprintf(text, sizeof(text), "unix:%s", path);
	assert_int_equal(migrate_uri_parse(&uri, text, &err), 0);
	assert_int_equal(migrate_uri_listen(&uri, &door, &err), 0);
	/* A live one is not replaced. */
	assert_int_equal(migrate_uri_listen(&uri, &other, &err), -EADDRINUSE);
	migrate_door_close(&door);
	migrate_uri_finish(&uri);
	assert_int_equal(rmdir(folder.path), 0);
}

static void connect__by_a_command(void **state)
{
	struct migrate_uri uri = { 0 };
	struct channel channel = CHANNEL_NONE;

	(void)state;
	assert_int_equal(migrate_uri_parse(&uri, "exec:cat", &err), 0);
	assert_int_equal(migrate_uri_connect(&uri, &channel, &err), 0);
	exchange(&channel, &channel);
	channel_close(&channel);
	migrate_uri_finish(&uri);
}

static void connect__a_command_that_ends_is_a_closed_channel(void **state)
{
	struct migrate_uri uri = { 0 };
	struct channel channel = CHANNEL_NONE;
	char byte;

	(void)state;
	assert_int_equal(migrate_uri_parse(&uri, "exec:exit 3", &err), 0);
	assert_int_equal(migrate_uri_connect(&uri, &channel, &err), 0);
	assert_int_equal(channel_read(&channel, &byte, 1, &err), -ECONNRESET);
	channel_close(&channel);
	migrate_uri_finish(&uri);
}

static void connect__by_descriptors(void **state)
{
	struct channel a = CHANNEL_NONE, b = CHANNEL_NONE;
	struct migrate_uri uri = { 0 };
	char text[32];
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	(void)snprintf(text, sizeof(text), "fd:%d", pair[0]);
	assert_int_equal(migrate_uri_parse(&uri, text, &err), 0);
	assert_int_equal(migrate_uri_connect(&uri, &a, &err), 0);
	(void)snprintf(text, sizeof(text), "fd:%d,%d", pair[1], pair[1]);
	assert_int_equal(migrate_uri_parse(&uri, text, &err), 0);
	assert_int_equal(migrate_uri_connect(&uri, &b, &err), 0);
	exchange(&a, &b);
	exchange(&b, &a);
	channel_close(&a);
	channel_close(&b);
	(void)close(pair[0]);
	(void)close(pair[1]);
	assert_int_equal(migrate_uri_parse(&uri, "fd:9999", &err), 0);
	assert_int_equal(migrate_uri_connect(&uri, &a, &err), -EBADF);
}

static void connect__nobody_there_is_said(void **state)
{
	struct channel channel = CHANNEL_NONE;
	struct migrate_uri uri = { 0 };

	(void)state;
	assert_int_equal(migrate_uri_parse(&uri, "unix:/nowhere/m", &err), 0);
	assert_int_equal(migrate_uri_connect(&uri, &channel, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "unix:/nowhere/m: No such file"));
	migrate_uri_finish(&uri);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse__takes_what_the_manual_says),
		cmocka_unit_test(parse__wrong_words_are_a_sentence),
		cmocka_unit_test(parse__ssh_words_survive_two_shells),
		cmocka_unit_test(connect__by_unix_and_the_file_goes),
		cmocka_unit_test(listen__leaves_nothing_beside_its_place),
		cmocka_unit_test(connect__by_a_command),
		cmocka_unit_test(
			connect__a_command_that_ends_is_a_closed_channel),
		cmocka_unit_test(connect__by_descriptors),
		cmocka_unit_test(connect__nobody_there_is_said),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return RUN_TESTS(tests);
}
