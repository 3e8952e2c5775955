/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where things are: an instance's files below its root ("" for the
 * machine's own), and the program files, found relative to the running
 * executable so that a staged tree (DESTDIR) works like an installed one.
 */
#ifndef BASE_PATHS_H
#define BASE_PATHS_H

#include "base/err.h"

#define PATHS_ROOT_MAX 40 /* socket paths must fit in sun_path */
#define PATHS_MAX 256

struct paths {
	char root[PATHS_MAX]; /* "" or "/tmp/x": no final slash */
	char config[PATHS_MAX]; /* R/etc/mailherd/mailherd.conf */
	char overrides[PATHS_MAX]; /* R/etc/mailherd/engines */
	char hooks[PATHS_MAX]; /* R/etc/mailherd/hooks */
	char state[PATHS_MAX]; /* R/var/lib/mailherd */
	char database[PATHS_MAX]; /* R/var/lib/mailherd/db */
	char core_db[PATHS_MAX]; /* .../db/core/core.db */
	char usage_db[PATHS_MAX]; /* .../db/usage/usage.db */
	char secrets[PATHS_MAX]; /* .../secrets */
	char vmail[PATHS_MAX]; /* .../vmail */
	char index[PATHS_MAX]; /* .../index */
	char engines
		[PATHS_MAX]; /* .../engines: private state, one folder each */
	char generations[PATHS_MAX]; /* .../gen */
	char rendered[PATHS_MAX]; /* .../etc -> gen/<n> */
	char run[PATHS_MAX]; /* R/run/mailherd */
	char services[PATHS_MAX]; /* R/run/mailherd/svc: s6 scan directory */
	char sockets[PATHS_MAX]; /* R/run/mailherd/sock */
	char fifos[PATHS_MAX]; /* R/run/mailherd/log */
	char logs[PATHS_MAX]; /* R/var/log/mailherd */
	char programs[PATHS_MAX]; /* <prefix>/lib/mailherd: helper programs */
	char share[PATHS_MAX]; /* <prefix>/share/mailherd */
	char binary[PATHS_MAX]; /* <prefix>/bin/mailherd */
};

/* root NULL or "/" means the machine. ERR_INVALID when too long or relative. */
MUST_CHECK int paths_init(
	struct paths *paths, const char *root, struct err *err);
/* Another file stands for mailherd.conf: one that is to be tried out. */
MUST_CHECK int paths_use_config(
	struct paths *paths, const char *config, struct err *err);

#endif
