/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The doctor's look at the machine: memory, disk, clock, kernel limits. */
#include <stdio.h>
#include <sys/stat.h>
#include <sys/timex.h>

#include "base/clock.h"
#include "base/fs.h"
#include "cli/doctor.h"
#include "cli/setup_check.h"
#include "io/disk_space.h"

#define MEMORY_WARNING_PERCENT 8
#define CLOCK_AHEAD_S 60
/* All mail belongs to one system user, and each waiting IMAP session of it
 * takes one instance and two watches; the kernel's limit for a user is 128
 * instances. The package's sysctl file allows 16,384. */
#define INOTIFY_INSTANCES_MIN 4096
#define INOTIFY_WATCHES_MIN 8192

void
doctor_memory(struct doctor *doctor)
{
	long total = setup_check_memory_mib();
	long free = setup_check_number("/proc/meminfo", "MemAvailable:") / 1024;
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
check_place(struct doctor *doctor, const struct disk_place *place)
{
	static const enum doctor_level LEVELS[] = {
		[DISK_GOOD] = DOCTOR_GOOD,
		[DISK_LOW] = DOCTOR_WARNING,
		[DISK_FULL] = DOCTOR_BAD,
	};

	char path[DISK_PATH_MAX], text[DISK_TEXT_SIZE];
	struct disk_space space;
	struct err err = { 0 };
	enum disk_level level;

	disk_place_path(place, &doctor->call->paths, path);
	if (!fs_exists(path))
		return; /* made when its engine starts first */
	if (disk_space_measure(path, &space, &err) == -1) {
		doctor_add(doctor, DOCTOR_BAD,
			"mount it, or restore it from a backup", "%s",
			err.text);
		return;
	}
	level = disk_space_judge(place, &space, DISK_GOOD);
	disk_space_describe(place, path, &space, level, text);
	doctor_add(doctor, LEVELS[level],
		level == DISK_GOOD ? "" : "free or add space there", "%s: %s",
		place->name, text);
}

void
doctor_disk(struct doctor *doctor)
{
	for (size_t i = 0; DISK_PLACES[i].name != NULL; i++)
		check_place(doctor, &DISK_PLACES[i]);
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
	long number = setup_check_number(path, "");

	if (number < 0)
		doctor_add(
			doctor, DOCTOR_SKIPPED, "", "%s can not be read", path);
	else if (number < wanted)
		doctor_add(doctor, DOCTOR_WARNING,
			arena_printf(doctor->call->arena,
				"'sysctl --system' brings the package's limits into force; else write 'fs.inotify.%s = %ld' to /etc/sysctl.d/90-local.conf first; in a container the host does it",
				name, wanted),
			"fs.inotify.%s is %ld: more waiting IMAP sessions keep a process each, and learn of new mail only by polling",
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
