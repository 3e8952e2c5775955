/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Each key is a row of a table: its name, the function that reads its
 * value, where the result goes. Values are expanded first ({etc} ...),
 * then read.
 */
#include "model/engine_read.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/config.h"
#include "base/fs.h"
#include "base/strbuf.h"

#define VALUE_MAX 4096
#define SERVICES_MAX ARRAY_LENGTH(((struct engine *)0)->services)
#define SEEDS_MAX ARRAY_LENGTH(((struct engine *)0)->seeds)
#define INTERNAL_PORTS_MAX ARRAY_LENGTH(((struct engine *)0)->internal_ports)
#define TOOLS_MAX ARRAY_LENGTH(((struct engine *)0)->tools)
#define CHECKS_MAX ARRAY_LENGTH(((struct engine *)0)->checks)
#define DEFAULT_START_MS 10000
#define DEFAULT_STOP_MS 5000
#define DEFAULT_LINGER_MS 300
#define DEFAULT_STOP_ORDER 50
#define DEFAULT_PREFER_MS 60000

struct key {
	const char *name;
	int (*read)(struct engine_reader *r, void *target, const char *value,
		struct err *err);
	size_t offset; /* of the target in struct engine or engine_service */
};

/* Placeholders. */

struct placeholder {
	const char *name;
	size_t offset; /* of a char array in struct paths */
};

static const struct placeholder path_placeholders[] = {
	{ "run", offsetof(struct paths, run) },
	{ "sock", offsetof(struct paths, sockets) },
	{ "fifos", offsetof(struct paths, fifos) },
	{ "logs", offsetof(struct paths, logs) },
	{ "vmail", offsetof(struct paths, vmail) },
	{ "index", offsetof(struct paths, index) },
	{ "secrets", offsetof(struct paths, secrets) },
	{ "root", offsetof(struct paths, root) },
	{ "share", offsetof(struct paths, share) },
	{ "programs", offsetof(struct paths, programs) },
	{ "config", offsetof(struct paths, config) },
	{ "database", offsetof(struct paths, database) },
	{ "engines", offsetof(struct paths, engines) },
};

/* {smtp.address}, {smtp.port}: where a probe finds the public port. */
static const char *
listen_value(const struct engine_reader *r, const char *name)
{
	const char *dot = strrchr(name, '.');

	if (dot == NULL)
		return NULL;
	for (int port = 0; port < PORT_COUNT; port++) {
		const struct instance_listen *listen =
			&r->instance->listen[port];
		const char *port_name = instance_port_name(port);
		const char *address = listen->addresses[0];

		if (strlen(port_name) != (size_t)(dot - name) ||
			strncmp(port_name, name, dot - name) != 0)
			continue;
		if (strcmp(dot, ".port") == 0)
			return arena_printf(r->arena, "%u", listen->port);
		if (strcmp(dot, ".address") != 0)
			return NULL;
		return address == NULL || strcmp(address, "*") == 0
			       ? "127.0.0.1"
			       : address;
	}
	return NULL;
}

/* What only this engine means by a name; NULL: not one of these. */
static const char *
engine_value(const struct engine_reader *r, const char *name)
{
	const char *engine = r->engine->name;

	if (strcmp(name, "rendered") == 0)
		return r->etc;
	if (strcmp(name, "hostname") == 0)
		return r->instance->hostname;
	if (strcmp(name, "timezone") == 0)
		return r->instance->timezone;
	if (strcmp(name, "resolver") == 0)
		return r->instance->resolver_address;
	if (engine == NULL)
		return NULL;
	if (strcmp(name, "etc") == 0)
		return arena_printf(r->arena, "%s/%s", r->etc, engine);
	if (strcmp(name, "state") == 0)
		return arena_printf(
			r->arena, "%s/%s", r->paths->engines, engine);
	if (strcmp(name, "engine_share") == 0)
		return r->engine->share;
	return NULL;
}

static const char *
placeholder_value(const struct engine_reader *r, const char *name)
{
	const char *value = engine_value(r, name);

	if (value != NULL)
		return value;
	for (size_t i = 0; i < ARRAY_LENGTH(path_placeholders); i++) {
		const struct placeholder *p = &path_placeholders[i];

		if (strcmp(p->name, name) != 0)
			continue;
		value = (const char *)r->paths + p->offset;
		/* "--root {root}" works for the machine itself, too. */
		return *value == '\0' ? "/" : value;
	}
	return listen_value(r, name);
}

static int
expand(struct engine_reader *r, const char *value, const char **out,
	struct err *err)
{
	struct strbuf text;
	int result = -1;

	strbuf_init(&text, VALUE_MAX);
	while (*value != '\0') {
		const char *open = strchr(value, '{');
		const char *close = open ? strchr(open, '}') : NULL;
		const char *name, *replacement;

		if (close == NULL) {
			strbuf_add_text(&text, value);
			break;
		}
		strbuf_add(&text, value, open - value);
		name = arena_strndup(r->arena, open + 1, close - open - 1);
		replacement = placeholder_value(r, name);
		if (replacement == NULL) {
			err_set(err, ERR_INVALID, "unknown placeholder {%s}",
				name);
			goto out;
		}
		strbuf_add_text(&text, replacement);
		value = close + 1;
	}
	if (strbuf_overflowed(&text)) {
		err_set(err, ERR_TOO_BIG, "value is longer than %d bytes",
			VALUE_MAX);
		goto out;
	}
	*out = arena_strndup(r->arena, text.data, text.length);
	result = 0;
out:
	strbuf_deinit(&text);
	return result;
}

/* Values. */

static const char *
next_word(struct engine_reader *r, const char **rest)
{
	const char *start = *rest + strspn(*rest, " \t");
	size_t length = strcspn(start, " \t");

	*rest = start + length;
	return length == 0 ? NULL : arena_strndup(r->arena, start, length);
}

static int
list_add(const char **list, size_t max, const char *item, struct err *err)
{
	size_t count = 0;

	while (list[count] != NULL)
		count++;
	if (count + 1 >= max)
		return err_set(err, ERR_LIMIT, "more than %zu items", max - 1);
	list[count] = item;
	return 0;
}

static int
words_add(struct engine_reader *r, const char **list, size_t max,
	const char *value, struct err *err)
{
	const char *word;

	while ((word = next_word(r, &value)) != NULL)
		if (list_add(list, max, word, err) == -1)
			return -1;
	return 0;
}

static int
read_words(struct engine_reader *r, void *target, const char *value,
	struct err *err)
{
	return words_add(r, target, ENGINE_LIST_MAX, value, err);
}

/* A command: said once, so that a second line is not taken for more of it. */
static int
read_argv(struct engine_reader *r, void *target, const char *value,
	struct err *err)
{
	const char **argv = target;

	if (argv[0] != NULL)
		return err_set(err, ERR_INVALID, "stands twice");
	return words_add(r, argv, ENGINE_ARGV_MAX, value, err);
}

static int
read_line(struct engine_reader *r, void *target, const char *value,
	struct err *err)
{
	(void)r;
	return list_add(target, ENGINE_LIST_MAX, value, err);
}

static int
read_text(struct engine_reader *r, void *target, const char *value,
	struct err *err)
{
	const char **text = target;

	(void)r;
	if (*value == '\0')
		return err_set(err, ERR_INVALID, "needs a value");
	*text = value;
	return 0;
}

static int
read_int(struct engine_reader *r, void *target, const char *value,
	struct err *err)
{
	char *end;
	long number;

	(void)r;
	errno = 0;
	number = strtol(value, &end, 10);
	if (*value == '\0' || *end != '\0' || errno != 0 || number > INT_MAX ||
		number < -1000)
		return err_set(
			err, ERR_INVALID, "\"%s\" is not a number", value);
	*(int *)target = (int)number;
	return 0;
}

static int
read_bool(struct engine_reader *r, void *target, const char *value,
	struct err *err)
{
	int answer = config_bool(value);

	(void)r;
	if (answer == -1)
		return err_set(err, ERR_INVALID, "\"%s\" is neither yes nor no",
			value);
	*(bool *)target = answer == 1;
	return 0;
}

static int
parse_mode(const char *text, mode_t *mode_out, struct err *err)
{
	char *end;
	unsigned long mode = text ? strtoul(text, &end, 8) : 0;

	if (text == NULL || *text == '\0' || *end != '\0' || mode > 07777)
		return err_set(err, ERR_INVALID,
			"\"%s\" is not a mode such as 0750", text ? text : "");
	*mode_out = (mode_t)mode;
	return 0;
}

static int
read_directory(struct engine_reader *r, void *target, const char *value,
	struct err *err)
{
	struct engine_directory *list = target, directory;
	size_t count = 0;

	directory.path = next_word(r, &value);
	if (parse_mode(next_word(r, &value), &directory.mode, err) == -1)
		return -1;
	directory.owner = next_word(r, &value);
	directory.group = next_word(r, &value);
	if (directory.group == NULL || next_word(r, &value) != NULL)
		return err_set(err, ERR_INVALID, "wants PATH MODE OWNER GROUP");
	if (directory.path[0] != '/')
		return err_set(err, ERR_INVALID, "\"%s\" is not absolute",
			directory.path);
	while (list[count].path != NULL)
		count++;
	if (count + 1 >= ENGINE_LIST_MAX)
		return err_set(err, ERR_LIMIT, "too many directories");
	list[count] = directory;
	return 0;
}

static int
read_template(struct engine_reader *r, void *target, const char *value,
	struct err *err)
{
	struct engine_template *list = target, template;
	size_t count = 0;

	template.source = next_word(r, &value);
	template.destination = next_word(r, &value);
	template.escaper = next_word(r, &value);
	if (parse_mode(next_word(r, &value), &template.mode, err) == -1)
		return -1;
	template.owner = next_word(r, &value);
	template.group = next_word(r, &value);
	if (template.group == NULL || next_word(r, &value) != NULL)
		return err_set(err, ERR_INVALID,
			"wants SOURCE DESTINATION ESCAPER MODE OWNER GROUP");
	if (template.destination[0] == '/' ||
		strstr(template.destination, "..") != NULL)
		return err_set(err, ERR_INVALID,
			"\"%s\" must stay below the engine's folder",
			template.destination);
	while (list[count].source != NULL)
		count++;
	if (count + 1 >= ENGINE_LIST_MAX)
		return err_set(err, ERR_LIMIT, "too many templates");
	list[count] = template;
	return 0;
}

/* SOURCE may be a file of the engine's share folder. */
static int
read_seed(struct engine_reader *r, void *target, const char *value,
	struct err *err)
{
	struct engine_seed *list = target, seed;
	size_t count = 0;

	seed.source = next_word(r, &value);
	seed.destination = next_word(r, &value);
	if (parse_mode(next_word(r, &value), &seed.mode, err) == -1)
		return -1;
	seed.owner = next_word(r, &value);
	seed.group = next_word(r, &value);
	if (seed.group == NULL || next_word(r, &value) != NULL)
		return err_set(err, ERR_INVALID,
			"wants SOURCE DESTINATION MODE OWNER GROUP");
	if (seed.destination[0] != '/')
		return err_set(err, ERR_INVALID, "\"%s\" is not absolute",
			seed.destination);
	if (seed.source[0] != '/')
		seed.source = arena_printf(
			r->arena, "%s/%s", r->engine->share, seed.source);
	while (list[count].source != NULL)
		count++;
	if (count + 1 >= SEEDS_MAX)
		return err_set(err, ERR_LIMIT, "too many seeds");
	list[count] = seed;
	return 0;
}

static int
read_internal_port(struct engine_reader *r, void *target, const char *value,
	struct err *err)
{
	struct engine_internal_port *list = target;
	const char *protocol = next_word(r, &value);
	const char *number = next_word(r, &value);
	const char *user = next_word(r, &value);
	bool is_udp = protocol != NULL && strcmp(protocol, "udp") == 0;
	size_t count = 0;
	uint64_t port;

	if (user == NULL || next_word(r, &value) != NULL ||
		(!is_udp && strcmp(protocol, "tcp") != 0) ||
		span_parse_uint64(span_from(number), UINT16_MAX, &port) != 0 ||
		port == 0)
		return err_set(err, ERR_INVALID, "wants tcp|udp NUMBER USER");
	while (list[count].user != NULL)
		count++;
	if (count + 1 >= INTERNAL_PORTS_MAX)
		return err_set(err, ERR_LIMIT, "too many internal ports");
	list[count] = (struct engine_internal_port){
		.is_udp = is_udp, .number = (uint16_t)port, .user = user
	};
	return 0;
}

static int
read_check(struct engine_reader *r, void *target, const char *value,
	struct err *err)
{
	struct engine_check *checks = target;
	size_t count = 0;

	while (checks[count].argv[0] != NULL)
		count++;
	if (count + 1 >= CHECKS_MAX)
		return err_set(err, ERR_LIMIT, "too many checks");
	return words_add(r, checks[count].argv, ENGINE_ARGV_MAX, value, err);
}

/* FILE ARGV...: only when the file was rendered. */
static int
read_check_if(struct engine_reader *r, void *target, const char *value,
	struct err *err)
{
	struct engine_check *check = target;
	const char *condition = next_word(r, &value);

	if (condition == NULL)
		return err_set(err, ERR_INVALID, "wants FILE ARGV");
	if (read_check(r, target, value, err) == -1)
		return -1;
	while (check[1].argv[0] != NULL)
		check++;
	check->condition = condition;
	return 0;
}

static int
read_profile(struct engine_reader *r, void *target, const char *value,
	struct err *err)
{
	(void)r;
	for (int p = PROFILE_LITE; p <= PROFILE_FULL; p++)
		if (strcmp(value, instance_profile_name(p)) == 0) {
			*(enum instance_profile *)target = p;
			return 0;
		}
	return err_set(err, ERR_INVALID, "\"%s\" is no profile", value);
}

static int
read_ready(struct engine_reader *r, void *target, const char *value,
	struct err *err)
{
	static const char *const names[] = { [ENGINE_READY_FD] = "fd",
		[ENGINE_READY_PROBE] = "probe",
		[ENGINE_READY_NONE] = "none" };

	(void)r;
	for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
		if (strcmp(value, names[i]) == 0) {
			*(enum engine_ready *)target = (enum engine_ready)i;
			return 0;
		}
	return err_set(
		err, ERR_INVALID, "\"%s\" is not fd, probe or none", value);
}

static bool
is_port_name(const char *name)
{
	for (int port = 0; port < PORT_COUNT; port++)
		if (strcmp(instance_port_name(port), name) == 0)
			return true;
	return false;
}

/* "signal HUP", and "forks" when a new process shows that it was taken. */
static int
read_reload(struct engine_reader *r, void *target, const char *value,
	struct err *err)
{
	struct engine_service *service = target;
	const char *kind = next_word(r, &value);
	const char *name = next_word(r, &value);
	const char *proof = next_word(r, &value);

	if (kind == NULL || strcmp(kind, "signal") != 0 || name == NULL ||
		strcmp(name, "HUP") != 0 ||
		(proof != NULL && strcmp(proof, "forks") != 0) ||
		next_word(r, &value) != NULL)
		return err_set(
			err, ERR_INVALID, "wants \"signal HUP [forks]\"");
	service->reload_signal = SIGHUP;
	service->reload_forks = proof != NULL;
	return 0;
}

static int
read_ports(struct engine_reader *r, void *target, const char *value,
	struct err *err)
{
	const char **ports = target;

	if (words_add(r, ports, ENGINE_LIST_MAX, value, err) == -1)
		return -1;
	for (; *ports != NULL; ports++)
		if (!is_port_name(*ports))
			return err_set(err, ERR_INVALID,
				"\"%s\" is not a public port", *ports);
	return 0;
}

static bool
is_service_name(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return length > 0 && length <= 32 && name[length] == '\0';
}

static int
read_service(struct engine_reader *r, void *target, const char *value,
	struct err *err)
{
	struct engine_service *services = target;
	size_t count = 0;

	if (!is_service_name(value))
		return err_set(err, ERR_INVALID,
			"\"%s\" is not a service name (a-z, 0-9, -)", value);
	for (; services[count].name != NULL; count++)
		if (strcmp(services[count].name, value) == 0)
			return err_set(err, ERR_INVALID,
				"service \"%s\" stands twice", value);
	if (count + 1 >= SERVICES_MAX)
		return err_set(err, ERR_LIMIT, "too many services");
	services[count] = (struct engine_service){
		.name = value,
		.directory = arena_printf(
			r->arena, "%s/%s", r->paths->engines, r->engine->name),
		.prefer_ms = DEFAULT_PREFER_MS,
		.start_ms = DEFAULT_START_MS,
		.stop_ms = DEFAULT_STOP_MS,
		.linger_ms = DEFAULT_LINGER_MS,
		.stop_order = DEFAULT_STOP_ORDER,
		.ready = ENGINE_READY_NONE,
		.essential = true,
	};
	return 0;
}

static int
read_tool(struct engine_reader *r, void *target, const char *value,
	struct err *err)
{
	struct engine_tool *tools = target;
	const char *name = next_word(r, &value);
	size_t count = 0;

	for (; tools[count].name != NULL; count++)
		if (name != NULL && strcmp(tools[count].name, name) == 0)
			return err_set(err, ERR_INVALID,
				"tool \"%s\" stands twice", name);
	if (count + 1 >= TOOLS_MAX)
		return err_set(err, ERR_LIMIT, "too many tools");
	if (words_add(r, tools[count].argv, ARRAY_LENGTH(tools[count].argv),
		    value, err) == -1)
		return -1;
	if (tools[count].argv[0] == NULL || tools[count].argv[0][0] != '/')
		return err_set(err, ERR_INVALID,
			"wants NAME /ABSOLUTE/PROGRAM ARGUMENTS");
	tools[count].name = name;
	return 0;
}

/* The tool that the first word of *value names; *value is what follows. */
static struct engine_tool *
find_tool(struct engine_reader *r, struct engine_tool *tools,
	const char **value, struct err *err)
{
	const char *name = next_word(r, value);

	*value += strspn(*value, " \t");
	for (; name != NULL && tools->name != NULL; tools++)
		if (strcmp(tools->name, name) == 0)
			return tools;
	(void)err_set(err, ERR_INVALID, "no \"tool = %s\" stands before it",
		name ? name : "");
	return NULL;
}

static int
read_tool_environment(struct engine_reader *r, void *target, const char *value,
	struct err *err)
{
	struct engine_tool *tool = find_tool(r, target, &value, err);

	if (tool == NULL)
		return -1;
	return list_add(
		tool->environment, ARRAY_LENGTH(tool->environment), value, err);
}

static int
read_tool_mount(struct engine_reader *r, void *target, const char *value,
	struct err *err)
{
	struct engine_tool *tool = find_tool(r, target, &value, err);

	if (tool == NULL)
		return -1;
	if (strchr(value, ' ') == NULL)
		return err_set(err, ERR_INVALID, "wants NAME SOURCE TARGET");
	return list_add(tool->mounts, ARRAY_LENGTH(tool->mounts), value, err);
}

static int
read_name(struct engine_reader *r, void *target, const char *value,
	struct err *err)
{
	if (!is_service_name(value))
		return err_set(err, ERR_INVALID, "\"%s\" is not an engine name",
			value);
	return read_text(r, target, value, err);
}

static const struct key engine_keys[] = {
	{ "engine", read_name, offsetof(struct engine, name) },
	{ "summary", read_text, offsetof(struct engine, summary) },
	{ "profile", read_profile, offsetof(struct engine, profile) },
	{ "package", read_words, offsetof(struct engine, packages) },
	{ "unit", read_words, offsetof(struct engine, units) },
	{ "directory", read_directory, offsetof(struct engine, directories) },
	{ "template", read_template, offsetof(struct engine, templates) },
	{ "seed", read_seed, offsetof(struct engine, seeds) },
	{ "internal_port", read_internal_port,
		offsetof(struct engine, internal_ports) },
	{ "check", read_check, offsetof(struct engine, checks) },
	{ "check_if", read_check_if, offsetof(struct engine, checks) },
	{ "check_refuse", read_line, offsetof(struct engine, check_refuse) },
	{ "tool", read_tool, offsetof(struct engine, tools) },
	{ "tool_environment", read_tool_environment,
		offsetof(struct engine, tools) },
	{ "tool_mount", read_tool_mount, offsetof(struct engine, tools) },
	{ "service", read_service, offsetof(struct engine, services) },
};

#define SERVICE_KEY(name, read, member)                                        \
	{                                                                      \
		name, read, offsetof(struct engine_service, member)            \
	}

static const struct key service_keys[] = {
	SERVICE_KEY("argv", read_argv, argv),
	SERVICE_KEY("first", read_argv, first),
	SERVICE_KEY("gate", read_argv, gate),
	SERVICE_KEY("leftover", read_line, leftovers),
	SERVICE_KEY("environment", read_line, environment),
	SERVICE_KEY("user", read_text, user),
	SERVICE_KEY("directory", read_text, directory),
	SERVICE_KEY("after", read_words, after),
	SERVICE_KEY("prefer", read_words, prefer),
	SERVICE_KEY("prefer_ms", read_int, prefer_ms),
	SERVICE_KEY("start_ms", read_int, start_ms),
	SERVICE_KEY("stop_ms", read_int, stop_ms),
	SERVICE_KEY("linger_ms", read_int, linger_ms),
	SERVICE_KEY("stop_order", read_int, stop_order),
	SERVICE_KEY("ready", read_ready, ready),
	SERVICE_KEY("probe", read_argv, probe),
	SERVICE_KEY("mount", read_line, mounts),
	SERVICE_KEY("ports", read_ports, ports),
	SERVICE_KEY("reads", read_words, reads),
	{ "reload", read_reload, 0 },
	SERVICE_KEY("restart_for", read_words, restart_words),
	SERVICE_KEY("capabilities", read_words, capabilities),
	SERVICE_KEY("no_new_privs", read_bool, no_new_privs),
	SERVICE_KEY("oom_score_adj", read_int, oom_score_adj),
	SERVICE_KEY("nofile", read_int, nofile),
	SERVICE_KEY("condition", read_text, condition),
	SERVICE_KEY("essential", read_bool, essential),
};

static const struct key *
key_find(const struct key *keys, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

static int
read_key(struct engine_reader *r, const struct key *key, void *base,
	const char *value, struct err *err)
{
	const char *expanded;

	if (expand(r, value, &expanded, err) == -1)
		return -1;
	return key->read(r, (char *)base + key->offset, expanded, err);
}

/* "postfix.argv = ...": the service stands before the first dot. */
static int
read_service_key(struct engine_reader *r, const char *name, const char *dot,
	const char *value, struct err *err)
{
	const struct key *key =
		key_find(service_keys, ARRAY_LENGTH(service_keys), dot + 1);

	if (key == NULL)
		return err_set(err, ERR_INVALID, "unknown key \"%s\"", name);
	for (size_t i = 0; r->engine->services[i].name != NULL; i++) {
		struct engine_service *service = &r->engine->services[i];

		if (strlen(service->name) == (size_t)(dot - name) &&
			strncmp(service->name, name, dot - name) == 0)
			return read_key(r, key, service, value, err);
	}
	return err_set(err, ERR_INVALID,
		"no \"service = %.*s\" stands before it", (int)(dot - name),
		name);
}

static int
config_line(void *context, const char *name, const char *value, int line,
	struct err *err)
{
	struct engine_reader *r = context;
	const char *dot = strchr(name, '.');
	const struct key *key;

	(void)line; /* config_parse() says it */
	if (dot != NULL)
		return read_service_key(r, name, dot, value, err);
	key = key_find(engine_keys, ARRAY_LENGTH(engine_keys), name);
	if (key == NULL)
		return err_set(err, ERR_INVALID, "unknown key \"%s\"", name);
	if (r->engine->name == NULL && strcmp(name, "engine") != 0)
		return err_set(
			err, ERR_INVALID, "the first key must be \"engine\"");
	return read_key(r, key, r->engine, value, err);
}

/* What each service must say. */
static int
check_service(const struct engine_service *service, struct err *err)
{
	if (service->argv[0] == NULL)
		return err_set(
			err, ERR_INVALID, "%s.argv is missing", service->name);
	if (service->argv[0][0] != '/')
		return err_set(err, ERR_INVALID,
			"%s.argv: \"%s\" is not an absolute path",
			service->name, service->argv[0]);
	if (service->ready == ENGINE_READY_PROBE && service->probe[0] == NULL)
		return err_set(err, ERR_INVALID,
			"%s.ready is probe, but %s.probe is missing",
			service->name, service->name);
	if (service->start_ms <= 0 || service->stop_ms <= 0)
		return err_set(err, ERR_INVALID,
			"%s: start_ms and stop_ms must be above 0",
			service->name);
	for (size_t i = 0; service->mounts[i] != NULL; i++)
		if (strchr(service->mounts[i], ' ') == NULL)
			return err_set(err, ERR_INVALID,
				"%s.mount wants SOURCE TARGET", service->name);
	return 0;
}

int
engine_read(struct engine_reader *r, const char *path, const char *name,
	struct err *err)
{
	if (config_parse_file(path, config_line, r, err) == -1)
		return -1;
	if (r->engine->name == NULL || strcmp(r->engine->name, name) != 0)
		return err_set(err, ERR_INVALID, "%s: engine is not \"%s\"",
			path, name);
	for (size_t i = 0; r->engine->services[i].name != NULL; i++)
		if (check_service(&r->engine->services[i], err) == -1)
			return err_prefix(err, "%s", path);
	return 0;
}
