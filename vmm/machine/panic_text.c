/* vmm/machine/panic_text.c - finds a panic in what a console says. */
#include "vmm/machine/panic_text.h"

/* The first byte of a word is nowhere else in it: where a word does not go on,
 * it can only begin. */
static const struct {
	const char *word;
	enum panic_said after, said; /* @said, once @after was */
} words[PANIC_TEXT_WORDS] = {
	{ "Kernel panic - not syncing", PANIC_SAID_NOTHING, PANIC_SAID_BEGIN },
	{ "[ end Kernel panic", PANIC_SAID_NOTHING, PANIC_SAID_ALL },
	{ "Rebooting in ", PANIC_SAID_BEGIN, PANIC_SAID_ALL },
};

static void read_byte(struct panic_text *text, char c)
{
	for (size_t i = 0; i < PANIC_TEXT_WORDS; i++) {
		const char *word = words[i].word;

		if (c == word[text->at[i]])
			text->at[i]++;
		else
			text->at[i] = c == word[0];
		if (word[text->at[i]])
			continue;
		text->at[i] = 0;
		if (text->said >= words[i].after && text->said < words[i].said)
			text->said = words[i].said;
	}
}

enum panic_said panic_text_read(struct panic_text *text, const uint8_t *buf,
				size_t len)
{
	for (size_t i = 0; i < len; i++)
		read_byte(text, (char)buf[i]);
	return text->said;
}
