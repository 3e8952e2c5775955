/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One line of decimal numbers each, replaced by rename. A run tree may
 * outlive a reboot or a container, and its numbers then mean strangers: so
 * the record of a process ends with the kernel's boot id and the number of
 * the pid namespace.
 */
#include "supervise/record.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STABLE_MS 15000
#define RENEWED_MS 1000
#define LINE_MAX_BYTES 256
#define RECORD_MODE 0644
#define ERA_MAX 64
#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define PID_NAMESPACE "/proc/self/ns/pid"

static const int DELAYS_S[] = { 0, 0, 1, 2, 4, 8, 15, 30, 60 };

void
record_count_end(struct record_ended *ended,
	const struct record_started *started, enum record_end how)
{
	int64_t lived_ms = ended->at_ms - started->at_ms;

	if (how == RECORD_ENDED_ASKED) {
		ended->row = 0;
		return;
	}
	/* SIGTERM is how one is asked to end: nothing went wrong. */
	if (how != RECORD_ENDED_RENEWS &&
		(ended->exit_code != 0 ||
			(ended->exit_signal != 0 &&
				ended->exit_signal != SIGTERM)))
		ended->count++;
	if (lived_ms >= STABLE_MS)
		ended->row = 0;
	else if (how != RECORD_ENDED_RENEWS || lived_ms < RENEWED_MS)
		ended->row++;
}

int
record_delay_s(const struct record_ended *ended)
{
	int64_t last = (int64_t)ARRAY_LENGTH(DELAYS_S) - 1;
	/* Row 1 is the first short run. */
	int64_t place = ended->row > 0 ? ended->row - 1 : 0;

	return DELAYS_S[place > last ? last : place];
}

static bool
read_file(const char *path, char line[LINE_MAX_BYTES])
{
	ssize_t length;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return false;
	length = read(fd, line, LINE_MAX_BYTES - 1);
	close(fd);
	if (length <= 0)
		return false;
	line[length] = '\0';
	return true;
}

static bool
read_line(const char *service, const char *name, char line[LINE_MAX_BYTES])
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", service, name);
	return read_file(path, line);
}

/* In which life of the machine, or container, process ids mean something. */
static void
find_era(char era[ERA_MAX])
{
	char boot[LINE_MAX_BYTES] = "";
	struct stat space = { 0 };

	if (read_file(BOOT_ID, boot))
		boot[strcspn(boot, "\n")] = '\0';
	(void)stat(PID_NAMESPACE, &space); /* 0 without it */
	snprintf(era, ERA_MAX, "%.36s/%ju", boot[0] ? boot : "-",
		(uintmax_t)space.st_ino);
}

static int
write_line(const char *service, const char *name, const char *line,
	struct err *err)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", service, name);
	return record_replace(path, line, RECORD_MODE, err);
}

void
record_read_started(const char *service, struct record_started *out)
{
	struct record_started record = { 0 };
	char line[LINE_MAX_BYTES], era[ERA_MAX], now[ERA_MAX];
	long long pid;

	*out = record;
	if (!read_line(service, RECORD_STARTED, line) ||
		/* Without the last one it was written by an older release. */
		sscanf(line, "%lld %" SCNu64 " %" SCNd64 " %" SCNd64 " %63s %d",
			&pid, &record.process.start_ticks, &record.at_ms,
			&record.count, era, &record.generation) < 5)
		return;
	find_era(now);
	record.process.pid = strcmp(era, now) == 0 ? (pid_t)pid : 0;
	*out = record;
}

void
record_read_loaded(const char *service, struct record_loaded *out)
{
	struct record_loaded record = { 0 };
	char line[LINE_MAX_BYTES];
	long long pid;

	*out = record;
	if (!read_line(service, RECORD_LOADED, line) ||
		sscanf(line, "%lld %" SCNu64 " %d", &pid,
			&record.process.start_ticks, &record.generation) != 3)
		return;
	record.process.pid = (pid_t)pid;
	*out = record;
}

void
record_read_ended(const char *service, struct record_ended *out)
{
	struct record_ended record = { 0 };
	char line[LINE_MAX_BYTES];
	long long pid;

	*out = record;
	if (!read_line(service, RECORD_ENDED, line) ||
		sscanf(line, "%" SCNd64 " %d %d %" SCNd64 " %" SCNd64 " %lld",
			&record.at_ms, &record.exit_code, &record.exit_signal,
			&record.count, &record.row, &pid) != 6)
		return;
	record.finish_pid = (pid_t)pid;
	*out = record;
}

int
record_write_started(const char *service, const struct record_started *record,
	struct err *err)
{
	char line[LINE_MAX_BYTES], era[ERA_MAX];

	find_era(era);
	snprintf(line, sizeof(line),
		"%lld %" PRIu64 " %" PRId64 " %" PRId64 " %s %d\n",
		(long long)record->process.pid, record->process.start_ticks,
		record->at_ms, record->count, era, record->generation);
	return write_line(service, RECORD_STARTED, line, err);
}

int
record_generation(const char *service)
{
	struct record_started started;
	struct record_loaded loaded;

	record_read_started(service, &started);
	record_read_loaded(service, &loaded);
	return loaded.process.pid > 0 &&
			       loaded.process.pid == started.process.pid &&
			       loaded.process.start_ticks ==
				       started.process.start_ticks
		       ? loaded.generation
		       : started.generation;
}

int
record_write_loaded(const char *service, const struct record_loaded *record,
	struct err *err)
{
	char line[LINE_MAX_BYTES];

	snprintf(line, sizeof(line), "%lld %" PRIu64 " %d\n",
		(long long)record->process.pid, record->process.start_ticks,
		record->generation);
	return write_line(service, RECORD_LOADED, line, err);
}

int
record_write_ended(
	const char *service, const struct record_ended *record, struct err *err)
{
	char line[LINE_MAX_BYTES];

	snprintf(line, sizeof(line),
		"%" PRId64 " %d %d %" PRId64 " %" PRId64 " %lld\n",
		record->at_ms, record->exit_code, record->exit_signal,
		record->count, record->row, (long long)record->finish_pid);
	return write_line(service, RECORD_ENDED, line, err);
}

int
record_replace(const char *path, const char *text, mode_t mode, struct err *err)
{
	char fresh[PATH_MAX];
	size_t length = strlen(text);
	bool written;
	int fd;

	if (snprintf(fresh, sizeof(fresh), "%s.new", path) >=
		(int)sizeof(fresh))
		return err_set(err, ERR_INVALID, "%s is too long", path);
	fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
		mode);
	if (fd == -1)
		return err_errno(err, errno, "writing %s", fresh);
	written = write(fd, text, length) == (ssize_t)length &&
		  fchmod(fd, mode) == 0;
	if (close(fd) == -1 || !written)
		return err_errno(err, errno, "writing %s", fresh);
	if (rename(fresh, path) == -1)
		return err_errno(err, errno, "replacing %s", path);
	return 0;
}

void
record_read_refusal(const char *service, char text_out[RECORD_REFUSAL_MAX])
{
	char path[PATH_MAX];
	ssize_t length = -1;
	int fd;

	snprintf(path, sizeof(path), "%s/" RECORD_REFUSED, service);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd != -1) {
		length = read(fd, text_out, RECORD_REFUSAL_MAX - 1);
		close(fd);
	}
	text_out[length > 0 ? length : 0] = '\0';
}

int
record_write_refusal(const char *service, const char *text, struct err *err)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/" RECORD_REFUSED, service);
	if (*text == '\0' && access(path, F_OK) == -1 && errno == ENOENT)
		return 0;
	return record_replace(path, text, RECORD_MODE, err);
}
