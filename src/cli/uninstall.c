/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd uninstall: takes back what `up` did, in an order that can be
 * begun again: stop, Debian's units, main.cf, marks of packages, with
 * --purge the data, last of all our own package. Lists of what `up` did
 * stand below the state directory (masked-units, installed-packages).
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "cli/confirm.h"
#include "cli/suite.h"
#include "cli/upgrade_guard.h"
#include "cli/upgrade_package.h"
#include "io/child.h"
#include "supervise/s6.h"

#define MASKED_UNITS "masked-units"
#define INSTALLED_PACKAGES "installed-packages"
#define LIST_SIZE_MAX (64 * 1024)
#define LIST_ENTRIES_MAX 128
#define UNIT_DIRECTORY "/etc/systemd/system"
#define SYSTEMCTL "/usr/bin/systemctl"
#define APT_MARK "/usr/bin/apt-mark"
#define SHELL "/bin/sh"
#define HOST_MAIN_CF "/etc/postfix/main.cf"
#define HOST_MAIN_CF_OURS "# mailherd"
#define HOST_MAIN_CF_BEFORE "host-main.cf.before"
#define MAIN_CF_MAX (1024 * 1024)
#define CONFIGURATION "/etc/mailherd"
/* Of ./up, and of the package where there is no systemd. */
#define UP_LOG "/var/log/mailherd-up.log"
#define UPGRADE_LOG "/var/log/mailherd-upgrade.log"
#define APT_DEADLINE_MS 60000
#define TOOL_DEADLINE_MS 120000
#define DOWN_DEADLINE_MS 120000
#define OUTPUT_MAX 16384
#define DEPTH_MAX 32
#define MIB (1024 * 1024)

/* Words of a file, one a line; NULL-ended. */
struct list {
	const char *entries[LIST_ENTRIES_MAX + 1];
	size_t count;
};

struct uninstall {
	struct command_call *call;
	bool purge;
	struct list units;
	struct list packages;
};

/* What would go with the data. */
struct measure {
	uint64_t bytes;
	size_t mailboxes;
};

/* Names that a shell script wrote: nothing that leads out of a directory. */
static bool
is_name(const char *text)
{
	static const char HARMLESS[] = "abcdefghijklmnopqrstuvwxyz"
				       "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				       "0123456789.+@_:-";

	return text[0] != '\0' && text[0] != '-' && text[0] != '.' &&
	       strspn(text, HARMLESS) == strlen(text);
}

/* A list that is not there is empty: `up` had nothing to note. */
static int
read_list(const struct command_call *call, const char *name, struct list *out,
	struct err *err)
{
	char path[PATHS_MAX + 32];
	struct err cause = { 0 };
	struct strbuf text;
	struct span rest, line;
	int result;

	(void)snprintf(path, sizeof(path), "%s/%s", call->paths.state, name);
	strbuf_init(&text, LIST_SIZE_MAX);
	result = fs_read(path, LIST_SIZE_MAX, &text, &cause);
	rest = strbuf_span(&text);
	while (result == 0 && span_split(&rest, '\n', &line)) {
		const char *entry =
			arena_strndup(call->arena, line.data, line.length);

		if (is_name(entry) && out->count < LIST_ENTRIES_MAX)
			out->entries[out->count++] = entry;
	}
	strbuf_deinit(&text);
	if (result == 0 || cause.code == ERR_NOT_FOUND)
		return 0;
	*err = cause;
	return -1;
}

/* argv with the list behind it; what the program said becomes the error. */
static int
run_tool(const char *const *words, const struct list *list, struct err *err)
{
	const char *argv[LIST_ENTRIES_MAX + 16] = { NULL };
	struct child_spec spec = { .argv = argv,
		.output_max = OUTPUT_MAX,
		.deadline_ms = TOOL_DEADLINE_MS };
	char what[128];
	size_t count = 0;

	while (words[count] != NULL) {
		argv[count] = words[count];
		count++;
	}
	for (size_t i = 0; list != NULL && i < list->count; i++)
		argv[count++] = list->entries[i];
	(void)snprintf(what, sizeof(what), "%s %s", words[0], words[1]);
	return child_succeed(&spec, what, NULL, err);
}

static void
measure_tree(const char *path, int depth, struct measure *measure)
{
	DIR *directory = opendir(path);
	struct dirent *entry;

	if (directory == NULL)
		return;
	while ((entry = readdir(directory)) != NULL) {
		char below[PATH_MAX];
		struct stat st;

		if (strcmp(entry->d_name, ".") == 0 ||
			strcmp(entry->d_name, "..") == 0)
			continue;
		(void)snprintf(
			below, sizeof(below), "%s/%s", path, entry->d_name);
		if (lstat(below, &st) == -1)
			continue;
		measure->bytes += (uint64_t)st.st_blocks * 512;
		/* vmail/<2 hex>/<32 hex> */
		measure->mailboxes += S_ISDIR(st.st_mode) && depth == 1 &&
				      strlen(entry->d_name) == 32;
		if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
			measure_tree(below, depth + 1, measure);
	}
	(void)closedir(directory);
}

static int
ask_about_data(const struct uninstall *uninstall, struct err *err)
{
	const struct paths *paths = &uninstall->call->paths;
	struct measure mail = { 0 }, all = { 0 };

	if (!uninstall->purge)
		return 0;
	measure_tree(paths->vmail, 0, &mail);
	measure_tree(paths->state, DEPTH_MAX / 2, &all);
	return confirm(uninstall->call, err,
		"Removed for ever: %zu mailboxes that hold mail (%llu MiB), the queue, all domains, aliases and passwords, DKIM keys, logs and configuration: %llu MiB below %s, %s and %s.",
		mail.mailboxes, (unsigned long long)(mail.bytes / MIB),
		(unsigned long long)(all.bytes / MIB), paths->state,
		paths->logs, CONFIGURATION);
}

static int
stop(struct uninstall *uninstall, struct err *err)
{
	const struct command_call *call = uninstall->call;
	int status = 0;

	if (suite_is_systemds(call)) {
		if (suite_systemctl("stop", NULL, &status, err) == -1 ||
			suite_systemctl("disable", NULL, &status, err) == -1)
			return -1;
		return 0;
	}
	if (!s6_scan_running(call->paths.services))
		return 0;
	return suite_ask(call, "down", NULL, DOWN_DEADLINE_MS, NULL, err);
}

/* Only a mask: whatever else is there now is somebody's decision. */
static int
remove_mask(const char *unit, struct err *err)
{
	char path[PATH_MAX], target[32];
	ssize_t length;

	(void)snprintf(path, sizeof(path), UNIT_DIRECTORY "/%s", unit);
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0)
		return 0;
	target[length] = '\0';
	if (strcmp(target, "/dev/null") != 0 || unlink(path) == 0)
		return 0;
	return err_errno(err, errno, "removing %s", path);
}

/*
 * The units of packages that came with us. A unit that is free again would
 * start at the next boot, so it is disabled: nobody asked for it.
 */
static int
free_units(struct uninstall *uninstall, struct err *err)
{
	static const char *const RELOAD[] = { SYSTEMCTL, "daemon-reload",
		NULL };
	static const char *const DISABLE[] = { SYSTEMCTL, "disable", "--quiet",
		NULL };
	struct err ignored;

	for (size_t i = 0; i < uninstall->units.count; i++) {
		if (remove_mask(uninstall->units.entries[i], err) == -1)
			return -1;
	}
	if (uninstall->units.count == 0 || !suite_is_systemds(uninstall->call))
		return 0;
	if (run_tool(RELOAD, NULL, err) == -1)
		return -1;
	for (size_t i = 0; i < uninstall->units.count; i++) {
		struct list one = { { uninstall->units.entries[i] }, 1 };

		/* Its package may be gone, or it can not be enabled at all. */
		(void)(run_tool(DISABLE, &one, &ignored) == -1);
	}
	return 0;
}

static int
give_main_cf_back(struct uninstall *uninstall, struct err *err)
{
	char before[PATHS_MAX + 32];
	struct err cause = { 0 };
	struct strbuf text;
	bool ours;
	int result = 0;

	(void)snprintf(before, sizeof(before), "%s/" HOST_MAIN_CF_BEFORE,
		uninstall->call->paths.state);
	strbuf_init(&text, MAIN_CF_MAX);
	ours = fs_read(HOST_MAIN_CF, MAIN_CF_MAX, &text, &cause) == 0 &&
	       strncmp(text.data, HOST_MAIN_CF_OURS,
		       strlen(HOST_MAIN_CF_OURS)) == 0;
	if (ours && fs_read(before, MAIN_CF_MAX, &text, &cause) == 0)
		result = fs_write_atomic(
			HOST_MAIN_CF, text.data, text.length, 0644, 0, 0, err);
	else if (ours && unlink(HOST_MAIN_CF) == -1)
		result = err_errno(err, errno, "removing " HOST_MAIN_CF);
	strbuf_deinit(&text);
	return result;
}

static int
mark_packages(struct uninstall *uninstall, struct err *err)
{
	static const char *const AUTO[] = { APT_MARK, "auto", NULL };

	if (uninstall->packages.count == 0)
		return 0;
	return run_tool(AUTO, &uninstall->packages, err);
}

static int
remove_data(struct uninstall *uninstall, struct err *err)
{
	const struct paths *paths = &uninstall->call->paths;
	const char *const trees[] = { paths->run, paths->logs, paths->state,
		CONFIGURATION, UP_LOG, UPGRADE_LOG };
	const char *users = arena_printf(
		uninstall->call->arena, "%s/users.sh", paths->share);
	const char *const remove_users[] = { SHELL, users, "--remove", NULL };

	if (!uninstall->purge)
		return 0;
	for (size_t i = 0; i < ARRAY_LENGTH(trees); i++) {
		if (fs_remove_tree(trees[i], err) == -1 &&
			err->code != ERR_NOT_FOUND)
			return -1;
	}
	return run_tool(remove_users, NULL, err);
}

static int
remove_package(struct uninstall *uninstall, struct err *err)
{
	return upgrade_package_remove(uninstall->purge, APT_DEADLINE_MS, err);
}

static const struct {
	const char *text;
	int (*run)(struct uninstall *uninstall, struct err *err);
} STEPS[] = {
	{ "stopping", stop },
	{ "giving Debian's units back", free_units },
	{ "giving " HOST_MAIN_CF " back", give_main_cf_back },
	{ "marking packages as no longer needed", mark_packages },
	{ NULL, remove_data },
	{ "removing the package", remove_package },
};

static void
print_json(const struct uninstall *uninstall)
{
	json_t *packages = json_array();
	json_t *report;

	for (size_t i = 0; i < uninstall->packages.count; i++)
		BUG_ON(json_array_append_new(packages,
			       json_string(uninstall->packages.entries[i])) !=
			0);
	report = json_pack("{s:s, s:b, s:o}", "state", "removed", "purged",
		uninstall->purge, "packages", packages);
	BUG_ON(report == NULL);
	json_dumpf(report, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(report);
}

static void
print_text(const struct uninstall *uninstall)
{
	puts("mailherd is removed.");
	if (!uninstall->purge)
		printf("Data stays in %s, configuration in %s; ./up finds both again.\n",
			uninstall->call->paths.state, CONFIGURATION);
	if (uninstall->packages.count > 0)
		puts("Packages that ./up installed stay until: apt autoremove");
}

static int
run_steps(struct uninstall *uninstall, struct err *err)
{
	for (size_t i = 0; i < ARRAY_LENGTH(STEPS); i++) {
		if (!uninstall->call->json && STEPS[i].text != NULL) {
			puts(STEPS[i].text);
			(void)fflush(stdout);
		}
		if (STEPS[i].run(uninstall, err) == -1)
			return -1;
	}
	return 0;
}

static int
run_uninstall(struct command_call *call)
{
	struct uninstall uninstall = { .call = call,
		.purge = command_option(call, "purge") != NULL };
	struct err err = { 0 };

	if (!upgrade_package_is_used(&call->paths)) {
		(void)err_set(&err, ERR_INVALID,
			"this instance does not run from the installed Debian package");
		return command_fail(call, &err);
	}
	if (upgrade_guard_start(&call->paths, 0, &err) == -1 ||
		upgrade_package_wait(APT_DEADLINE_MS, &err) == -1 ||
		read_list(call, MASKED_UNITS, &uninstall.units, &err) == -1 ||
		read_list(call, INSTALLED_PACKAGES, &uninstall.packages,
			&err) == -1 ||
		ask_about_data(&uninstall, &err) == -1 ||
		run_steps(&uninstall, &err) == -1)
		return command_fail(call, &err);
	if (call->json)
		print_json(&uninstall);
	else
		print_text(&uninstall);
	return 0;
}

static const struct command_option UNINSTALL_OPTIONS[] = {
	{ .name = "purge",
		.sentence =
			"Remove mail, databases, keys, logs, configuration and users, too" },
	{ .name = "yes", .sentence = "Do not ask before data is removed" },
	{ .name = NULL },
};

const struct command uninstall_commands[] = {
	{ .name = "uninstall",
		.usage = "",
		.summary = "Remove mailherd from this machine",
		.privilege = COMMAND_ROOT,
		.run = run_uninstall,
		.options = UNINSTALL_OPTIONS,
		.description =
			"Stops the suite, gives back what ./up took (Debian's units, /etc/postfix/main.cf), marks the packages that it installed as no longer needed and removes the package. Mail and settings stay, unless --purge says otherwise. Units of Debian's packages that came with mailherd do not start by themselves afterwards." },
	{ .name = NULL },
};
