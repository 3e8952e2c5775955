/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What mailherd knows about an engine, read from engines/<name>/engine.conf
 * (and, for our own programs, share/programs.conf): directories, files to
 * render, checks, services with their run line, user, order, probe. Adding
 * an engine is adding a folder. The files are ours and root-owned, so an
 * error in one is a fault of the package, said with file and line.
 *
 * In values, {etc} {state} {run} {sock} {fifos} {logs} {vmail} {index}
 * {secrets} {root} {share} {programs} {config} {hostname} {database} are
 * replaced by the instance's paths; {etc} and {state} are the engine's own.
 */
#ifndef MODEL_ENGINE_H
#define MODEL_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/paths.h"
#include "model/instance.h"

#define ENGINE_LIST_MAX 64
#define ENGINE_ARGV_MAX 48

/* directory = PATH MODE OWNER GROUP */
struct engine_directory {
	const char *path;
	mode_t mode;
	const char *owner;
	const char *group;
};

/* template = SOURCE DESTINATION ESCAPER MODE OWNER GROUP */
struct engine_template {
	const char *source; /* file in the engine's share folder */
	const char *destination; /* relative to {etc} */
	const char *
		escaper; /* none, word, postfix, dovecot, nginx, ucl, unbound, redis, html */
	mode_t mode;
	const char *owner;
	const char *group;
};

/*
 * seed = SOURCE DESTINATION MODE OWNER GROUP: a file that the engine keeps
 * up to date itself, copied only where it is missing.
 */
struct engine_seed {
	const char
		*source; /* absolute, or a file in the engine's share folder */
	const char *destination; /* absolute */
	mode_t mode;
	const char *owner;
	const char *group;
};

/*
 * internal_port = tcp|udp NUMBER USER: what a process of the engine could
 * listen on by mistake, and as whom; nothing from another host gets there.
 */
struct engine_internal_port {
	bool is_udp;
	uint16_t number;
	const char *user;
};

/*
 * tool = NAME ARGV...: a program of the engine that `mailherd exec NAME`
 * runs against this instance; tool_environment = NAME A=b and
 * tool_mount = NAME SOURCE TARGET say what it needs around it.
 */
struct engine_tool {
	const char *name;
	const char *argv[16]; /* NULL-ended; the caller's arguments follow */
	const char *environment[8]; /* NULL-ended */
	const char *mounts[4]; /* NULL-ended: "SOURCE TARGET" */
};

enum engine_ready {
	ENGINE_READY_FD, /* the program writes to descriptor 3 itself */
	ENGINE_READY_PROBE, /* s6-notifyoncheck -d with the probe below */
	ENGINE_READY_NONE /* ready when started */
};

struct engine_service {
	const char *name; /* s6 service directory: "postfix" */
	const char *argv[ENGINE_ARGV_MAX]; /* NULL-ended */
	/* Run to its end as root before each start; a failure is logged. */
	const char *first[ENGINE_ARGV_MAX];
	/* The same before that; when it fails, the service is not started, and
	 * what it printed is said to be the reason. */
	const char *gate[ENGINE_ARGV_MAX];
	/* Files that a killed predecessor leaves and that hold up a start: they
	 * are removed before it. In directories of root alone. */
	const char *leftovers[ENGINE_LIST_MAX];
	const char *environment[ENGINE_LIST_MAX]; /* NULL-ended: "A=b" */
	const char *user; /* set before exec; NULL: root, drops itself */
	const char *directory; /* working directory; NULL: {state} */
	const char *after
		[ENGINE_LIST_MAX]; /* ready before this starts; NULL-ended */
	/* Waited for at most so long, then started degraded. */
	const char *prefer[ENGINE_LIST_MAX];
	int prefer_ms;
	int start_ms; /* deadline until ready */
	int stop_ms; /* then SIGKILL */
	int linger_ms; /* for its other processes, after a stop in order */
	int stop_order; /* lower stops first: 10 public, 20 queue, 30 delivery, 40 database, 50 ours, 60 log */
	enum engine_ready ready;
	const char *probe
		[ENGINE_ARGV_MAX]; /* argv of mailherd-probe: "tcp-banner ADDRESS PORT TEXT" ... */
	/* "SRC DST": bind SRC over DST in a mount namespace of its own. */
	const char *mounts[ENGINE_LIST_MAX];
	/* Public ports that it listens on: "smtp". A change of one of them
	 * is a restart. */
	const char *ports[ENGINE_LIST_MAX];
	/* What it reads of the rendered files, below {etc}: NULL-ended, none:
	 * all; "-": nothing. */
	const char *reads[ENGINE_LIST_MAX];
	/* Sent when its files changed; 0: it is restarted. */
	int reload_signal;
	/* A new process of the service shows that it took the signal. */
	bool reload_forks;
	/* Lines that begin with one of these words need a restart. */
	const char *restart_words[ENGINE_LIST_MAX];
	/* Its bounding set, and that of all it starts: NULL-ended; "none" alone
	 * is none, an empty list leaves all. */
	const char *capabilities[ENGINE_LIST_MAX];
	/* Set-user-id and set-group-id programs give it nothing. */
	bool no_new_privs;
	int oom_score_adj;
	int nofile; /* 0: as inherited */
	const char *
		condition; /* path that must exist, else the service is off; NULL */
	bool essential; /* `up` fails without it; others degrade */
};

struct engine_check {
	const char *argv[ENGINE_ARGV_MAX]; /* [0] NULL ends the checks */
	const char *condition; /* file without which it is left out; NULL */
};

struct engine {
	const char *name;
	const char *summary;
	const char *share; /* folder of its files */
	enum instance_profile profile; /* the smallest that has it */
	const char *packages[ENGINE_LIST_MAX];
	const char *units[ENGINE_LIST_MAX]; /* Debian's units to mask */
	struct engine_directory
		directories[ENGINE_LIST_MAX]; /* path NULL ends */
	struct engine_template
		templates[ENGINE_LIST_MAX]; /* source NULL ends */
	struct engine_seed seeds[8]; /* source NULL ends */
	struct engine_internal_port internal_ports[8]; /* user NULL ends */
	struct engine_check checks[8];
	/* What of a check's output is a refusal, whatever its exit status. */
	const char *check_refuse[ENGINE_LIST_MAX];
	struct engine_service services[8]; /* name NULL ends */
	struct engine_tool tools[17]; /* name NULL ends */
};

/*
 * All engines of the instance's profile, ours first, sorted by name.
 * etc_directory replaces paths.rendered in {etc} (the next generation's
 * check), NULL: the one in force. Everything lives in arena.
 */
MUST_CHECK int engine_load_all(const struct paths *paths,
	const struct instance *instance, const char *etc_directory,
	struct arena *arena, struct engine **engines_out, size_t *count_out,
	struct err *err);

#endif
