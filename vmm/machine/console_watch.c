/* vmm/machine/console_watch.c - what a console says, kept and read. */
#include "vmm/machine/console_watch.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "host/tty_log.h"

/* What a kernel that panics is given to say all. */
#define PANIC_NS (2 * NS_PER_SECOND)

static void read_panic(struct console_watch *watch, const uint8_t *buf,
		       size_t len)
{
	enum panic_said was, said;
	GUARD(&watch->lock);

	was = watch->text.said;
	said = panic_text_read(&watch->text, buf, len);
	if (said == was)
		return;
	__atomic_store_n(&watch->begun, 1, __ATOMIC_RELEASE);
	if (said == PANIC_SAID_ALL)
		watch->panicked(watch->ctx);
	else
		loop_timer_set(&watch->late, PANIC_NS);
}

static void see_output(void *ctx, const uint8_t *buf, size_t len)
{
	struct console_watch *watch = ctx;

	if (watch->log)
		tty_log_write(watch->log, buf, len);
	if (watch->panicked)
		read_panic(watch, buf, len);
}

static void panic_is_late(struct loop_timer *timer)
{
	struct console_watch *watch = container_of(timer, struct console_watch,
						   late);

	watch->panicked(watch->ctx);
}

int console_watch_begin(struct console_watch *watch,
			const struct config *config, struct loop *loop,
			struct tty *tty, struct err *err)
{
	const struct console_log_spec *log = &config->console_log;
	int r = 0;

	if (!config->on_panic.word)
		watch->panicked = NULL;
	if (!watch->panicked && !log->path)
		return 0;
	(void)pthread_mutex_init(&watch->lock, NULL);
	watch->loop = loop;
	if (watch->panicked) {
		watch->late.lock = &watch->lock;
		watch->late.expired = panic_is_late;
		r = loop_timer_add(loop, &watch->late, err);
		if (r < 0)
			watch->panicked = NULL;
	}
	if (r == 0 && log->path) {
		r = tty_log_open(&watch->log, log->path, log->max, err);
		if (r < 0)
			(void)err_wrap(err, "--console-log");
	}
	if (r == 0)
		tty_observe(tty, see_output, watch);
	return r;
}

void console_watch_end(struct console_watch *watch)
{
	if (!watch->loop)
		return;
	if (watch->panicked)
		loop_timer_remove(watch->loop, &watch->late);
	watch->log = tty_log_close(watch->log);
	(void)pthread_mutex_destroy(&watch->lock);
	watch->loop = NULL;
}

bool console_watch_panics(const struct console_watch *watch)
{
	return __atomic_load_n(&watch->begun, __ATOMIC_ACQUIRE) != 0;
}

void console_watch_forget(struct console_watch *watch)
{
	if (!watch->loop || !watch->panicked)
		return;
	GUARD(&watch->lock);
	watch->text = (struct panic_text){ 0 };
	__atomic_store_n(&watch->begun, 0, __ATOMIC_RELEASE);
	loop_timer_cancel(&watch->late);
}
