/* vmm/run_signals.c - the signals of a run. */
#include "vmm/run_signals.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>

#include "base/cleanup.h"
#include "base/signal_fd.h"
#include "vmm/machine/machine.h"

/* An ignored signal (nohup, a shell's background job) stays ignored: blocked,
 * it would be queued all the same. */
static void list_ending_signals(sigset_t *ret)
{
	static const int ending[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT };
	struct sigaction act;

	(void)sigemptyset(ret);
	for (size_t i = 0; i < sizeof(ending) / sizeof(*ending); i++)
		if (sigaction(ending[i], NULL, &act) == 0 &&
		    act.sa_handler != SIG_IGN)
			(void)sigaddset(ret, ending[i]);
}

int run_signals_catch(struct run_signals *signals, struct err *err)
{
	sigset_t ending, terminal;

	list_ending_signals(&ending);
	(void)sigemptyset(&terminal);
	(void)sigaddset(&terminal, SIGCONT);
	(void)sigaddset(&terminal, SIGWINCH);
	errno = pthread_sigmask(SIG_BLOCK, &ending, NULL);
	if (errno == 0)
		errno = pthread_sigmask(SIG_BLOCK, &terminal, NULL);
	if (errno)
		return err_sys(err, "signal mask");
	/* A reader of our output that leaves is an EPIPE, not the end. */
	(void)signal(SIGPIPE, SIG_IGN);
	/* A disk beyond ulimit -f is an EFBIG, and the guest's I/O error. */
	(void)signal(SIGXFSZ, SIG_IGN);

	signals->ending.fd = signalfd(-1, &ending, SFD_CLOEXEC | SFD_NONBLOCK);
	signals->terminal.fd = signalfd(-1, &terminal,
					SFD_CLOEXEC | SFD_NONBLOCK);
	return signals->ending.fd >= 0 && signals->terminal.fd >= 0
		     ? 0
		     : err_sys(err, "signalfd");
}

void run_signals_take(struct run_signals *signals)
{
	struct machine *machine = signals->machine;
	const int signal = signal_fd_take(signals->ending.fd);

	if (signal == 0)
		return;
	/* If two come at once, the first is the status. */
	if (machine->signal == 0)
		machine->signal = signal;
	machine_end(machine, OUTCOME_SIGNAL);
}

static void ending_signal_ready(struct loop_watch *watch, uint32_t events)
{
	(void)events;
	run_signals_take(container_of(watch, struct run_signals, ending));
}

static void terminal_signal_ready(struct loop_watch *watch, uint32_t events)
{
	const struct run_signals *signals = container_of(
		watch, struct run_signals, terminal);
	const int signal = signal_fd_take(watch->fd);
	const struct config_attendant *with =
		&signals->machine->config->attendant;

	(void)events;
	/* A shell that saw us stopped has changed the terminal. */
	if (signal == SIGCONT)
		tty_continued(signals->machine->tty);
	else if (signal == SIGWINCH)
		tty_window_changed(signals->machine->tty);
	if (signal != 0 && with->terminal)
		with->terminal(with->ctx, signal);
}

int run_signals_watch(struct run_signals *signals, struct machine *machine,
		      struct err *err)
{
	int r;

	signals->ending.ready = ending_signal_ready;
	signals->terminal.ready = terminal_signal_ready;
	r = loop_add(machine->loop, &signals->ending, EPOLLIN, err);
	if (r < 0)
		return r;
	r = loop_add(machine->loop, &signals->terminal, EPOLLIN, err);
	if (r < 0) {
		loop_remove(machine->loop, &signals->ending);
		return r;
	}
	signals->machine = machine;
	return 0;
}

void run_signals_unwatch(struct run_signals *signals)
{
	struct loop *loop;

	if (!signals->machine)
		return;
	loop = signals->machine->loop;
	loop_remove(loop, &signals->ending);
	loop_remove(loop, &signals->terminal);
	signals->machine = NULL;
}

void run_signals_finish(struct run_signals *signals)
{
	fd_closep(&signals->terminal.fd);
	fd_closep(&signals->ending.fd);
}
