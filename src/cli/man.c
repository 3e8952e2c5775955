/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Build-time program: prints mailherd(1) or mailherd.conf(5) as roff, or
 * docs/admin/settings.md, from the tables that --help and the parsers use.
 */
#include <stdio.h>
#include <string.h>

#include "cli/help.h"
#include "model/instance.h"

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

/* docs/admin/settings.md; a test compares. */
static void
print_settings(void)
{
	size_t count;
	const struct instance_key *keys = instance_keys(&count);

	(void)puts(
		"<!-- Printed by mailherd-man settings.md; see src/model/instance.c. -->\n\n"
		"# Settings of the host\n\n"
		"`/etc/mailherd/mailherd.conf` holds what must be known before the database\n"
		"opens, or what decides where services listen. Lines are `key = value`; `#`\n"
		"begins a comment. Change it with `mailherd setup` or with an editor, then\n\n"
		"```\nsudo mailherd restart\n```\n\n"
		"You should see `restarted` at the end. A value that cannot be is refused with\n"
		"its line, and everything goes on as it was.\n\n"
		"| key | default | meaning |\n|---|---|---|");
	for (size_t i = 0; i < count; i++)
		(void)printf("| `%s` | %s%s%s | %s%s |\n", keys[i].name,
			keys[i].default_value[0] == '\0' ? "" : "`",
			keys[i].default_value,
			keys[i].default_value[0] == '\0' ? "" : "`",
			keys[i].sentence,
			keys[i].repeatable ? "; may stand several times" : "");
	(void)puts(
		"\nThe `listen` keys take `PORT`, `*:PORT`, `192.0.2.1:PORT`, `[2001:db8::1]:PORT` or `off`;\n"
		"several addresses of one port stand in one line, separated by blanks.");
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
