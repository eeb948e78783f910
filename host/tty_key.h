/* host/tty_key.h - what a key typed at the console means: Ctrl-a. */
#ifndef HOST_TTY_KEY_H
#define HOST_TTY_KEY_H

#include <stdbool.h>
#include <stdint.h>

enum tty_key {
	TTY_KEY_BYTE, /* is for the guest */
	TTY_KEY_NONE, /* is nothing by itself, or nothing at all */
	TTY_KEY_QUIT,
	TTY_KEY_BREAK,
	TTY_KEY_HELP,
};

/* Text of TTY_KEY_HELP, for a terminal in raw mode. */
#define TTY_KEY_HELP_TEXT                         \
	"\r\n"                                    \
	"Ctrl-a x       leave\r\n"                \
	"Ctrl-a b       send a break (SysRq)\r\n" \
	"Ctrl-a Ctrl-a  send Ctrl-a\r\n"          \
	"Ctrl-a h       show this list\r\n"

/*
 * Tells what the next byte typed is.
 *
 * @escape: the state between bytes; false at first
 * @byte:   in: what was typed; out: what the guest gets, for TTY_KEY_BYTE
 */
enum tty_key tty_key(bool *escape, uint8_t *byte);

#endif
