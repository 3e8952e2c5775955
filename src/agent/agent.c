/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A turn follows each change that inotify reports, each verb, and the
 * time that the sequencer asked for; while something is under way also
 * SAFETY_MS, in case a report was lost. What is wanted (up or down) is
 * kept in a file of the run tree, so that a killed agent goes on with it.
 */
#include "agent/agent.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/isolation.h"
#include "agent/isolation_watch.h"
#include "agent/preparing.h"
#include "agent/probation.h"
#include "agent/roller.h"
#include "agent/stale.h"
#include "agent/strangers.h"
#include "agent/tree.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "io/notify.h"

#define MEBIBYTE ((size_t)1024 * 1024)
#define SAFETY_MS 250
#define WANTED_FILE "wanted"
#define NOTIFY_FILE "notify"
#define WANTED_DOWN "down\n"
#define LOG_SERVICE "log"
#define HOLDER_SERVICE "fdholder"
#define SMALL_FILE_MAX 256

static bool
send_command(const struct unit *unit, const char *letters)
{
	return s6_command(unit->directory, letters);
}

static void
set_down_file(const struct unit *unit, bool present)
{
	char path[PATH_MAX];
	struct err err;

	if (unit->starts_alone)
		return;
	snprintf(path, sizeof(path), "%s/down", unit->directory);
	if (present && record_replace(path, "", 0644, &err) == -1)
		log_warn("down file not written, going on", LOG_ERR(&err));
	if (!present && unlink(path) == -1 && errno != ENOENT)
		log_warn("down file not removed, going on",
			LOG_TEXT("path", path),
			LOG_TEXT("cause", strerror(errno)));
}

static void
hurry(const struct unit *unit)
{
	if (unit->status.finishing)
		s6_hurry_finish(unit->directory);
}

static const struct sequencer_operations OPERATIONS = {
	.command = send_command,
	.set_down_file = set_down_file,
	.hurry = hurry,
	.path_exists = fs_exists,
};

/* Reads a small file of the run directory; "" when there is none. */
static void
read_run_file(
	const struct agent *agent, const char *name, char text[SMALL_FILE_MAX])
{
	struct strbuf content;
	struct err ignored;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", agent->service->paths.run, name);
	strbuf_init(&content, SMALL_FILE_MAX);
	text[0] = '\0';
	if (fs_read(path, SMALL_FILE_MAX - 1, &content, &ignored) == 0)
		snprintf(text, SMALL_FILE_MAX, "%s", content.data);
	strbuf_deinit(&content);
}

static void
write_wanted_down(const struct agent *agent)
{
	char path[PATH_MAX];
	struct err err;

	snprintf(path, sizeof(path), "%s/" WANTED_FILE,
		agent->service->paths.run);
	if (record_replace(path, WANTED_DOWN, 0644, &err) == -1)
		log_warn("cannot note that all is to be down, going on",
			LOG_ERR(&err));
}

/* systemd, when `up --foreground` was its child. */
static void
notify_manager(const struct agent *agent, const char *message)
{
	char socket_path[SMALL_FILE_MAX];

	read_run_file(agent, NOTIFY_FILE, socket_path);
	if (socket_path[0] != '\0')
		notify_systemd(socket_path, message);
}

static void
notify_verdict(struct agent *agent, enum sequencer_verdict verdict,
	const struct unit *culprit)
{
	char message[512];
	/* Also when one failed: systemd would end all the others for it, again
	 * and again, while s6 goes on trying. */
	bool is_up = verdict != SEQUENCER_PENDING;

	if (agent->verdict_told && agent->verdict == verdict)
		return;
	agent->verdict = verdict;
	agent->verdict_told = true;
	snprintf(message, sizeof(message), "%sSTATUS=%s%s%s%s%s",
		is_up ? "READY=1\n" : "", sequencer_verdict_name(verdict),
		culprit ? ": " : "", culprit ? culprit->service->name : "",
		culprit && culprit->note[0] ? " " : "",
		culprit ? culprit->note : "");
	notify_manager(agent, message);
	if (verdict == SEQUENCER_FAILED)
		log_error("suite failed",
			LOG_TEXT("service",
				culprit ? culprit->service->name : ""));
	else
		log_info("suite",
			LOG_TEXT("state", sequencer_verdict_name(verdict)),
			LOG_NUMBER(
				"ms", clock_monotonic_ms() - agent->began_ms));
}

static void
log_change(const struct unit *unit)
{
	bool is_bad = unit->state == UNIT_OVERDUE || unit->degraded;
	struct log_field fields[] = {
		LOG_TEXT("service", unit->service->name),
		LOG_TEXT("state", unit_state_name(unit->state)),
		LOG_NUMBER("ms", unit->took_ms),
		LOG_TEXT("note", unit->note),
		LOG_END,
	};

	log_event(is_bad ? LOG_LEVEL_WARN : LOG_LEVEL_INFO, "service", fields);
}

static void
tell_waiters(const struct agent *agent, const struct unit *unit)
{
	for (struct agent_waiter *w = agent->waiters; w; w = w->next) {
		struct json_writer *answer = ipc_answer(w->call);

		json_text(answer, "service", unit->service->name);
		json_text(answer, "state", unit_state_name(unit->state));
		json_number(answer, "ms", unit->took_ms);
		json_text(answer, "note", unit->note);
		ipc_progress(w->call);
	}
	roller_tell(agent->roller, unit);
}

/* True when a service has become ready. */
static bool
tell_changes(struct agent *agent)
{
	bool some_ready = false;

	for (size_t i = 0; i < agent->sequencer.unit_count; i++) {
		const struct unit *unit = &agent->sequencer.units[i];
		struct agent_told *told = &agent->told[i];

		if (told->state == unit->state &&
			strcmp(told->note, unit->note) == 0)
			continue;
		told->state = unit->state;
		memcpy(told->note, unit->note, sizeof(told->note));
		some_ready = some_ready || unit->state == UNIT_READY;
		log_change(unit);
		tell_waiters(agent, unit);
	}
	return some_ready;
}

static void
keep_sockets(struct agent *agent, bool changed)
{
	const struct unit *unit =
		sequencer_find(&agent->sequencer, HOLDER_SERVICE);

	if (unit != NULL && unit->state == UNIT_READY)
		holder_turn(&agent->holder, &agent->service->paths,
			unit->status.pid, changed);
}

/* The words of its gate. */
static bool
set_refusal(const struct unit *unit, struct err *err)
{
	char text[RECORD_REFUSAL_MAX];

	if (unit->service->gate[0] == NULL)
		return false;
	record_read_refusal(unit->directory, text);
	if (text[0] == '\0')
		return false;
	err_set(err, ERR_UNAVAILABLE, "%s is not started: %s",
		unit->service->name, text);
	err_remedy(err, "mailherd status shows it in full");
	return true;
}

int
agent_unit_error(const struct unit *unit, struct err *err)
{
	if (set_refusal(unit, err))
		return -1;
	err_set(err, ERR_UNAVAILABLE, "%s is %s: %s", unit->service->name,
		unit_state_name(unit->state), unit->note);
	return err_remedy(err, "mailherd logs %s", unit->service->name);
}

int
agent_end_error(const struct unit *unit, const struct record_ended *ended,
	struct err *err)
{
	if (set_refusal(unit, err))
		return -1;
	err_set(err, ERR_UNAVAILABLE,
		"%s ends as soon as it is started (%s %d)", unit->service->name,
		ended->exit_signal ? "signal" : "status",
		ended->exit_signal ? ended->exit_signal : ended->exit_code);
	return err_remedy(err, "mailherd logs %s", unit->service->name);
}

/*
 * Sooner than its deadline: what ends so often in a row does not become
 * ready with this configuration.
 */
static bool
ends_again_and_again(const struct agent_waiter *waiter, struct err *err)
{
	const struct unit *unit = waiter->unit;
	struct record_ended ended;

	record_read_ended(unit->directory, &ended);
	if (ended.count - waiter->failures < ROLL_FAILURES_MAX)
		return false;
	agent_end_error(unit, &ended, err);
	return true;
}

/* 1 what it waits for is there, 0 not yet, -1 it failed. */
static int
judge_waiter(const struct agent *agent, const struct agent_waiter *waiter,
	enum sequencer_verdict verdict, const struct unit *culprit,
	struct err *err)
{
	switch (waiter->kind) {
	case AGENT_WAIT_DOWN:
		return agent->sequencer.all_down;
	case AGENT_WAIT_UNIT:
		if (waiter->unit->state == UNIT_OVERDUE ||
			waiter->unit->state == UNIT_BLOCKED)
			return agent_unit_error(waiter->unit, err);
		if (ends_again_and_again(waiter, err))
			return -1;
		return sequencer_stays_ready(
			       waiter->unit, clock_monotonic_ms()) ||
		       (waiter->unit->state == UNIT_OFF &&
			       !waiter->unit->restarting);
	case AGENT_WAIT_HEALTHY:
		if (verdict == SEQUENCER_FAILED)
			return agent_unit_error(culprit, err);
		return verdict != SEQUENCER_PENDING;
	}
	return 0;
}

static void
end_wait(const struct agent_waiter *waiter, const struct err *err,
	enum sequencer_verdict verdict)
{
	if (err != NULL) {
		ipc_fail(waiter->call, err);
	} else {
		json_text(ipc_answer(waiter->call), "state",
			sequencer_verdict_name(verdict));
		ipc_reply(waiter->call);
	}
}

void
agent_fail_waiting(struct agent *agent, const struct err *err)
{
	struct agent_waiter **link = &agent->waiters;

	while (*link != NULL) {
		struct agent_waiter *waiter = *link;

		if (waiter->kind == AGENT_WAIT_DOWN) {
			link = &waiter->next;
			continue;
		}
		*link = waiter->next;
		ipc_fail(waiter->call, err);
		x_free(&waiter);
	}
	roller_fail(agent->roller, err);
}

static void
finish_waiters(struct agent *agent)
{
	const struct unit *culprit;
	enum sequencer_verdict verdict =
		sequencer_judge(&agent->sequencer, &culprit);
	struct agent_waiter **link = &agent->waiters;

	while (*link != NULL) {
		struct agent_waiter *waiter = *link;
		struct err err = { 0 };
		int answer =
			judge_waiter(agent, waiter, verdict, culprit, &err);

		if (answer == 0) {
			link = &waiter->next;
			continue;
		}
		*link = waiter->next;
		end_wait(waiter, answer == -1 ? &err : NULL, verdict);
		x_free(&waiter);
	}
}

static void
on_isolation_removed(const struct child_result *result UNUSED,
	const struct strbuf *output, const struct err *start_error,
	void *context)
{
	struct agent *agent = context;

	if (start_error != NULL)
		log_warn("isolation not taken away", LOG_ERR(start_error));
	else if (output->length > 0)
		log_warn("isolation not taken away",
			LOG_TEXT("cause", output->data));
	if (!s6_scan_command(agent->service->paths.services, "t"))
		log_error("s6-svscan does not listen");
}

static void
on_isolation_back(const struct child_result *result UNUSED,
	const struct strbuf *output, const struct err *start_error,
	void *context UNUSED)
{
	if (start_error != NULL)
		log_error("isolation is not back", LOG_ERR(start_error));
	else if (output->length > 0)
		log_error("isolation is not back",
			LOG_TEXT("cause", output->data));
	else
		log_info("isolation is back");
}

/* What was not put in force, or was switched off, is not missed. */
static void
on_isolation_lost(void *context)
{
	static const char *const ISOLATE[] = { "--isolate", NULL };
	struct agent *agent = context;
	const struct paths *paths = &agent->service->paths;
	struct isolation_state state;

	if (agent->sequencer.goal == SEQUENCER_DOWN ||
		!isolation_read(paths, &state) || !isolation_is_missed(&state))
		return;
	log_warn(
		"isolation was taken away by another program, putting it back");
	isolation_lost(paths);
	preparing_start(agent->service, ISOLATE, on_isolation_back, agent);
}

static void
watch_isolation(struct agent *agent)
{
	char table[ISOLATION_TABLE_SIZE];
	struct err err;

	isolation_table(&agent->service->paths, table);
	if (isolation_watch_new(agent->service->loop, table, on_isolation_lost,
		    agent, &agent->isolation_watch, &err) == -1)
		log_info("isolation is not watched", LOG_ERR(&err));
}

/*
 * All is down but us, the logger and the descriptor holder: either all
 * ends, or a new agent (perhaps of a new version) starts all again.
 */
static void
end_stop(struct agent *agent)
{
	static const char *const END[] = { "--end", NULL };
	struct unit *logger = sequencer_find(&agent->sequencer, LOG_SERVICE);

	if (agent->restart_all) {
		if (logger != NULL)
			(void)send_command(logger, "t"); /* s6 restarts it */
		service_renew(agent->service);
		return;
	}
	notify_manager(agent, "STOPPING=1");
	log_info("all services are down");
	preparing_start(agent->service, END, on_isolation_removed, agent);
}

static void
plan_next_turn(struct agent *agent, int64_t now_ms, int64_t wake_ms)
{
	bool busy = agent->sequencer.goal == SEQUENCER_DOWN ||
		    agent->waiters != NULL || roller_is_busy(agent->roller) ||
		    agent->has_strangers || agent->verdict == SEQUENCER_PENDING;
	int64_t wait_ms = wake_ms == SEQUENCER_NEVER ? -1 : wake_ms - now_ms;
	struct timeval wait;

	if (busy && (wait_ms < 0 || wait_ms > SAFETY_MS))
		wait_ms = SAFETY_MS;
	if (wait_ms < 0) {
		event_del(agent->timer);
		return;
	}
	wait.tv_sec = wait_ms / 1000;
	wait.tv_usec = wait_ms % 1000 * 1000;
	event_add(agent->timer, &wait);
}

static void
read_statuses(struct sequencer *sequencer)
{
	for (size_t i = 0; i < sequencer->unit_count; i++)
		s6_status_read(sequencer->units[i].directory,
			&sequencer->units[i].status);
}

static bool
some_is_stale(const struct agent *agent)
{
	struct stale stale[SEQUENCER_UNITS_MAX];

	stale_find(&agent->service->paths, &agent->sequencer, stale);
	for (size_t i = 0; i < agent->sequencer.unit_count; i++)
		if (stale[i].action != STALE_NOT)
			return true;
	return false;
}

/*
 * Nothing is under way. Services that the profile dropped go when nobody
 * is left who was configured to use them.
 */
static void
settle(struct agent *agent)
{
	const char *scan = agent->service->paths.services;

	probation_settle(agent->probation);
	agent->has_strangers = strangers_present(scan, &agent->sequencer) &&
			       !some_is_stale(agent) &&
			       strangers_turn(scan, &agent->sequencer);
}

static bool
is_settled(const struct agent *agent)
{
	return agent->sequencer.goal == SEQUENCER_UP &&
	       agent->verdict != SEQUENCER_PENDING && agent->waiters == NULL &&
	       !roller_is_busy(agent->roller) &&
	       !probation_goes_back(agent->probation);
}

void
agent_turn(struct agent *agent)
{
	struct sequencer *sequencer = &agent->sequencer;
	const struct unit *culprit;
	bool was_down = sequencer->all_down;
	int64_t now_ms = clock_monotonic_ms(), wake_ms = SEQUENCER_NEVER;

	/* Once all is down, so are its supervisors: nothing more to do. */
	if (!was_down) {
		read_statuses(sequencer);
		wake_ms = sequencer_step(sequencer, now_ms);
	}
	keep_sockets(agent, tell_changes(agent));
	if (sequencer->goal == SEQUENCER_UP) {
		enum sequencer_verdict verdict =
			sequencer_judge(sequencer, &culprit);

		notify_verdict(agent, verdict, culprit);
		probation_turn(agent->probation);
	}
	if (!probation_goes_back(agent->probation)) {
		roller_turn(agent->roller, now_ms);
		finish_waiters(agent);
	}
	if (is_settled(agent))
		settle(agent);
	if (sequencer->all_down && !was_down)
		end_stop(agent);
	plan_next_turn(agent, now_ms, wake_ms);
}

static void
on_change(void *context)
{
	agent_turn(context);
}

static void
on_timer(evutil_socket_t fd UNUSED, short what UNUSED, void *context)
{
	agent_turn(context);
}

void
agent_wait(struct agent *agent, const struct agent_waiter *waiter)
{
	struct agent_waiter *copy = xmalloc(sizeof(*copy));

	*copy = *waiter;
	copy->next = agent->waiters;
	agent->waiters = copy;
}

void
agent_stop_all(struct agent *agent, bool restart)
{
	struct sequencer *sequencer = &agent->sequencer;

	/* A stop wins over a restart, never the other way. */
	agent->restart_all = sequencer->goal == SEQUENCER_DOWN
				     ? agent->restart_all && restart
				     : restart;
	if (!agent->restart_all)
		write_wanted_down(agent);
	if (sequencer->goal == SEQUENCER_DOWN)
		return;
	sequencer->goal = SEQUENCER_DOWN;
	for (size_t i = 0; i < sequencer->unit_count; i++)
		sequencer->units[i].stop_sent = false;
}

int
agent_load(struct service_state *state, struct err *err)
{
	struct agent *agent = xmalloc(sizeof(*agent));
	int answer;

	agent->service = state;
	agent->arena = arena_new();
	state->program = agent;
	answer = instance_load_or_last(
		&state->paths, agent->arena, &agent->instance, err);
	if (answer == -1)
		return -1;
	if (answer == 1)
		log_warn("mailherd.conf is wrong, going on with the last one",
			LOG_ERR(err));
	return engine_load_all(&state->paths, &agent->instance, NULL,
		agent->arena, &agent->engines, &agent->engine_count, err);
}

int
agent_start(struct agent *agent, struct err *err)
{
	struct event_base *loop = agent->service->loop;
	char wanted[SMALL_FILE_MAX];
	char spool[PATHS_MAX + 16];

	agent->began_ms = clock_monotonic_ms();
	sequencer_init(&agent->sequencer, agent->engines, agent->engine_count,
		agent->service->paths.services, &OPERATIONS);
	snprintf(spool, sizeof(spool), "%s/postfix/spool",
		agent->service->paths.engines);
	agent->retry_queue = retry_queue_new(loop, spool);
	snprintf(agent->dovecot_conf, sizeof(agent->dovecot_conf),
		"%s/dovecot/dovecot.conf", agent->service->paths.rendered);
	agent->mail_runner = mail_runner_new(loop, MAIL_COMMANDS,
		MAIL_COMMAND_DOVEADM, agent->dovecot_conf,
		agent->service->paths.sockets, MAIL_COMMAND_USER,
		(size_t)agent->instance.search_memory_mib * MEBIBYTE);
	agent->garbage_runner =
		garbage_runner_new(loop, &agent->service->paths);
	if (watcher_new(loop, on_change, agent, &agent->watcher, err) == -1)
		return -1;
	for (size_t i = 0; i < agent->sequencer.unit_count; i++)
		if (watcher_add(agent->watcher,
			    agent->sequencer.units[i].directory, err) == -1)
			return -1;
	watch_isolation(agent);
	agent->roller = roller_new(agent);
	agent->probation = probation_new(agent);
	agent->timer = evtimer_new(loop, on_timer, agent);
	BUG_ON(agent->timer == NULL);
	/* Directories that were added since s6-svscan last looked. */
	(void)s6_scan_command(agent->service->paths.services, "a");
	read_run_file(agent, WANTED_FILE, wanted);
	if (strcmp(wanted, WANTED_DOWN) == 0)
		agent_stop_all(agent, false);
	agent_turn(agent);
	return 0;
}

void
agent_free(struct agent **agent)
{
	if (*agent == NULL)
		return;
	for (int i = 0; i < AGENT_SERVERS; i++)
		ipc_server_free(&(*agent)->servers[i]);
	while ((*agent)->waiters != NULL) {
		struct agent_waiter *waiter = (*agent)->waiters;

		(*agent)->waiters = waiter->next;
		x_free(&waiter);
	}
	roller_free(&(*agent)->roller);
	probation_free(&(*agent)->probation);
	holder_deinit(&(*agent)->holder);
	retry_queue_free(&(*agent)->retry_queue);
	isolation_watch_free(&(*agent)->isolation_watch);
	mail_runner_free(&(*agent)->mail_runner);
	garbage_runner_free(&(*agent)->garbage_runner);
	watcher_free(&(*agent)->watcher);
	if ((*agent)->timer != NULL)
		event_free((*agent)->timer);
	arena_free(&(*agent)->arena);
	x_free(agent);
}
