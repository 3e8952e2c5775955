/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The doctor's look at the machine: memory, disk, clock, kernel limits. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>

#include "base/clock.h"
#include "base/fs.h"
#include "cli/doctor.h"
#include "cli/setup_check.h"

#define MIB (UINT64_C(1024) * 1024)
#define SPACE_BAD_BYTES (200 * MIB)
#define SPACE_WARNING_BYTES (1024 * MIB)
#define SPACE_WARNING_PERCENT 10
#define INODES_WARNING_PERCENT 5
#define MEMORY_WARNING_PERCENT 8
#define CLOCK_AHEAD_S 60
/* All mail belongs to one system user, and each waiting IMAP session of it
 * takes one instance; Debian's limit for a user is 128. */
#define INOTIFY_INSTANCES_MIN 4096
#define INOTIFY_WATCHES_MIN 65536
#define NUMBER_FILE_MAX (64 * 1024)

enum doctor_level
doctor_judge_space(uint64_t free, uint64_t total)
{
	if (free < SPACE_BAD_BYTES)
		return DOCTOR_BAD;
	if (free < SPACE_WARNING_BYTES ||
		free < total / 100 * SPACE_WARNING_PERCENT)
		return DOCTOR_WARNING;
	return DOCTOR_GOOD;
}

/* The number behind a key of a file in /proc; -1: there is none. */
static long
read_number(const char *path, const char *key)
{
	struct strbuf text;
	const char *found = NULL;
	long number = -1;

	strbuf_init(&text, NUMBER_FILE_MAX);
	if (fs_read(path, NUMBER_FILE_MAX, &text, NULL) == 0)
		found = strstr(text.data, key);
	if (found != NULL)
		number = strtol(found + strlen(key), NULL, 10);
	strbuf_deinit(&text);
	return number;
}

void
doctor_memory(struct doctor *doctor)
{
	long total = setup_check_memory_mib();
	long free = read_number("/proc/meminfo", "MemAvailable:") / 1024;
	enum instance_profile fits = setup_check_profile(total);

	if (fits < doctor->instance.profile)
		doctor_add(doctor, DOCTOR_WARNING,
			"add memory or choose a smaller profile in mailherd.conf",
			"%ld MiB are too little for the profile %s", total,
			instance_profile_name(doctor->instance.profile));
	else if (free >= 0 && free * 100 < total * MEMORY_WARNING_PERCENT)
		doctor_add(doctor, DOCTOR_WARNING,
			"add memory, or see with 'ps aux --sort -rss' who has it",
			"only %ld of %ld MiB of memory are available", free,
			total);
	else
		doctor_add(doctor, DOCTOR_GOOD, "",
			"%ld of %ld MiB of memory are available", free, total);
}

static void
check_space(struct doctor *doctor, const char *what, const char *path)
{
	struct statvfs status;
	enum doctor_level level;
	uint64_t free;

	if (statvfs(path, &status) == -1) {
		if (errno != ENOENT)
			doctor_add(doctor, DOCTOR_BAD,
				"mount it, or restore it from a backup",
				"%s: %s can not be read: %s", what, path,
				strerror(errno));
		return;
	}
	free = (uint64_t)status.f_bavail * status.f_frsize;
	level = doctor_judge_space(
		free, (uint64_t)status.f_blocks * status.f_frsize);
	doctor_add(doctor, level,
		level == DOCTOR_GOOD ? "" : "free or add space there",
		"%s: %llu MiB are free below %s", what,
		(unsigned long long)(free / MIB), path);
	if (status.f_files > 0 &&
		status.f_favail < status.f_files / 100 * INODES_WARNING_PERCENT)
		doctor_add(doctor, DOCTOR_WARNING,
			"remove small files there, or make a file system with more inodes",
			"%s: few inodes are free below %s", what, path);
}

void
doctor_disk(struct doctor *doctor)
{
	const struct paths *paths = &doctor->call->paths;
	const char *queue =
		arena_printf(doctor->call->arena, "%s/postfix", paths->engines);
	const char *const places[][2] = { { "databases", paths->database },
		{ "mail", paths->vmail }, { "queue", queue },
		{ "logs", paths->logs } };

	for (size_t i = 0; i < ARRAY_LENGTH(places); i++)
		check_space(doctor, places[i][0], places[i][1]);
}

/* A file from the future: the clock was wrong when it was written, or is. */
static void
check_against_files(struct doctor *doctor)
{
	struct stat status;
	int64_t ahead;

	if (stat(doctor->call->paths.core_db, &status) == -1)
		return;
	ahead = (int64_t)status.st_mtime - clock_wall_seconds();
	if (ahead > CLOCK_AHEAD_S)
		doctor_add(doctor, DOCTOR_BAD,
			"set the clock; with 'timedatectl set-ntp true' it stays right",
			"core.db was written %lld s in the future: the clock is slow, or was fast then",
			(long long)ahead);
}

void
doctor_clock(struct doctor *doctor)
{
	struct timex state = { 0 };

	check_against_files(doctor);
	if (adjtimex(&state) == -1 || (state.status & STA_UNSYNC) != 0)
		doctor_add(doctor, DOCTOR_WARNING,
			"apt-get install chrony (or systemd-timesyncd); in a container the host does it",
			"nobody keeps the clock right: signatures, certificates and DNSSEC need it");
	else
		doctor_add(doctor, DOCTOR_GOOD, "",
			"the clock is kept right by NTP or the like");
}

static void
check_sysctl(struct doctor *doctor, const char *name, long wanted)
{
	const char *path = arena_printf(
		doctor->call->arena, "/proc/sys/fs/inotify/%s", name);
	long number = read_number(path, "");

	if (number < 0)
		doctor_add(
			doctor, DOCTOR_SKIPPED, "", "%s can not be read", path);
	else if (number < wanted)
		doctor_add(doctor, DOCTOR_WARNING,
			arena_printf(doctor->call->arena,
				"echo 'fs.inotify.%s = %ld' >>/etc/sysctl.d/60-mailherd.conf; sysctl --system",
				name, wanted),
			"fs.inotify.%s is %ld: more waiting IMAP sessions learn of new mail only by polling",
			name, number);
	else
		doctor_add(doctor, DOCTOR_GOOD, "", "fs.inotify.%s is %ld",
			name, number);
}

void
doctor_inotify(struct doctor *doctor)
{
	check_sysctl(doctor, "max_user_instances", INOTIFY_INSTANCES_MIN);
	check_sysctl(doctor, "max_user_watches", INOTIFY_WATCHES_MIN);
}
