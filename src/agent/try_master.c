/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd-try-master FILE DIRECTORY: what postconf does not look at in
 * Postfix's master.cf and what master ends of, with every port closed: a
 * port of which nobody knows the number, and a program that is not in
 * DIRECTORY. Prints each with its line (master(5)). Exit status 0 or 1.
 */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/fs.h"
#include "base/span.h"

#define FILE_SIZE_MAX (1024 * 1024)
#define EXIT_USAGE 2
#define PORT_MAX 65535

enum field {
	FIELD_NAME,
	FIELD_TYPE,
	FIELD_COMMAND = 7,
	FIELD_COUNT
};

struct trial {
	struct arena *arena;
	const char *file;
	const char *programs; /* directory */
	int faults;
};

/* How many fields there are; what follows the command is its own. */
static size_t
split_fields(
	struct span line, struct arena *arena, const char *fields[FIELD_COUNT])
{
	char *rest = arena_strndup(arena, line.data, line.length);
	size_t count = 0;
	char *word;

	while (count < FIELD_COUNT && (word = strsep(&rest, " \t")) != NULL)
		if (word[0] != '\0')
			fields[count++] = word;
	return count;
}

/* "25", "smtp", "192.0.2.1:smtp", "[2001:db8::1]:25" */
static bool
is_port(const char *name)
{
	const char *colon = strrchr(name, ':');
	const char *port = colon == NULL ? name : colon + 1;
	uint64_t number;

	if (span_parse_uint64(span_from(port), PORT_MAX, &number) == 0)
		return number > 0;
	return getservbyname(port, "tcp") != NULL;
}

static void
complain(struct trial *trial, int number, const char *what, const char *word)
{
	printf("fatal: %s: line %d: there is no %s \"%s\"\n", trial->file,
		number, what, word);
	trial->faults++;
}

static void
look_at(struct trial *trial, struct span line, int number)
{
	const char *fields[FIELD_COUNT];
	const char *command;

	/* postconf has counted the fields. */
	if (split_fields(line, trial->arena, fields) < FIELD_COUNT)
		return;
	if (strcmp(fields[FIELD_TYPE], "inet") == 0 &&
		!is_port(fields[FIELD_NAME]))
		complain(trial, number, "port", fields[FIELD_NAME]);
	command = fields[FIELD_COMMAND];
	if (access(arena_printf(
			   trial->arena, "%s/%s", trial->programs, command),
		    X_OK) == -1)
		complain(trial, number, "program", command);
}

/* A line that begins with a blank continues the one before. */
static int
try(struct trial *trial, struct err *err)
{
	struct span rest, line;
	struct strbuf text;
	int number = 0;
	int status;

	strbuf_init(&text, FILE_SIZE_MAX);
	status = fs_read(trial->file, FILE_SIZE_MAX, &text, err);
	rest = strbuf_span(&text);
	while (status == 0 && span_split(&rest, '\n', &line)) {
		number++;
		if (line.length > 0 && strchr("# \t", line.data[0]) == NULL)
			look_at(trial, line, number);
	}
	strbuf_deinit(&text);
	return status;
}

int
main(int argc, char **argv)
{
	struct trial trial = { .arena = arena_new() };
	struct err err = { 0 };

	if (argc != 3) {
		fprintf(stderr, "usage: mailherd-try-master FILE DIRECTORY\n");
		return EXIT_USAGE;
	}
	trial.file = argv[1];
	trial.programs = argv[2];
	if (try(&trial, &err) == -1) {
		printf("%s\n", err.text);
		trial.faults++;
	}
	arena_free(&trial.arena);
	return trial.faults == 0 ? 0 : 1;
}
