/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A table from variables to options; values are judged by setup itself. */
#include "cli/setup_environment.h"

#include <stdio.h>
#include <string.h>

#include "base/span.h"

#define PREFIX "MAILHERD_"
#define ROOT_VARIABLE "MAILHERD_ROOT" /* command.c's */
#define GIVEN_MAX 128
#define SEPARATORS " ,\t\n"

static const struct {
	const char *variable;
	const char *option;
	bool is_list;
} VARIABLES[] = {
	{ "MAILHERD_HOSTNAME", "hostname" },
	{ "MAILHERD_DOMAIN", "domain" },
	{ "MAILHERD_PROFILE", "profile" },
	{ "MAILHERD_TZ", "tz" },
	{ "MAILHERD_IPV6", "ipv6" },
	{ "MAILHERD_FORWARDERS", "forwarder", true },
	{ "MAILHERD_LISTEN", "listen", true },
};

struct options {
	struct arena *arena;
	struct command_given *given;
	size_t count;
};

static int
add(struct options *options, const char *name, const char *value,
	struct err *err)
{
	if (options->count == GIVEN_MAX)
		return err_set(err, ERR_TOO_BIG, "too many options");
	options->given[options->count++] =
		(struct command_given){ name, value, -1 };
	return 0;
}

static int
add_list(struct options *options, const char *name, const char *value,
	struct err *err)
{
	while (*(value += strspn(value, SEPARATORS)) != '\0') {
		size_t length = strcspn(value, SEPARATORS);

		if (add(options, name,
			    arena_strndup(options->arena, value, length),
			    err) == -1)
			return -1;
		value += length;
	}
	return 0;
}

/* NULL when it is not there, or empty. */
static const char *
find(const char *const *environment, const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; environment[i] != NULL; i++)
		if (strncmp(environment[i], name, length) == 0 &&
			environment[i][length] == '=' &&
			environment[i][length + 1] != '\0')
			return environment[i] + length + 1;
	return NULL;
}

static bool
is_known(struct span name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(VARIABLES); i++)
		if (span_equal_text(name, VARIABLES[i].variable))
			return true;
	return span_equal_text(name, ROOT_VARIABLE);
}

static int
set_unknown(struct span name, struct err *err)
{
	char list[sizeof(err->remedy) - 8] = "";
	size_t used = 0;

	for (size_t i = 0; i < ARRAY_LENGTH(VARIABLES) && used < sizeof(list);
		i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used,
			" %s", VARIABLES[i].variable);
	(void)err_field(err, ERR_INVALID, "environment",
		"the variable %.*s means nothing",
		name.length > 64 ? 64 : (int)name.length, name.data);
	return err_remedy(err, "one of:%s", list);
}

static int
refuse_unknown(const char *const *environment, struct err *err)
{
	for (size_t i = 0; environment[i] != NULL; i++) {
		struct span name = { environment[i],
			strcspn(environment[i], "=") };

		if (span_starts_with(name, PREFIX) && !is_known(name))
			return set_unknown(name, err);
	}
	return 0;
}

int
setup_environment_read(const char *const *environment, struct arena *arena,
	struct command_given **given_out, size_t *count_out, struct err *err)
{
	struct options options = { .arena = arena,
		.given = arena_alloc(
			arena, GIVEN_MAX * sizeof(*options.given)) };

	if (refuse_unknown(environment, err) == -1)
		return -1;
	for (size_t i = 0; i < ARRAY_LENGTH(VARIABLES); i++) {
		const char *value = find(environment, VARIABLES[i].variable);

		if (value == NULL)
			continue;
		if ((VARIABLES[i].is_list ? add_list : add)(
			    &options, VARIABLES[i].option, value, err) == -1)
			return -1;
	}
	*given_out = options.given;
	*count_out = options.count;
	return 0;
}
