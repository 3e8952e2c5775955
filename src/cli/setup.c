/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * `mailherd setup`: makes an instance, or adds what one lacks. The
 * configuration it would have is written to a directory of its own and
 * judged there with the machine (setup_check.h); only then is anything
 * changed. In the order of what needs what: configuration, directories,
 * secrets, databases, certificate, first domain.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json_write.h"
#include "cli/command.h"
#include "cli/setup.h"
#include "cli/setup_certificate.h"
#include "cli/setup_check.h"
#include "cli/setup_data.h"
#include "cli/setup_environment.h"
#include "model/address.h"
#include "model/instance.h"

#define PAIRS_MAX 128
#define DRAFT_DIRECTORY "/tmp/mailherd-setup-XXXXXX"
#define TIMEZONE_FILE "/etc/timezone"
#define TIMEZONE_DEFAULT "Etc/UTC"

struct setup {
	struct command_call *call;
	const char *pairs[2 * PAIRS_MAX + 2]; /* key, value; NULL-ended */
	size_t pair_count;
	bool exists; /* mailherd.conf is there */
	struct instance instance; /* as it will be */
	char domain[DOMAIN_MAX]; /* "" for none */
	bool configuration_changed;
	bool secrets_made;
	bool certificate_made;
	bool domain_added;
};

static const struct command_option SETUP_OPTIONS[] = {
	{ "hostname", "NAME", "Full name of this mail host" },
	{ "domain", "DOMAIN", "First mail domain" },
	{ "profile", "PROFILE",
		"lite, standard or full; default: as memory allows" },
	{ "tz", "ZONE", "Time zone of the services; default: the machine's" },
	{ "forwarder", "ADDRESS", "Resolver to ask instead of the root servers",
		true },
	{ "listen", "NAME=ADDRESS:PORT",
		"Where a public port listens; NAME=PORT, NAME=off", true },
	{ "ipv6", "yes|no", "Whether IPv6 is used" },
	{ .name = NULL },
};

static int
add_pair(struct setup *setup, const char *key, const char *value,
	struct err *err)
{
	if (setup->pair_count >= PAIRS_MAX)
		return err_set(err, ERR_TOO_BIG, "too many options");
	setup->pairs[2 * setup->pair_count] = key;
	setup->pairs[2 * setup->pair_count + 1] = value;
	setup->pair_count++;
	return 0;
}

/* The machine's own time zone, when it has a name. */
static const char *
machine_timezone(struct arena *arena)
{
	struct strbuf text;
	const char *zone = TIMEZONE_DEFAULT;

	strbuf_init(&text, 128);
	if (fs_read(TIMEZONE_FILE, 127, &text, NULL) == 0 &&
		strcspn(text.data, "\n") > 0)
		zone = arena_strndup(
			arena, text.data, strcspn(text.data, "\n"));
	strbuf_deinit(&text);
	return zone;
}

/* What a new instance gets when nobody said otherwise. */
static int
propose(struct setup *setup, struct err *err)
{
	struct command_call *call = setup->call;

	if (command_option(call, "profile") == NULL &&
		add_pair(setup, "profile",
			instance_profile_name(
				setup_check_profile(setup_check_memory_mib())),
			err) == -1)
		return -1;
	if (command_option(call, "tz") == NULL &&
		add_pair(setup, "timezone", machine_timezone(call->arena),
			err) == -1)
		return -1;
	if (command_option(call, "ipv6") == NULL && !setup_check_ipv6())
		return add_pair(setup, "ipv6", "no", err);
	return 0;
}

static bool
is_port_name(const char *text, size_t length)
{
	for (int port = 0; port < PORT_COUNT; port++) {
		const char *name = instance_port_name(port);

		if (strlen(name) == length && strncmp(name, text, length) == 0)
			return true;
	}
	return false;
}

/* imap=192.0.2.1:143 imap=[2001:db8::1]:143 are two addresses of one key. */
static int
add_listen(struct setup *setup, const char *text, struct err *err)
{
	const char *equals = strchr(text, '=');
	const char *key;

	if (equals == NULL || equals == text) {
		(void)err_field(err, ERR_INVALID, "listen",
			"--listen %s is not NAME=ADDRESS:PORT", text);
		return err_remedy(err, "for example: --listen http=*:8080");
	}
	if (!is_port_name(text, (size_t)(equals - text))) {
		(void)err_field(err, ERR_INVALID, "listen",
			"--listen %s does not begin with a public port's name",
			text);
		return err_remedy(err,
			"use smtp, submission, submissions, imap, imaps, pop3, pop3s, sieve, http or https");
	}
	key = arena_printf(
		setup->call->arena, "listen.%.*s", (int)(equals - text), text);
	for (size_t i = 0; i < setup->pair_count; i++) {
		if (strcmp(setup->pairs[2 * i], key) != 0)
			continue;
		setup->pairs[2 * i + 1] = arena_printf(setup->call->arena,
			"%s %s", setup->pairs[2 * i + 1], equals + 1);
		return 0;
	}
	return add_pair(setup, key, equals + 1, err);
}

static int
read_options(struct setup *setup, struct err *err)
{
	static const struct {
		const char *option;
		const char *key;
	} SIMPLE[] = { { "hostname", "hostname" }, { "profile", "profile" },
		{ "tz", "timezone" }, { "ipv6", "ipv6" } };
	struct command_call *call = setup->call;
	const char *value;
	size_t cursor = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(SIMPLE); i++) {
		value = command_option(call, SIMPLE[i].option);
		if (value != NULL &&
			add_pair(setup, SIMPLE[i].key, value, err) == -1)
			return -1;
	}
	while ((value = command_option_next(call, "forwarder", &cursor)) !=
		NULL) {
		if (add_pair(setup, "forwarders", value, err) == -1)
			return -1;
	}
	cursor = 0;
	while ((value = command_option_next(call, "listen", &cursor)) != NULL) {
		if (add_listen(setup, value, err) == -1)
			return -1;
	}
	if (!setup->exists && command_option(call, "hostname") == NULL) {
		(void)err_field(err, ERR_INVALID, "hostname",
			"the host name is missing");
		return err_remedy(err, "give --hostname mail.example.org");
	}
	return setup->exists ? 0 : propose(setup, err);
}

/* Copies the present configuration, so that the draft starts from it. */
static int
copy_configuration(
	const struct paths *from, const struct paths *to, struct err *err)
{
	struct strbuf text;
	int result;

	strbuf_init(&text, 1024 * 1024);
	result = fs_read(from->config, 1024 * 1024, &text, err);
	if (result == 0)
		result = fs_write_atomic(to->config, text.data, text.length,
			0600, (uid_t)-1, (gid_t)-1, err);
	strbuf_deinit(&text);
	return result;
}

static int
judge_draft(struct setup *setup, const struct paths *draft, struct err *err)
{
	const struct paths *paths = &setup->call->paths;
	struct instance present;

	if (setup->exists && copy_configuration(paths, draft, err) == -1)
		return -1;
	if (instance_set(draft, setup->pairs, err) == -1 ||
		instance_load(
			draft, setup->call->arena, &setup->instance, err) == -1)
		return -1;
	/* One that can not be read is mended by what was just judged. */
	if (!setup->exists ||
		instance_load(paths, setup->call->arena, &present, NULL) == -1)
		present = setup->instance;
	return setup_check(paths, &present, &setup->instance, err);
}

/* The draft's path means nothing to people: keeps what stands behind it. */
static void
forget_draft(const char *draft, struct err *err)
{
	const char *rest = NULL, *at = err->text;

	while ((at = strstr(at, draft)) != NULL) {
		at = strstr(at, ": ");
		if (at == NULL)
			break;
		rest = at + 2;
	}
	if (rest != NULL)
		memmove(err->text, rest, strlen(rest) + 1);
}

/* Nothing of the instance is touched. */
static int
judge(struct setup *setup, struct err *err)
{
	struct paths draft = setup->call->paths;
	char directory[] = DRAFT_DIRECTORY;
	struct err cleanup = { 0 };
	int result;

	if (mkdtemp(directory) == NULL)
		return err_errno(err, errno, "creating %s", directory);
	(void)snprintf(draft.config, sizeof(draft.config), "%s/mailherd.conf",
		directory);
	result = judge_draft(setup, &draft, err);
	if (result == -1)
		forget_draft(draft.config, err);
	if (fs_remove_tree(directory, &cleanup) == -1)
		fprintf(stderr, "mailherd: %s\n", cleanup.text);
	return result;
}

static int
read_domain(struct setup *setup, struct err *err)
{
	const char *domain = command_option(setup->call, "domain");

	if (domain == NULL)
		return 0;
	if (address_domain(domain, "domain", setup->domain, err) == -1)
		return -1;
	if (strcmp(setup->domain, setup->instance.hostname) != 0)
		return 0;
	(void)err_field(err, ERR_INVALID, "domain",
		"%s is the name of this host, so it cannot be a mail domain",
		setup->domain);
	return err_remedy(err, "take a host name below the domain: mail.%s",
		setup->domain);
}

static int
change(struct setup *setup, struct err *err)
{
	const struct paths *paths = &setup->call->paths;
	struct arena *arena = setup->call->arena;

	if (setup_directories(paths, arena, err) == -1)
		return -1;
	if (setup->pair_count > 0 &&
		instance_set(paths, setup->pairs, err) == -1)
		return -1;
	setup->configuration_changed = setup->pair_count > 0;
	if (setup_secrets(paths, arena, &setup->secrets_made, err) == -1 ||
		setup_databases(paths, err) == -1 ||
		setup_certificate(paths, arena, setup->instance.hostname,
			setup->domain[0] == '\0' ? NULL : setup->domain,
			&setup->certificate_made, err) == -1)
		return -1;
	if (setup->domain[0] == '\0')
		return 0;
	return setup_domain(paths, setup->domain, &setup->domain_added, err);
}

static void
print_json(const struct setup *setup)
{
	struct json_writer w;
	struct strbuf out;

	strbuf_init(&out, 64 * 1024);
	json_writer_init(&w, &out);
	json_object_open(&w, NULL);
	json_text(&w, "hostname", setup->instance.hostname);
	json_text(
		&w, "profile", instance_profile_name(setup->instance.profile));
	json_text(&w, "timezone", setup->instance.timezone);
	json_text(
		&w, "domain", setup->domain[0] == '\0' ? NULL : setup->domain);
	json_bool(&w, "configuration_written", setup->configuration_changed);
	json_bool(&w, "secrets_made", setup->secrets_made);
	json_bool(&w, "certificate_made", setup->certificate_made);
	json_bool(&w, "domain_added", setup->domain_added);
	json_object_close(&w);
	printf("%s\n", out.data);
	strbuf_deinit(&out);
}

static void
print_text(const struct setup *setup)
{
	printf("Instance %s, profile %s, time zone %s.\n",
		setup->instance.hostname,
		instance_profile_name(setup->instance.profile),
		setup->instance.timezone);
	if (setup->configuration_changed)
		printf("Wrote %s.\n", setup->call->paths.config);
	if (setup->secrets_made)
		printf("Made secrets in %s.\n", setup->call->paths.secrets);
	if (setup->certificate_made)
		printf("Made a self-signed certificate.\n");
	if (setup->domain_added)
		printf("Added the domain %s with a DKIM key.\n", setup->domain);
	if (!setup_certificate_names(&setup->call->paths, setup->call->arena,
		    setup->instance.hostname))
		printf("The certificate %s/tls/cert.pem does not name %s: put in another, or move it and key.pem away and run mailherd setup again.\n",
			setup->call->paths.state, setup->instance.hostname);
}

static int
make_instance(struct command_call *call)
{
	struct setup setup = { .call = call,
		.exists = fs_exists(call->paths.config) };
	struct err err = { 0 };

	if (read_options(&setup, &err) == -1 || judge(&setup, &err) == -1 ||
		read_domain(&setup, &err) == -1 ||
		setup_check_data(&call->paths, setup.instance.hostname,
			setup.domain[0] == '\0' ? NULL : setup.domain,
			&err) == -1 ||
		change(&setup, &err) == -1)
		return command_fail(call, &err);
	if (call->json)
		print_json(&setup);
	else
		print_text(&setup);
	return 0;
}

static int
run_setup(struct command_call *call)
{
	int status = make_instance(call);

	if (status == 0 && !call->json)
		printf("Next: mailherd %s\n",
			setup_check_is_running(&call->paths) ? "restart"
							     : "up");
	return status;
}

int
setup_from_environment(struct command_call *call)
{
	struct command_call setup = *call;
	struct err err = { 0 };

	setup.command = command_find("setup");
	if (setup_environment_read((const char *const *)environ, call->arena,
		    &setup.given, &setup.given_count, &err) == -1)
		return command_fail(call, &err);
	if (command_option(&setup, "hostname") == NULL) {
		(void)err_field(&err, ERR_INVALID, "hostname",
			"MAILHERD_HOSTNAME is not set");
		(void)err_remedy(&err,
			"set it to the full name of this mail host: mail.example.org");
		return command_fail(call, &err);
	}
	return make_instance(&setup);
}

const struct command setup_commands[] = {
	{
		.name = "setup",
		.summary = "Make this machine's instance, or add what it lacks",
		.privilege = COMMAND_ROOT,
		.run = run_setup,
		.options = SETUP_OPTIONS,
		.description =
			"Judges the configuration and the machine (ports, memory, disk) before anything is changed. "
			"Run again, it changes the settings that are given and adds what is missing; secrets, "
			"databases and certificates that exist are never replaced.",
	},
	{ .name = NULL },
};
