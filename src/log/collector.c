/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Sources are found by reading the whole directory again whenever it
 * changed: it holds a dozen names, and there is one way to be right. A
 * FIFO that was made anew under its old name has another inode.
 *
 * One read per turn of the loop and source, so that a service that floods
 * does not silence the others.
 */
#include "log/collector.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "log/line.h"
#include "log/stamp.h"

#define SOURCES_MAX 64
#define NAME_SIZE 33
#define READ_SIZE (16 * 1024)
/* Each byte can be a line, which gets a stamp, or an escape of four. */
#define OUTPUT_MAX (2 * READ_SIZE * STAMP_SIZE)
/* Asked of the kernel, which may give less: bursts wait here. */
#define PIPE_SIZE (256 * 1024)
#define WATCHED                                                                \
	(IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_ATTRIB)

struct source {
	struct collector *collector;
	char name[NAME_SIZE];
	struct logfile *file;
	struct line_reader reader;
	struct event *readable; /* NULL: there is no FIFO now */
	int fd;
	ino_t inode;
	bool dropping;
};

struct collector {
	struct event_base *loop;
	char fifos[PATH_MAX];
	char logs[PATH_MAX];
	struct logfile_limits limits;
	struct source *sources[SOURCES_MAX];
	size_t count;
	struct event *changed;
	int inotify_fd;
	struct strbuf output;
	char stamp[STAMP_SIZE];
	char bytes[READ_SIZE];
};

static void
add_line(const struct line *line, void *context)
{
	struct collector *collector = context;

	strbuf_add_text(&collector->output, collector->stamp);
	strbuf_add_char(&collector->output, ' ');
	line_write(line, &collector->output);
	strbuf_add_char(&collector->output, '\n');
}

/* Said once when it begins and once when it is over. */
static void
note_dropping(struct source *source, bool dropping, const struct err *err)
{
	if (dropping == source->dropping)
		return;
	source->dropping = dropping;
	if (dropping)
		log_error("log cannot be written, dropping lines",
			LOG_TEXT("service", source->name), LOG_ERR(err));
	else
		log_info("log is written again",
			LOG_TEXT("service", source->name),
			LOG_NUMBER("dropped_in_all",
				logfile_counts(source->file)->dropped));
}

static void
take_bytes(struct source *source, struct span bytes)
{
	struct collector *collector = source->collector;
	int64_t now = clock_wall_ms();
	enum logfile_answer answer;
	struct err err;

	stamp_format(now, collector->stamp);
	strbuf_reset(&collector->output);
	line_feed(&source->reader, bytes, add_line, collector);
	if (collector->output.length == 0)
		return;
	BUG_ON(strbuf_overflowed(&collector->output));
	answer = logfile_write(
		source->file, strbuf_span(&collector->output), now, &err);
	note_dropping(source, answer == LOGFILE_DROPPED, &err);
}

static ssize_t
read_once(struct source *source)
{
	struct collector *collector = source->collector;
	ssize_t n =
		read(source->fd, collector->bytes, sizeof(collector->bytes));

	if (n > 0)
		take_bytes(
			source, (struct span){ collector->bytes, (size_t)n });
	return n;
}

static void
on_readable(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	(void)read_once(context); /* nothing there: we are called again */
}

static void
close_fifo(struct source *source)
{
	if (source->readable) {
		event_free(source->readable);
		close(source->fd);
	}
	source->readable = NULL;
	source->fd = -1;
}

/* Only what is waiting now: a writer may be faster than we are. */
static void
drain_fifo(struct source *source)
{
	for (int turn = 0; source->readable && turn < PIPE_SIZE / READ_SIZE + 1;
		turn++)
		if (read_once(source) <= 0)
			break;
}

static struct source *
find_source(const struct collector *collector, const char *name)
{
	for (size_t i = 0; i < collector->count; i++)
		if (strcmp(collector->sources[i]->name, name) == 0)
			return collector->sources[i];
	return NULL;
}

static struct source *
add_source(struct collector *collector, const char *name)
{
	struct source *source;
	char directory[PATH_MAX + NAME_SIZE];

	if (collector->count == SOURCES_MAX)
		return NULL;
	source = xmalloc(sizeof(*source));
	source->collector = collector;
	source->fd = -1;
	snprintf(source->name, sizeof(source->name), "%s", name);
	snprintf(directory, sizeof(directory), "%s/%s", collector->logs, name);
	source->file = logfile_new(directory, &collector->limits);
	line_reader_init(&source->reader);
	collector->sources[collector->count++] = source;
	return source;
}

static bool
is_service_name(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return length > 0 && length < NAME_SIZE && name[length] == '\0';
}

static int
open_fifo(const char *path, ino_t *inode_out)
{
	struct stat status;
	int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return -1;
	if (fstat(fd, &status) < 0 || !S_ISFIFO(status.st_mode)) {
		close(fd);
		return -1;
	}
	(void)fcntl(fd, F_SETPIPE_SZ, PIPE_SIZE); /* the default works too */
	*inode_out = status.st_ino;
	return fd;
}

/* A FIFO that may not be opened yet comes again with its change of mode. */
static void
look_at_name(struct collector *collector, const char *name)
{
	struct source *source = find_source(collector, name);
	char path[PATH_MAX + NAME_SIZE];
	struct stat status;
	ino_t inode;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", collector->fifos, name);
	if (lstat(path, &status) < 0 || !S_ISFIFO(status.st_mode) ||
		(source && source->readable && source->inode == status.st_ino))
		return;
	fd = open_fifo(path, &inode);
	if (fd < 0)
		return;
	if (!source)
		source = add_source(collector, name);
	if (!source) {
		log_warn("too many services, ignoring one",
			LOG_TEXT("service", name));
		close(fd);
		return;
	}
	drain_fifo(source);
	close_fifo(source);
	source->fd = fd;
	source->inode = inode;
	source->readable = event_new(
		collector->loop, fd, EV_READ | EV_PERSIST, on_readable, source);
	event_add(source->readable, NULL);
}

static void
look_for_removed(struct collector *collector)
{
	for (size_t i = 0; i < collector->count; i++) {
		struct source *source = collector->sources[i];
		char path[PATH_MAX + NAME_SIZE];

		snprintf(path, sizeof(path), "%s/%s", collector->fifos,
			source->name);
		if (source->readable && access(path, F_OK) < 0) {
			drain_fifo(source);
			close_fifo(source);
		}
	}
}

static int
look_at_directory(struct collector *collector, struct err *err)
{
	DIR *directory = opendir(collector->fifos);
	struct dirent *entry;

	if (!directory)
		return err_errno(err, errno, "opening %s", collector->fifos);
	while ((entry = readdir(directory)))
		if (is_service_name(entry->d_name))
			look_at_name(collector, entry->d_name);
	closedir(directory);
	look_for_removed(collector);
	return 0;
}

static void
on_changed(evutil_socket_t fd, short what UNUSED, void *context)
{
	struct collector *collector = context;
	struct err err;

	/* What has changed is seen by looking; the events only wake us. */
	while (read(fd, collector->bytes, sizeof(collector->bytes)) > 0)
		continue;
	if (look_at_directory(collector, &err) < 0)
		log_error("services cannot be found", LOG_ERR(&err));
}

static int
watch_directory(struct collector *collector, struct err *err)
{
	collector->inotify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (collector->inotify_fd < 0)
		return err_errno(err, errno, "watching directories");
	if (inotify_add_watch(
		    collector->inotify_fd, collector->fifos, WATCHED) < 0)
		return err_errno(err, errno, "watching %s", collector->fifos);
	collector->changed = event_new(collector->loop, collector->inotify_fd,
		EV_READ | EV_PERSIST, on_changed, collector);
	event_add(collector->changed, NULL);
	return 0;
}

MUST_CHECK int
collector_new(struct event_base *loop, const struct collector_options *options,
	struct collector **collector_out, struct err *err)
{
	struct collector *collector = xmalloc(sizeof(*collector));

	collector->loop = loop;
	collector->limits = options->limits;
	collector->inotify_fd = -1;
	snprintf(collector->fifos, sizeof(collector->fifos), "%s",
		options->fifos);
	snprintf(collector->logs, sizeof(collector->logs), "%s", options->logs);
	strbuf_init(&collector->output, OUTPUT_MAX);
	add_source(collector, COLLECTOR_OWN_SERVICE);
	if (watch_directory(collector, err) < 0 ||
		look_at_directory(collector, err) < 0) {
		collector_free(&collector);
		return -1;
	}
	*collector_out = collector;
	return 0;
}

static void
free_source(struct source *source)
{
	drain_fifo(source);
	close_fifo(source);
	logfile_free(&source->file);
	x_free(&source);
}

void
collector_free(struct collector **collector)
{
	if (!*collector)
		return;
	for (size_t i = 0; i < (*collector)->count; i++)
		free_source((*collector)->sources[i]);
	if ((*collector)->changed)
		event_free((*collector)->changed);
	if ((*collector)->inotify_fd >= 0)
		close((*collector)->inotify_fd);
	strbuf_deinit(&(*collector)->output);
	x_free(collector);
}

void
collector_own_line(const char *line, void *context)
{
	struct collector *collector = context;
	struct source *own = find_source(collector, COLLECTOR_OWN_SERVICE);
	char stamp[STAMP_SIZE];
	int64_t now = clock_wall_ms();
	struct span text = span_from(line);
	struct strbuf out;

	while (text.length > 0 && text.data[text.length - 1] == '\n')
		text.length--;
	strbuf_init(&out, OUTPUT_MAX);
	stamp_format(now, stamp);
	strbuf_printf(&out, "%s ", stamp);
	line_write(&(struct line){ text, LINE_WHOLE }, &out);
	strbuf_add_char(&out, '\n');
	/* Nobody is left to be told; the counter knows. */
	(void)logfile_write(own->file, strbuf_span(&out), now, NULL);
	strbuf_deinit(&out);
}

void
collector_status(const struct collector *collector, struct json_writer *out)
{
	json_array_open(out, "services");
	for (size_t i = 0; i < collector->count; i++) {
		const struct source *source = collector->sources[i];
		const struct logfile_counts *counts =
			logfile_counts(source->file);

		json_object_open(out, NULL);
		json_text(out, "name", source->name);
		json_number(out, "lines", (int64_t)counts->lines);
		json_number(out, "bytes", (int64_t)counts->bytes);
		json_number(out, "dropped", (int64_t)counts->dropped);
		json_object_close(out);
	}
	json_array_close(out);
}

MUST_CHECK int
collector_rotate(
	struct collector *collector, const char *service, struct err *err)
{
	int64_t now = clock_wall_ms();
	int result = 0;

	if (service && !find_source(collector, service))
		return err_set(err, ERR_NOT_FOUND, "there is no service \"%s\"",
			service);
	for (size_t i = 0; i < collector->count; i++) {
		struct source *source = collector->sources[i];

		if (service && strcmp(source->name, service) != 0)
			continue;
		if (logfile_rotate(source->file, now, err) < 0)
			result = -1;
	}
	return result;
}
