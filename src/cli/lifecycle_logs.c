/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd logs: what mailherd-log keeps in <logs>/<service>/, oldest
 * first. Without a service the last lines of all are merged by their
 * stamps. Following looks twice a second at sizes and at whether
 * `current` has become another file.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fs.h"
#include "base/json_write.h"
#include "base/strbuf.h"
#include "cli/lifecycle.h"
#include "cli/log_stamp.h"
#include "cli/suite.h"

#define CURRENT "current"
#define SERVICES_MAX 64
#define FILES_MAX 64
#define FILE_SIZE_MAX (64 * 1024 * 1024)
#define LINES_DEFAULT 100
#define LINES_MAX 1000000
#define FOLLOW_MS 300
#define CHUNK 8192
#define OBJECT_MAX (1024 * 1024)

struct tail {
	const char *service;
	char *text; /* the last lines, in one piece; arena's */
	int fd; /* of `current`; -1: none yet */
	ino_t inode;
};

struct tails {
	struct tail items[SERVICES_MAX];
	size_t count;
	bool json;
	bool named; /* several services: lines say whose they are */
};

struct line {
	const char *service;
	const char *text;
	size_t length;
	int64_t at_ms;
	size_t order; /* keeps lines of one moment as they were */
};

static const char *
log_path(const struct command_call *call, const char *service, const char *name)
{
	return arena_printf(
		call->arena, "%s/%s/%s", call->paths.logs, service, name);
}

/* Backwards from the end: the start of the last `count` lines. */
static const char *
last_lines(const char *text, size_t length, long count)
{
	const char *at = text + length;

	if (length > 0 && at[-1] == '\n')
		at--;
	while (at > text) {
		if (at[-1] == '\n' && --count == 0)
			break;
		at--;
	}
	return at;
}

static long
count_lines(const char *text)
{
	long count = 0;

	for (; (text = strchr(text, '\n')) != NULL; text++)
		count++;
	return count;
}

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Rotated files are named by their time, and "current" sorts behind. */
static size_t
list_files(const struct command_call *call, const char *service,
	const char **names)
{
	DIR *directory = opendir(
		arena_printf(call->arena, "%s/%s", call->paths.logs, service));
	struct dirent *entry;
	size_t count = 0;

	if (directory == NULL)
		return 0;
	while (count < FILES_MAX && (entry = readdir(directory)) != NULL)
		if (entry->d_name[0] != '.')
			names[count++] =
				arena_strdup(call->arena, entry->d_name);
	closedir(directory);
	qsort(names, count, sizeof(*names), compare_names);
	return count;
}

/* The logger's user owns the directory: a file there may be anything. */
static int
open_log(const char *path, struct stat *status_out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd == -1)
		return -1;
	if (fstat(fd, status_out) == 0 && S_ISREG(status_out->st_mode))
		return fd;
	close(fd);
	return -1;
}

/* Whole lines only: mailherd-log never ends in half a line. */
static void
read_rest(int fd, struct strbuf *content)
{
	char chunk[CHUNK];
	ssize_t got;

	while ((got = read(fd, chunk, sizeof(chunk))) > 0)
		strbuf_add(content, chunk, (size_t)got);
}

/* From the newest file backwards until there are enough lines. */
static char *
read_tail(const struct command_call *call, const char *service, long lines)
{
	const char *names[FILES_MAX];
	size_t count = list_files(call, service, names);
	char *text = arena_strdup(call->arena, "");
	struct strbuf content;
	struct stat status;

	strbuf_init(&content, FILE_SIZE_MAX);
	while (count > 0 && lines > 0) {
		const char *start;
		int fd = open_log(
			log_path(call, service, names[--count]), &status);

		if (fd == -1)
			continue; /* rotated away meanwhile */
		strbuf_reset(&content);
		read_rest(fd, &content);
		close(fd);
		if (content.length == 0)
			continue;
		start = last_lines(content.data, content.length, lines);
		lines -= count_lines(start);
		text = arena_printf(call->arena, "%s%s", start, text);
	}
	strbuf_deinit(&content);
	return text;
}

static void
open_current(const struct command_call *call, struct tail *tail, int whence)
{
	struct stat status;

	tail->fd = open_log(log_path(call, tail->service, CURRENT), &status);
	if (tail->fd == -1)
		return;
	tail->inode = status.st_ino;
	(void)lseek(tail->fd, 0, whence); /* a regular file */
}

static void
add_tail(struct tails *tails, const char *service)
{
	if (tails->count < SERVICES_MAX)
		tails->items[tails->count++] =
			(struct tail){ .service = service, .fd = -1 };
}

static int
find_services(
	const struct command_call *call, struct tails *tails, struct err *err)
{
	const char *service = command_argument(call, 0);
	DIR *directory;
	struct dirent *entry;

	if (service != NULL) {
		if (strchr(service, '/') != NULL || service[0] == '.' ||
			!fs_exists(arena_printf(call->arena, "%s/%s",
				call->paths.logs, service)))
			return err_field(err, ERR_NOT_FOUND, "service",
				"there is no log of \"%s\"", service);
		add_tail(tails, service);
		return 0;
	}
	directory = opendir(call->paths.logs);
	if (directory == NULL)
		return err_errno(err, errno, "reading %s", call->paths.logs);
	while ((entry = readdir(directory)) != NULL)
		if (entry->d_name[0] != '.')
			add_tail(tails,
				arena_strdup(call->arena, entry->d_name));
	closedir(directory);
	tails->named = true;
	return 0;
}

static int
compare_lines(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	if (x->at_ms != y->at_ms)
		return x->at_ms < y->at_ms ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/* A line is its time, a blank, and what the service wrote. */
static void
print_object(const char *service, struct span line)
{
	const char *blank = memchr(line.data, ' ', line.length);
	size_t stamp = blank ? (size_t)(blank - line.data) : 0;
	struct json_writer w;
	struct strbuf out;

	strbuf_init(&out, OBJECT_MAX);
	json_writer_init(&w, &out);
	json_object_open(&w, NULL);
	json_text(&w, "service", service);
	json_span(&w, "at", (struct span){ line.data, stamp });
	stamp += blank != NULL;
	json_span(&w, "text",
		(struct span){ line.data + stamp, line.length - stamp });
	json_object_close(&w);
	puts(out.data);
	strbuf_deinit(&out);
}

static void
print_line(const struct tails *tails, const char *service, const char *text,
	size_t length)
{
	if (tails->json) {
		print_object(service, (struct span){ text, length });
		return;
	}
	if (tails->named)
		printf("%-10s ", service);
	printf("%.*s\n", (int)length, text);
}

static size_t
split_lines(const struct tail *tail, struct line *lines, size_t used)
{
	struct span rest = span_from(tail->text), text;
	int64_t at_ms = 0;

	while (span_split(&rest, '\n', &text)) {
		if (text.length == 0)
			continue;
		/* One without a stamp belongs to the line before it. */
		(void)log_stamp_parse(text, &at_ms);
		lines[used] = (struct line){ .service = tail->service,
			.text = text.data,
			.length = text.length,
			.at_ms = at_ms,
			.order = used };
		used++;
	}
	return used;
}

static void
print_merged(
	const struct command_call *call, const struct tails *tails, long wanted)
{
	struct line *lines;
	size_t count = 0, first;

	for (size_t i = 0; i < tails->count; i++)
		count += (size_t)count_lines(tails->items[i].text) + 1;
	lines = arena_alloc(call->arena, (count + 1) * sizeof(*lines));
	count = 0;
	for (size_t i = 0; i < tails->count; i++)
		count = split_lines(&tails->items[i], lines, count);
	qsort(lines, count, sizeof(*lines), compare_lines);
	first = count > (size_t)wanted ? count - (size_t)wanted : 0;
	for (size_t i = first; i < count; i++)
		print_line(tails, lines[i].service, lines[i].text,
			lines[i].length);
}

static void
print_new(const struct tails *tails, struct tail *tail)
{
	struct strbuf content;
	struct span rest, text;

	if (tail->fd == -1)
		return;
	strbuf_init(&content, FILE_SIZE_MAX);
	read_rest(tail->fd, &content);
	rest = strbuf_span(&content);
	while (content.length > 0 && span_split(&rest, '\n', &text))
		if (text.length > 0)
			print_line(
				tails, tail->service, text.data, text.length);
	strbuf_deinit(&content);
}

static void
follow_one(const struct command_call *call, const struct tails *tails,
	struct tail *tail)
{
	struct stat status;
	const char *path = log_path(call, tail->service, CURRENT);

	print_new(tails, tail);
	if (stat(path, &status) == -1 ||
		(tail->fd != -1 && status.st_ino == tail->inode))
		return;
	if (tail->fd != -1) {
		print_new(tails, tail); /* what came before the rotation */
		close(tail->fd);
	}
	open_current(call, tail, SEEK_SET);
	print_new(tails, tail);
}

/* Until a signal or a closed pipe ends us. */
static int
follow(struct command_call *call, struct tails *tails)
{
	for (;;) {
		for (size_t i = 0; i < tails->count; i++) {
			struct command_call round = *call;

			round.arena = arena_new();
			follow_one(&round, tails, &tails->items[i]);
			arena_free(&round.arena);
		}
		if (fflush(stdout) == EOF)
			return 0;
		suite_pause(FOLLOW_MS);
	}
}

static int
read_count(const struct command_call *call, long *count_out, struct err *err)
{
	const char *text = command_option(call, "lines");
	uint64_t count = LINES_DEFAULT;

	if (text != NULL &&
		span_parse_uint64(span_from(text), LINES_MAX, &count) == -1)
		return err_field(err, ERR_INVALID, "lines",
			"\"%s\" is not a number up to %d", text, LINES_MAX);
	*count_out = (long)count;
	return 0;
}

int
lifecycle_logs(struct command_call *call)
{
	bool follows = command_option(call, "follow") != NULL ||
		       command_option(call, "f") != NULL;
	struct tails tails = { .json = call->json };
	struct err err = { 0 };
	long count = 0;

	if (read_count(call, &count, &err) == -1 ||
		find_services(call, &tails, &err) == -1)
		return command_fail(call, &err);
	for (size_t i = 0; i < tails.count; i++) {
		struct tail *tail = &tails.items[i];

		open_current(call, tail, SEEK_END);
		tail->text = read_tail(call, tail->service, count);
	}
	print_merged(call, &tails, count);
	return follows ? follow(call, &tails) : 0;
}
