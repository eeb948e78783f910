/* vmm/control/console_command.c - hands the guest's console to a client. */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "host/tty.h"
#include "host/tty_relay.h"
#include "vmm/control/commands.h"
#include "vmm/control/control.h"
#include "vmm/control/qmp.h"
#include "vmm/machine/machine.h"

static void attach_client(void *ctx, int fd, unsigned how)
{
	struct control *control = ctx;
	struct err err = { 0 };

	if (tty_relay_attach(control->machine->relay, fd, how, &err) < 0)
		log_warn("a client cannot have the console: %s", err.msg);
}

/* The relay of a guest whose console is a client's; NULL: @err says why. */
static struct tty_relay *find_relay(struct qmp_call *call, struct err *err)
{
	const struct control *control = call->ctx;

	if (!control->machine->relay) {
		call->class = QMP_DEVICE_NOT_ACTIVE;
		(void)err_set(err, -ENODEV,
			      "the console is not to be had: it was not "
			      "started with --terminal socket");
	}
	return control->machine->relay;
}

/* Reads the size that a client tells. Zeroes: it tells none. */
static int read_size(const struct qmp_call *call, struct tty_size *ret,
		     struct err *err)
{
	const json_int_t columns = qmp_arg_int(call, "columns", 0);
	const json_int_t rows = qmp_arg_int(call, "rows", 0);

	if (columns < 0 || columns > UINT16_MAX || rows < 0 ||
	    rows > UINT16_MAX)
		return err_set(err, -ERANGE,
			       "columns and rows are from 0 to %d", UINT16_MAX);
	*ret = (struct tty_size){ (uint16_t)columns, (uint16_t)rows };
	return 0;
}

int command_x_vmm_console_attach(struct qmp_call *call, struct err *err)
{
	const struct control *control = call->ctx;
	const struct tty_relay *relay = find_relay(call, err);
	struct tty_size size;
	int r;

	if (!relay)
		return err->code;
	r = read_size(call, &size, err);
	if (r < 0)
		return r;
	if (tty_relay_taken(relay) && !qmp_arg_bool(call, "force", false))
		return err_set(err, -EBUSY, "another client has the console");
	if (!tty_size_equal(size, (struct tty_size){ 0 }))
		tty_set_size(control->machine->tty, size);
	if (qmp_arg_bool(call, "keys", false))
		call->how |= TTY_RELAY_KEYS;
	if (qmp_arg_bool(call, "once", false))
		call->how |= TTY_RELAY_ONCE;
	call->take_over = attach_client;
	return 0;
}

int command_x_vmm_console_resize(struct qmp_call *call, struct err *err)
{
	const struct control *control = call->ctx;
	struct tty_size size = { 0 };
	int r;

	if (!find_relay(call, err))
		return err->code;
	r = read_size(call, &size, err);
	if (r == 0)
		tty_set_size(control->machine->tty, size);
	return r;
}

/* A client may have another folder than this process. */
static int find_absolute(const char *path, char ret[PATH_MAX], struct err *err)
{
	size_t len = 0;

	if (*path != '/') {
		if (!getcwd(ret, PATH_MAX))
			return err_sys(err,
				       "the folder of the virtual machine");
		len = strlen(ret);
		ret[len++] = '/';
	}
	if (strlen(path) >= PATH_MAX - len)
		return err_set(err, -ENAMETOOLONG, "%s: %s", path,
			       strerrordesc_np(ENAMETOOLONG));
	memcpy(ret + len, path, strlen(path) + 1);
	return 0;
}

int command_x_vmm_query_console_log(struct qmp_call *call, struct err *err)
{
	const struct control *control = call->ctx;
	const char *path = control->machine->config->console_log.path;
	char file[PATH_MAX];
	int r;

	if (!path)
		return err_set(err, -ENOENT,
			       "the console is not kept: it was not started "
			       "with --console-log");
	r = find_absolute(path, file, err);
	if (r == 0)
		call->ret = json_pack("{s:o}", "file", qmp_string(file));
	return r;
}
