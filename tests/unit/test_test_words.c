/* tests/unit/test_test_words.c - vmm/test/words.c. */
#include "vmm/test/words.h"

#include <errno.h>
#include <string.h>

#include "tests/unit/test.h"

#define WORDS 80

#define PARSE(ret, err, ...) \
	parse((ret), (err), (const char *const[WORDS]){ "test", ##__VA_ARGS__ })

static int parse(struct test_words *ret, struct err *err,
		 const char *const words[WORDS])
{
	static char *argv[WORDS];
	int argc = 0;

	memcpy(argv, words, sizeof(argv)); /* main's are not const */
	memset(err, 0, sizeof(*err));
	while (argv[argc])
		argc++;
	return test_words_parse(ret, argc, argv, err);
}

#define REFUSED(sentence, ...)                                     \
	do {                                                       \
		struct test_words w_;                              \
		struct err err_;                                   \
		assert_true(PARSE(&w_, &err_, ##__VA_ARGS__) < 0); \
		assert_string_equal(err_.msg, sentence);           \
		assert_true(err_.input);                           \
	} while (0)

#define TAKEN(ret, ...)                                    \
	do {                                               \
		struct err err_;                           \
		if (PARSE((ret), &err_, ##__VA_ARGS__))    \
			fail_msg("refused: %s", err_.msg); \
	} while (0)

static void command__has_its_own_options(void **state)
{
	struct test_words w;

	(void)state;
	TAKEN(&w, "--kernel", "K", "make", "-k", "--kernel", "--");
	assert_string_equal(w.kernel, "K");
	assert_int_equal(w.command_words, 4);
	assert_string_equal(w.command[0], "make");
	assert_string_equal(w.command[3], "--");
	assert_null(w.command[4]);
	test_words_finish(&w);
	TAKEN(&w, "-kK", "--", "--odd", "x");
	assert_int_equal(w.command_words, 2);
	assert_string_equal(w.command[0], "--odd");
	test_words_finish(&w);
	TAKEN(&w, "-kK");
	assert_null(w.command);
	test_words_finish(&w);
}

static void options__are_kept_as_they_were_given(void **state)
{
	struct test_words w;

	(void)state;
	TAKEN(&w, "-kK", "-c2", "--mem=1G", "--net", "user", "--timeout", "5s",
	      "--rwdir", "a", "--rodir", "/b=/c", "-eA", "--env", "B=1",
	      "--ignore-warnings", "--user", "nobody", "--pwd", "/x");
	assert_int_equal(w.passes, 1);
	assert_string_equal(w.passed[0].option->name, "net");
	assert_string_equal(w.cpus.item[0], "2");
	assert_string_equal(w.mem.item[0], "1G");
	assert_false(test_words_many(&w));
	assert_true(w.net);
	assert_false(w.disk);
	assert_int_equal(w.timeout_ns, 5000000000);
	assert_int_equal(w.boot_timeout_ns, 120000000000);
	assert_int_equal(w.folders, 2);
	assert_true(w.folder[0].rw);
	assert_string_equal(w.folder[0].guest, "a");
	assert_false(w.folder[1].rw);
	assert_string_equal(w.folder[1].dir, "/b");
	assert_string_equal(w.folder[1].guest, "/c");
	assert_int_equal(w.envs, 2);
	assert_true(w.ignore_reports);
	test_words_finish(&w);
}

static void wrong__words_are_named(void **state)
{
	(void)state;
	REFUSED("nothing to boot: give --kernel FILE", "--", "true");
	REFUSED("--root /r: the root is --initrd i already", "-kK", "--root",
		"/r", "--initrd", "i");
	REFUSED("--pwd x: no absolute path", "-kK", "--pwd", "x");
	REFUSED("--timeout soon: not a duration, as in 10s or 500ms", "-kK",
		"--timeout", "soon");
	REFUSED("--rwdir a=b: 'b': its place in the guest is no absolute path",
		"-kK", "--rwdir", "a=b");
	REFUSED("--rodir =/b: a folder needs a name", "-kK", "--rodir", "=/b");
	REFUSED("--fetch a/..: a file or folder, without '..'", "-kK",
		"--fetch", "a/..");
	REFUSED("--fetch //: a file or folder, without '..'", "-kK",
		"--fetch=//");
	REFUSED("--fetch ..a: --out DIR is needed", "-kK", "--fetch=..a");
	REFUSED("--env =x: a variable needs a name", "-kK", "--env", "=x");
	REFUSED("unknown option '--rwdri' (did you mean '--rwdir'?)", "-kK",
		"--rwdri", "a");
}

static void runs__are_many_by_any_word_for_them(void **state)
{
	static const char *const many[][2] = {
		{ "-kL" }, { "-c1", "-c2" }, { "-m1", "-m2" }, { "--repeat=2" },
		{ "-j1" }, { "--junit=f" },  { "--tap" },      { "--json" }
	};
	struct test_words w;

	(void)state;
	for (size_t i = 0; i < sizeof(many) / sizeof(*many); i++) {
		TAKEN(&w, "-kK", "--out=o", many[i][0],
		      many[i][1] ? many[i][1] : "--pwd=/", "true");
		assert_true(test_words_many(&w));
		assert_string_equal(w.kernel, "K");
		test_words_finish(&w);
	}
	REFUSED("--out DIR is needed: what several runs say is kept there",
		"-kK", "--tap", "true");
	REFUSED("several runs need a command", "-kK", "--tap", "--out=o");
	REFUSED("either --tap or --json", "-kK", "--tap", "--json", "true");
	REFUSED("--repeat 0: from 1 to 10000", "-kK", "--repeat=0", "true");
	REFUSED("-j x: not a number", "-kK", "-jx", "true");
}

static void folders__are_bounded(void **state)
{
	(void)state;
	REFUSED("--rwdir f: at most 5 folders", "-kK", "--rwdir", "a",
		"--rwdir", "b", "--rwdir", "c", "--rwdir", "d", "--rwdir", "e",
		"--rwdir", "f");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(command__has_its_own_options),
		cmocka_unit_test(options__are_kept_as_they_were_given),
		cmocka_unit_test(wrong__words_are_named),
		cmocka_unit_test(runs__are_many_by_any_word_for_them),
		cmocka_unit_test(folders__are_bounded),
	};

	return RUN_TESTS(tests);
}
