/* tests/unit/config_words.h - hands words to config_parse(), as main does. */
#ifndef TESTS_UNIT_CONFIG_WORDS_H
#define TESTS_UNIT_CONFIG_WORDS_H

#include <string.h>

#include "tests/unit/test.h"
#include "vmm/config.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

#define WORDS 40

/* The words after `vmm`, "run" among them. */
#define PARSE(ret, err, ...) \
	parse((ret), (err), (const char *const[WORDS]){ "run", ##__VA_ARGS__ })

static inline int parse(struct config *ret, struct err *err,
			const char *const words[WORDS])
{
	char *argv[WORDS];
	int argc = 0;

	memcpy(argv, words, sizeof(argv)); /* main's are not const */
	memset(ret, 0, sizeof(*ret));
	memset(err, 0, sizeof(*err));
	while (argv[argc])
		argc++;
	return config_parse(ret, argc, argv, err);
}

/* "run K", and then @word @count times. */
static inline int parse_repeated(struct config *ret, struct err *err,
				 const char *word, size_t count)
{
	const char *words[WORDS] = { "run", "K" };

	for (size_t i = 0; i < count; i++)
		words[2 + i] = word;
	return parse(ret, err, words);
}

/* These words must be refused with this sentence, as the user's mistake. */
#define REFUSED(sentence, ...)                                     \
	do {                                                       \
		struct config c_;                                  \
		struct err err_;                                   \
		assert_true(PARSE(&c_, &err_, ##__VA_ARGS__) < 0); \
		assert_string_equal(err_.msg, sentence);           \
		assert_true(err_.input);                           \
	} while (0)

#define TAKEN(ret, ...)                                    \
	do {                                               \
		struct err err_;                           \
		if (PARSE((ret), &err_, ##__VA_ARGS__))    \
			fail_msg("refused: %s", err_.msg); \
	} while (0)

#endif
