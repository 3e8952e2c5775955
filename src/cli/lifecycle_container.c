/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the first process of a container does besides `mailherd up`: it
 * makes the instance when the volume has none, throws away what a
 * container before it left in the run directory, and makes /etc/resolv.conf
 * name our resolver, which in a container is for all programs or for none.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "cli/lifecycle.h"
#include "cli/setup.h"
#include "model/instance.h"
#include "supervise/mounts.h"

#define RESOLV_CONF "/etc/resolv.conf"
#define RESOLV_CONF_MAX 65536
#define FIRST_START_FILE "first-start"

NORETURN static void
end_on_signal(int number)
{
	_exit(128 + number);
}

/* The kernel passes no signal on to a first process that has no handler. */
static void
end_by_signals(void)
{
	struct sigaction action = { .sa_handler = end_on_signal };

	(void)sigaction(SIGTERM, &action, NULL); /* a valid call */
	(void)sigaction(SIGINT, &action, NULL);
}

static int
check_first(struct err *err)
{
	if (getpid() == 1)
		return 0;
	(void)err_field(err, ERR_INVALID, "container",
		"--container is for the first process of a container, and this is process %d",
		(int)getpid());
	return err_remedy(err,
		"leave out --container, or the --init of the container engine");
}

/*
 * The file stands as long as the first setup has not come to its end, so
 * that a container that was killed in it is no half instance for ever.
 */
static int
set_up_once(struct command_call *call)
{
	const char *path = arena_printf(
		call->arena, "%s/" FIRST_START_FILE, call->paths.state);
	struct err err = { 0 };
	int status;

	if (fs_exists(call->paths.config) && !fs_exists(path))
		return 0;
	if (fs_make_directory(call->paths.state, 0755, 0, 0, &err) == -1 ||
		fs_write_atomic(
			path, "", 0, 0600, (uid_t)-1, (gid_t)-1, &err) == -1)
		return command_fail(call, &err);
	status = setup_from_environment(call);
	if (status == 0 && unlink(path) == -1) {
		(void)err_errno(&err, errno, "removing %s", path);
		return command_fail(call, &err);
	}
	return status;
}

int
lifecycle_container_begin(struct command_call *call)
{
	struct err err = { 0 };

	if (check_first(&err) == -1)
		return command_fail(call, &err);
	end_by_signals();
	/* Nobody who used it lives any more: they were in other containers. */
	if (fs_exists(call->paths.run) &&
		fs_remove_tree(call->paths.run, &err) == -1)
		return command_fail(call, &err);
	return set_up_once(call);
}

/* In place: container engines mount the file, so it can not be replaced. */
static int
overwrite(const char *path, struct span text, struct err *err)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	ssize_t written;

	if (fd == -1)
		return err_errno(err, errno, "opening %s", path);
	written = write(fd, text.data, text.length);
	if (written != (ssize_t)text.length)
		(void)err_errno(err, errno, "writing %s", path);
	close(fd);
	return written == (ssize_t)text.length ? 0 : -1;
}

static int
name_resolver(const struct command_call *call, struct err *err)
{
	const char *ours = arena_printf(
		call->arena, "%s/unbound/resolv.conf", call->paths.rendered);
	struct strbuf text;
	int result;

	if (mounts_in_place(arena_printf(call->arena, "%s " RESOLV_CONF, ours)))
		return 0;
	strbuf_init(&text, RESOLV_CONF_MAX);
	result = fs_read(ours, RESOLV_CONF_MAX, &text, err);
	if (result == 0)
		result = overwrite(RESOLV_CONF, strbuf_span(&text), err);
	strbuf_deinit(&text);
	return result;
}

void
lifecycle_container_resolver(const struct command_call *call)
{
	struct instance instance;
	struct err err = { 0 };

	if (name_resolver(call, &err) == 0 ||
		instance_load(&call->paths, call->arena, &instance, NULL) == -1)
		return;
	fprintf(stderr,
		"mailherd: " RESOLV_CONF
		" does not name mailherd's own resolver, so mail is sent without DANE: %s\n"
		"    remedy: start the container with --dns %s --dns-search . --dns-opt edns0 --dns-opt trust-ad --dns-opt timeout:5 --dns-opt attempts:2\n",
		err.text, instance.resolver_address);
}
