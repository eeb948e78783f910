/* host/tty_key.c - what a key typed at the console means: Ctrl-a. */
#include "host/tty_key.h"

#define CTRL_A 0x01

enum tty_key tty_key(bool *escape, uint8_t *byte)
{
	if (!*escape) {
		*escape = *byte == CTRL_A;
		return *escape ? TTY_KEY_NONE : TTY_KEY_BYTE;
	}

	*escape = false;
	switch (*byte) {
	case 'x':
		return TTY_KEY_QUIT;
	case 'b':
		return TTY_KEY_BREAK;
	case 'h':
		return TTY_KEY_HELP;
	case 'a':
	case CTRL_A:
		*byte = CTRL_A;
		return TTY_KEY_BYTE;
	default:
		return TTY_KEY_NONE;
	}
}
