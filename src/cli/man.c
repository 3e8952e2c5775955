/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Build-time program: prints mailherd(1) or mailherd.conf(5) as roff, or
 * docs/admin/settings.md, from the tables that --help and the parsers use.
 */
#include <stdio.h>
#include <string.h>

#include "base/span.h"
#include "cli/help.h"
#include "cli/variable.h"
#include "model/instance.h"
#include "model/option.h"

#ifndef MAILHERD_VERSION
#error "MAILHERD_VERSION comes from the build"
#endif

/* Text in roff: hyphens and backslashes stay as they are typed. */
static void
print_text(const char *text)
{
	bool line_start = true;

	for (; *text != '\0'; text++) {
		if (line_start && (*text == '.' || *text == '\''))
			(void)fputs("\\&", stdout);
		line_start = *text == '\n';
		if (*text == '\\')
			(void)fputs("\\e", stdout);
		else if (*text == '-')
			(void)fputs("\\-", stdout);
		else
			(void)putchar(*text);
	}
}

static void
print_line(const char *macro, const char *text)
{
	(void)printf("%s", macro);
	print_text(text);
	(void)putchar('\n');
}

static void
print_head(const char *name, const char *section, const char *summary)
{
	(void)printf(".TH %s %s \"\" \"mailherd %s\" \"mailherd\"\n", name,
		section, MAILHERD_VERSION);
	(void)printf(".SH NAME\n");
	print_text(name);
	(void)printf(" \\- %s\n", summary);
}

static void
print_option(UNUSED void *context, const char *option, const char *sentence,
	const char *default_text)
{
	(void)puts(".TP");
	print_line(".B ", option);
	print_text(sentence);
	(void)puts(".");
	if (default_text != NULL) {
		(void)fputs("Default: ", stdout);
		print_text(default_text);
		(void)puts(".");
	}
}

static void
print_command(const struct command *command, struct arena *arena)
{
	print_line(
		".SS ", arena_printf(arena, "%s %s", command->name,
				command->usage == NULL ? "" : command->usage));
	print_text(command->summary);
	(void)puts(".");
	if (command->description != NULL) {
		(void)puts(".PP");
		print_text(command->description);
		(void)puts("");
	}
	help_each_option(command, print_option, NULL, arena);
}

static void
print_mailherd(struct arena *arena)
{
	print_head("mailherd", "1", "run a mail server");
	(void)puts(".SH SYNOPSIS\n.B mailherd\nCOMMAND [ARGUMENTS] [OPTIONS]");
	(void)puts(
		".SH DESCRIPTION\nmailherd configures, starts, feeds and watches the engines of a mail server,\nand keeps its domains, mailboxes and aliases. Changes are in force when the\ncommand returns.");
	(void)puts(".SH OPTIONS");
	for (const struct command_option *o = help_global_options();
		o->name != NULL; o++)
		print_option(NULL,
			arena_printf(arena, "--%s%s%s", o->name,
				o->value == NULL ? "" : " ",
				o->value == NULL ? "" : o->value),
			o->sentence, NULL);
	(void)puts(".SH COMMANDS");
	for (size_t g = 0; command_groups[g] != NULL; g++) {
		for (const struct command *c = command_groups[g];
			c->name != NULL; c++)
			print_command(c, arena);
	}
	(void)puts(
		".SH EXIT STATUS\n0 done; 1 failed; 2 input breaks a rule; 3 not found; 4 exists already;\n5 a limit is reached; 75 try again.");
	(void)puts(".SH SEE ALSO\n.BR mailherd.conf (5)");
}

static void
print_conf(void)
{
	size_t count;
	const struct instance_key *keys = instance_keys(&count);

	print_head("mailherd.conf", "5", "host settings of mailherd");
	(void)puts(
		".SH DESCRIPTION\nThe file /etc/mailherd/mailherd.conf holds what must be known before the\ndatabase opens or what decides listening sockets. Lines are \"key = value\";\n# begins a comment. mailherd setup writes it; mailherd restart puts changes\nin force. All other settings are in the database.");
	(void)puts(".SH KEYS");
	for (size_t i = 0; i < count; i++) {
		print_option(NULL, keys[i].name, keys[i].sentence,
			keys[i].default_value[0] == '\0'
				? NULL
				: keys[i].default_value);
		if (keys[i].repeatable)
			(void)puts("May stand several times.");
	}
	(void)puts(".SH SEE ALSO\n.BR mailherd (1)");
}

static void
print_code(const char *text)
{
	if (text[0] != '\0')
		(void)printf("`%s`", text);
}

static void
print_options(enum option_place place)
{
	struct option option;

	(void)puts("| key | default | meaning |\n|---|---|---|");
	for (size_t i = 0; option_at(i, &option); i++) {
		if (option.place != place)
			continue;
		(void)printf("| `%s` | ", option.name);
		if (option.is_long)
			(void)fputs("a text in English", stdout);
		else
			print_code(option.default_value);
		(void)printf("%s| %s%s |\n",
			option.default_value[0] == '\0' ? "" : " ",
			option.sentence,
			option.repeatable && place == OPTION_FILE
				? "; may stand several times"
				: "");
	}
}

/* Each word as code, with commas between. */
static void
print_words(const char *words)
{
	struct span rest = span_from(words), word;
	const char *gap = "";

	while (span_split(&rest, ' ', &word)) {
		(void)printf("%s`%.*s`", gap, (int)word.length, word.data);
		gap = ", ";
	}
}

static void
print_variables(void)
{
	size_t count;
	const struct variable *table = variable_table(&count);

	(void)puts("| mailcow.conf | here | |\n|---|---|---|");
	for (size_t i = 0; i < count; i++) {
		(void)fputs("| ", stdout);
		print_words(table[i].names);
		(void)fputs(" | ", stdout);
		if (table[i].options != NULL)
			print_words(table[i].options);
		(void)printf(" | %s |\n", table[i].text);
	}
}

/* docs/admin/settings.md; a test compares. */
static void
print_settings(void)
{
	(void)puts(
		"<!-- Printed by mailherd-man settings.md; see src/model/option.h and src/cli/variable.c. -->\n\n"
		"# Settings of the host and of the suite\n\n"
		"```\n"
		"sudo mailherd config show               # all, with their values\n"
		"sudo mailherd config show --why         # and where each comes from\n"
		"sudo mailherd config set timezone Europe/Berlin\n"
		"sudo mailherd config set networks 192.0.2.0/28 2001:db8::/64\n"
		"sudo mailherd config set networks --unset   # the default again\n"
		"```\n\n"
		"A value that cannot be is refused. One that goes into `mailherd.conf` is shown to every\n"
		"engine's own check first; what an engine refuses is named with the file and line, and the file\n"
		"stays as it was. The answer says what is needed to bring it into force; `--apply` does it.\n"
		"You should see `in force`, or, with `--apply`, each service that was reloaded or restarted.\n\n"
		"## In /etc/mailherd/mailherd.conf\n\n"
		"What must be known before the database opens, or what decides where services listen. Lines are\n"
		"`key = value`; `#` begins a comment. An editor does as well, then\n\n"
		"```\n"
		"sudo mailherd config check              # what engines say; changes nothing\n"
		"sudo mailherd config diff               # what would become different\n"
		"sudo mailherd restart --changed         # brings it into force\n"
		"```\n");
	print_options(OPTION_FILE);
	(void)puts(
		"\nThe `listen` keys take `PORT`, `*:PORT`, `192.0.2.1:PORT`, `[2001:db8::1]:PORT` or `off`;\n"
		"several addresses of one port stand in one line, separated by blanks.\n\n"
		"All of them need `mailherd restart --changed`. It restarts mailherd's own programs, whose sockets\n"
		"stay open meanwhile, and reloads or restarts the engines whose files changed; `timezone` restarts\n"
		"every service, `profile` starts or ends engines. What a larger profile adds must be installed\n"
		"first: `./up --profile full` does both.\n\n"
		"## In the database\n\n"
		"In force at once.\n");
	print_options(OPTION_DATABASE);
	(void)puts(
		"\nWhat belongs to a domain or a mailbox (quota, protocols, limits) is set there:\n"
		"[mailboxes](mailboxes.md).\n\n"
		"## Coming from mailcow\n\n"
		"Every variable of its `mailcow.conf`, and what became of it.\n");
	print_variables();
}

int
main(int argc, char **argv)
{
	struct arena *arena = arena_new();
	int status = 0;

	if (argc == 2 && strcmp(argv[1], "mailherd.1") == 0)
		print_mailherd(arena);
	else if (argc == 2 && strcmp(argv[1], "mailherd.conf.5") == 0)
		print_conf();
	else if (argc == 2 && strcmp(argv[1], "settings.md") == 0)
		print_settings();
	else
		status = 2;
	arena_free(&arena);
	return status;
}
