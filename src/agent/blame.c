/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How the engines of today name a line, behind the path:
 *
 *	Unbound, Rspamd, ClamAV, nginx	:3
 *	Dovecot				 line 3
 *	Postfix				, line 3  or  : line 3
 *	Rspamd				: line: 3, column: 15
 *
 * Redis says the number without the path, but quotes the line.
 */
#include "agent/blame.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/strbuf.h"

#define FILE_SIZE_MAX (1024 * 1024)
#define TEXT_MAX 4096
#define OVERRIDE "override/"
#define WORD_LENGTH_MIN 3
#define END_OF_PATH " ,:;\"'()\n"

/* How much a line of an override looks like the one that is meant. */
enum likeness {
	LIKENESS_NONE,
	LIKENESS_WORD, /* a word of it is named */
	LIKENESS_NAME, /* its first word is: the setting */
	LIKENESS_WHOLE /* all of it is quoted */
};

static bool
is_noise(struct span line)
{
	return line.length == 0 || line.data[0] == '#' ||
	       memmem(line.data, line.length, "warning:", 8) != NULL;
}

/* Warnings and what a checker prints of a right file are left out. */
static const char *
keep_complaints(const char *output, struct arena *arena)
{
	struct span rest = span_from(output), line;
	struct strbuf kept;
	const char *text;

	strbuf_init(&kept, strlen(output) + 2);
	while (span_split(&rest, '\n', &line)) {
		if (is_noise(line))
			continue;
		if (kept.length > 0)
			strbuf_add_char(&kept, '\n');
		strbuf_add_span(&kept, line);
	}
	text = kept.length > 0 ? kept.data : output;
	text = arena_strndup(arena, text, strnlen(text, TEXT_MAX));
	strbuf_deinit(&kept);
	return text;
}

/* The number behind a path; *end_out stands behind it. 0: there is none. */
static int
parse_line_number(const char *at, const char **end_out)
{
	char *end;
	long number;

	at += strspn(at, " ,:");
	if (strncmp(at, "line", 4) == 0)
		at += 4 + strspn(at + 4, " :");
	if (!isdigit((unsigned char)*at))
		return 0;
	number = strtol(at, &end, 10);
	if (number <= 0 || number > INT_MAX)
		return 0;
	*end_out = end;
	return (int)number;
}

/*
 * An override that was appended to this file stands below a line with its
 * path. Returns that path and its line, or NULL.
 */
static const char *
find_appended(const struct blame_scope *scope, const char *path, int line,
	struct arena *arena, int *own_line_out)
{
	const char *head = arena_printf(
		arena, "# %s/%s/", scope->overrides, scope->engine);
	const char *found = NULL;
	struct span rest, text;
	struct strbuf content;
	int number = 0;

	strbuf_init(&content, FILE_SIZE_MAX);
	if (fs_read(path, FILE_SIZE_MAX, &content, NULL) == -1)
		strbuf_reset(&content);
	rest = strbuf_span(&content);
	while (++number < line && span_split(&rest, '\n', &text))
		if (span_starts_with(text, head)) {
			found = arena_strndup(
				arena, text.data + 2, text.length - 2);
			*own_line_out = line - number;
		}
	strbuf_deinit(&content);
	return found;
}

static void
remember(struct fault *fault, const char *file, int line)
{
	if (fault->file != NULL && (fault->line > 0 || line == 0))
		return;
	fault->file = file;
	fault->line = line;
}

/*
 * at stands on a path of the engine's rendered files, whose name below
 * them begins at name. Writes what people know instead; returns where the
 * text goes on.
 */
static const char *
translate(const struct blame_scope *scope, const char *at, const char *name,
	struct arena *arena, struct strbuf *out, struct fault *fault)
{
	const char *end = name + strcspn(name, END_OF_PATH), *after = end;
	const char *path = arena_strndup(arena, at, (size_t)(end - at));
	int line = parse_line_number(end, &after), own_line = 0;
	const char *theirs;

	if (strncmp(name, OVERRIDE, strlen(OVERRIDE)) == 0) {
		name += strlen(OVERRIDE);
		theirs = arena_printf(arena, "%s/%s/%.*s", scope->overrides,
			scope->engine, (int)(end - name), name);
		own_line = line;
	} else {
		theirs = find_appended(scope, path, line, arena, &own_line);
	}
	if (theirs == NULL) {
		strbuf_add_text(out, path);
		return end;
	}
	remember(fault, theirs, own_line);
	strbuf_add_text(out, theirs);
	if (own_line == 0)
		return end;
	strbuf_printf(out, " line %d", own_line);
	return after;
}

static const char *
translate_paths(const struct blame_scope *scope, const char *text,
	struct arena *arena, struct fault *fault)
{
	const char *base =
		arena_printf(arena, "%s/%s/", scope->tree, scope->engine);
	const char *found, *result;
	struct strbuf out;

	strbuf_init(&out, 4 * TEXT_MAX);
	while ((found = strstr(text, base)) != NULL) {
		strbuf_add(&out, text, (size_t)(found - text));
		text = translate(
			scope, found, found + strlen(base), arena, &out, fault);
	}
	strbuf_add_text(&out, text);
	result = arena_strndup(arena, out.data, strnlen(out.data, TEXT_MAX));
	strbuf_deinit(&out);
	return result;
}

static bool
is_word_byte(char byte)
{
	return isalnum((unsigned char)byte) || byte == '_' || byte == '-' ||
	       byte == '/';
}

static bool
names_word(const char *text, struct span word)
{
	const char *found = text;

	while ((found = memmem(found, strlen(found), word.data, word.length)) !=
		NULL) {
		bool begins = found == text || !is_word_byte(found[-1]);

		found += word.length;
		if (begins && !is_word_byte(*found))
			return true;
	}
	return false;
}

static struct span
trim(struct span line)
{
	while (line.length > 0 && isspace((unsigned char)*line.data)) {
		line.data++;
		line.length--;
	}
	while (line.length > 0 &&
		isspace((unsigned char)line.data[line.length - 1]))
		line.length--;
	return line;
}

/* Cuts the next word off; an empty one ends. */
static struct span
take_word(struct span *rest)
{
	struct span word;

	while (rest->length > 0 && !is_word_byte(*rest->data)) {
		rest->data++;
		rest->length--;
	}
	word = (struct span){ rest->data, 0 };
	while (word.length < rest->length &&
		is_word_byte(rest->data[word.length]))
		word.length++;
	rest->data += word.length;
	rest->length -= word.length;
	return word;
}

static enum likeness
compare_line(struct span line, const char *text)
{
	bool first = true;
	struct span word;

	if (line.length == 0 || line.data[0] == '#')
		return LIKENESS_NONE;
	if (memmem(text, strlen(text), line.data, line.length) != NULL)
		return LIKENESS_WHOLE;
	while ((word = take_word(&line)).length > 0) {
		if (word.length >= WORD_LENGTH_MIN && names_word(text, word))
			return first ? LIKENESS_NAME : LIKENESS_WORD;
		first = false;
	}
	return LIKENESS_NONE;
}

/* The last one counts, as it does in most engines. */
static void
search_file(const char *path, const char *text, enum likeness *best,
	struct arena *arena, struct fault *fault)
{
	struct strbuf content;
	struct span rest, line;
	int number = 0;

	strbuf_init(&content, FILE_SIZE_MAX);
	if (fs_read(path, FILE_SIZE_MAX, &content, NULL) == -1)
		strbuf_reset(&content);
	rest = strbuf_span(&content);
	while (span_split(&rest, '\n', &line)) {
		enum likeness likeness = compare_line(trim(line), text);

		number++;
		if (likeness == LIKENESS_NONE || likeness < *best)
			continue;
		*best = likeness;
		fault->file = arena_strdup(arena, path);
		fault->line = number;
	}
	strbuf_deinit(&content);
}

static void
search_overrides(const struct blame_scope *scope, const char *text,
	struct arena *arena, struct fault *fault)
{
	const char *folder =
		arena_printf(arena, "%s/%s", scope->overrides, scope->engine);
	enum likeness best = LIKENESS_NONE;
	DIR *directory = opendir(folder);
	struct dirent *entry;

	if (directory == NULL)
		return;
	while ((entry = readdir(directory)) != NULL)
		if (entry->d_name[0] != '.')
			search_file(arena_printf(arena, "%s/%s", folder,
					    entry->d_name),
				text, &best, arena, fault);
	closedir(directory);
}

void
blame_find(const struct blame_scope *scope, const char *output,
	struct arena *arena, struct fault *fault_out)
{
	struct fault fault = { .engine = scope->engine };
	const char *text = keep_complaints(output, arena);

	fault.text = translate_paths(scope, text, arena, &fault);
	if (fault.file == NULL)
		search_overrides(scope, text, arena, &fault);
	*fault_out = fault;
}

const char *
blame_text(const struct fault *fault, struct arena *arena)
{
	if (fault->file == NULL || strstr(fault->text, fault->file) != NULL)
		return fault->text;
	return arena_printf(
		arena, "%s line %d: %s", fault->file, fault->line, fault->text);
}
