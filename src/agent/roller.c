/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A reload is over when the signal is no longer pending, for engines that
 * replace their processes a new one is there, and the service's probe is
 * answered. An engine that does not show it in time is restarted.
 */
#include "agent/roller.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/agent.h"
#include "agent/generation.h"
#include "agent/preparing.h"
#include "agent/probation.h"
#include "agent/tree.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "io/child.h"
#include "supervise/record.h"

#define PROBE_DEADLINE_MS 3000
#define RELOAD_DEADLINE_MS 10000
#define STATUS_SIZE_MAX 8192

struct waiting_call {
	struct waiting_call *next;
	struct ipc_call *call;
};

enum reload_step {
	RELOAD_SENT,
	RELOAD_PROBING,
	RELOAD_ANSWERED
};

/* The one reload that is under way. */
struct reload {
	enum reload_step step;
	int64_t sent_ms;
	uint64_t sent_ticks; /* as process.start_ticks */
	int generation;
	int number; /* so that a late probe is known as one */
};

enum roller_state {
	ROLLER_IDLE,
	ROLLER_PREPARING,
	ROLLER_ROLLING,
	ROLLER_SETTLING /* all is renewed; who waits for it may not be ready */
};

struct roller {
	struct agent *agent;
	enum roller_state state;
	struct waiting_call *pending; /* of the next roll */
	struct waiting_call *active;
	struct roll roll;
	struct reload reload;
};

/* A probe that may outlive the reload that it belongs to. */
struct probe {
	struct roller *roller;
	int number;
};

static void
calls_add(struct waiting_call **list, struct ipc_call *call)
{
	struct waiting_call *entry = xmalloc(sizeof(*entry));

	entry->call = call;
	entry->next = *list;
	*list = entry;
}

static struct ipc_call *
calls_take(struct waiting_call **list)
{
	struct waiting_call *entry = *list;
	struct ipc_call *call;

	if (entry == NULL)
		return NULL;
	*list = entry->next;
	call = entry->call;
	x_free(&entry);
	return call;
}

/* Operations on real processes. */

static bool
restart(struct roll_item *item, void *context UNUSED)
{
	if (item->unit->starts_alone)
		return s6_command(item->unit->directory, "t");
	sequencer_restart(item->unit);
	return true;
}

static void
look(const struct unit *unit, struct process *process_out,
	int64_t *failures_out)
{
	struct record_started started;
	struct record_ended ended;

	record_read_started(unit->directory, &started);
	record_read_ended(unit->directory, &ended);
	*process_out = started.process;
	*failures_out = ended.count;
}

static uint64_t
ticks_now(void)
{
	struct timespec now;
	uint64_t per_second = (uint64_t)sysconf(_SC_CLK_TCK);

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (uint64_t)now.tv_sec * per_second +
	       (uint64_t)now.tv_nsec / (1000000000 / per_second);
}

static bool
reload(struct roll_item *item, void *context)
{
	struct roller *roller = context;

	if (!process_is_alive(&item->process) ||
		item->process.pid != item->unit->status.pid)
		return false;
	roller->reload = (struct reload){
		.sent_ms = clock_monotonic_ms(),
		.sent_ticks = ticks_now(),
		.generation =
			generation_current(&roller->agent->service->paths),
		.number = roller->reload.number + 1,
	};
	return kill(item->process.pid, item->unit->service->reload_signal) == 0;
}

/* It was sent and its handler has not run. */
static bool
is_pending(pid_t pid, int signal_number)
{
	static const char *const LINES[] = { "SigPnd:", "ShdPnd:" };
	uint64_t pending = 0;
	struct strbuf text;
	struct err ignored;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	strbuf_init(&text, STATUS_SIZE_MAX);
	if (fs_read(path, STATUS_SIZE_MAX, &text, &ignored) == 0)
		for (size_t i = 0; i < ARRAY_LENGTH(LINES); i++) {
			const char *line = strstr(text.data, LINES[i]);

			if (line != NULL)
				pending |= strtoull(
					line + strlen(LINES[i]), NULL, 16);
		}
	strbuf_deinit(&text);
	return (pending & (UINT64_C(1) << (signal_number - 1))) != 0;
}

struct newcomer {
	pid_t session;
	uint64_t since_ticks;
	bool found;
};

static void
check_newcomer(pid_t pid, pid_t session, void *context)
{
	struct newcomer *newcomer = context;
	struct process process;

	if (session == newcomer->session && pid != session &&
		process_identify(pid, &process) &&
		process.start_ticks >= newcomer->since_ticks)
		newcomer->found = true;
}

static bool
has_forked(pid_t session, uint64_t since_ticks)
{
	struct newcomer newcomer = { session, since_ticks, false };

	process_each(check_newcomer, &newcomer);
	return newcomer.found;
}

static void
on_probe(const struct child_result *result, const struct strbuf *output UNUSED,
	const struct err *start_error, void *context)
{
	struct probe *probe = context;
	struct roller *roller = probe->roller;
	bool answered = start_error == NULL && !result->timed_out &&
			result->status == 0;

	if (roller->reload.number == probe->number &&
		roller->reload.step == RELOAD_PROBING)
		roller->reload.step = answered ? RELOAD_ANSWERED : RELOAD_SENT;
	x_free(&probe);
	agent_turn(roller->agent);
}

static void
start_probe(struct roller *roller, const struct unit *unit)
{
	const struct paths *paths = &roller->agent->service->paths;
	struct arena *arena = arena_new();
	struct probe *probe = xmalloc(sizeof(*probe));
	const char *argv[] = {
		arena_printf(arena, "%s/mailherd-probe", paths->programs), NULL
	};
	struct child_spec spec = { .argv = argv,
		.directory = unit->directory,
		.deadline_ms = PROBE_DEADLINE_MS };

	*probe = (struct probe){ roller, roller->reload.number };
	roller->reload.step = RELOAD_PROBING;
	child_start(roller->agent->service->loop, &spec, on_probe, probe);
	arena_free(&arena);
}

static void
note_reload(
	const struct unit *unit, const struct process *process, int generation)
{
	struct record_loaded loaded = { *process, generation };
	struct err err;

	if (record_write_loaded(unit->directory, &loaded, &err) == -1)
		log_warn("reload not noted, it will be done again",
			LOG_ERR(&err));
}

static enum roll_reload
reloaded(struct roll_item *item, int64_t now_ms, void *context)
{
	struct roller *roller = context;
	struct reload *state = &roller->reload;
	const struct unit *unit = item->unit;
	pid_t pid = item->process.pid;

	if (!process_is_alive(&item->process) ||
		now_ms >= state->sent_ms + RELOAD_DEADLINE_MS) {
		log_warn("reload was not taken, restarting the service",
			LOG_TEXT("service", unit->service->name));
		return ROLL_RELOAD_REFUSED;
	}
	if (state->step == RELOAD_SENT) {
		if (is_pending(pid, unit->service->reload_signal) ||
			(unit->service->reload_forks &&
				!has_forked(pid, state->sent_ticks)))
			return ROLL_RELOAD_BUSY;
		if (unit->service->ready == ENGINE_READY_PROBE)
			start_probe(roller, unit);
		else
			state->step = RELOAD_ANSWERED;
	}
	if (state->step != RELOAD_ANSWERED)
		return ROLL_RELOAD_BUSY;
	note_reload(unit, &item->process, state->generation);
	return ROLL_RELOAD_TAKEN;
}

static void
tell(const struct roll_item *item, void *context)
{
	const struct roller *roller = context;

	if (item->state == ROLL_RELOADED || item->state == ROLL_RESTARTED)
		log_info("service is up to date",
			LOG_TEXT("service", item->unit->service->name),
			LOG_TEXT("by", roll_state_name(item->state)),
			LOG_TEXT("because", item->stale.reason),
			LOG_NUMBER("ms", item->took_ms));
	for (struct waiting_call *c = roller->active; c != NULL; c = c->next) {
		struct json_writer *answer = ipc_answer(c->call);

		json_text(answer, "service", item->unit->service->name);
		json_text(answer, "state", roll_state_name(item->state));
		json_number(answer, "ms", item->took_ms);
		json_text(answer, "note",
			item->state == ROLL_RELOADING ||
					item->state == ROLL_RESTARTING
				? item->stale.reason
				: "");
		ipc_progress(c->call);
	}
}

static const struct roll_operations OPERATIONS = {
	.restart = restart,
	.reload = reload,
	.reloaded = reloaded,
	.look = look,
	.tell = tell,
};

/* Answers. */

static void
write_item(struct json_writer *w, const struct roll_item *item)
{
	json_object_open(w, NULL);
	json_text(w, "name", item->unit->service->name);
	json_text(w, "action", roll_state_name(item->state));
	if (item->stale.reason[0] != '\0')
		json_text(w, "reason", item->stale.reason);
	if (item->took_ms >= 0)
		json_number(w, "ms", item->took_ms);
	json_object_close(w);
}

static void
write_answer(const struct roller *roller, struct json_writer *w,
	enum sequencer_verdict verdict)
{
	json_text(w, "state", sequencer_verdict_name(verdict));
	json_number(w, "generation",
		generation_current(&roller->agent->service->paths));
	json_number(w, "changed", (int64_t)roll_work(&roller->roll));
	json_array_open(w, "services");
	for (size_t i = 0; i < roller->roll.count; i++)
		write_item(w, &roller->roll.items[i]);
	json_array_close(w);
}

static void begin(struct roller *roller);

static void
succeed(struct roller *roller, enum sequencer_verdict verdict)
{
	struct ipc_call *call;

	roller->state = ROLLER_IDLE;
	while ((call = calls_take(&roller->active)) != NULL) {
		write_answer(roller, ipc_answer(call), verdict);
		ipc_reply(call);
	}
	begin(roller);
}

static void
fail(struct roller *roller, const struct err *err)
{
	struct ipc_call *call;

	roller->state = ROLLER_IDLE;
	log_error("services were not brought up to date", LOG_ERR(err));
	while ((call = calls_take(&roller->active)) != NULL)
		ipc_fail(call, err);
	begin(roller);
}

/* The agent does not restart itself: who asked has to ask for it. */
static void
ask_again(struct roller *roller)
{
	struct ipc_call *call;

	roller->state = ROLLER_IDLE;
	while ((call = calls_take(&roller->active)) != NULL) {
		struct json_writer *answer = ipc_answer(call);

		json_text(answer, "state", "agent");
		json_bool(answer, "restart_agent", true);
		ipc_reply(call);
	}
	begin(roller);
}

/* What to go back to: what the first stale service was started with. */
static int
generation_before(const struct roller *roller)
{
	int before = 0;

	for (size_t i = 0; before == 0 && i < roller->roll.count; i++) {
		const struct roll_item *item = &roller->roll.items[i];

		if (item->state != ROLL_UNTOUCHED)
			before = record_generation(item->unit->directory);
	}
	return before;
}

static bool
agent_is_stale(const struct roller *roller)
{
	for (size_t i = 0; i < roller->roll.count; i++) {
		const struct roll_item *item = &roller->roll.items[i];

		if (strcmp(item->unit->service->name, TREE_AGENT) == 0)
			return item->state != ROLL_UNTOUCHED;
	}
	return false;
}

static void
on_prepared(const struct child_result *result, const struct strbuf *output,
	const struct err *start_error, void *context)
{
	struct roller *roller = context;
	struct sequencer *sequencer = &roller->agent->sequencer;
	struct stale stale[SEQUENCER_UNITS_MAX];
	struct err err = { 0 };

	if (preparing_failed(result, output, start_error, &err)) {
		fail(roller, &err);
		return;
	}
	stale_find(&roller->agent->service->paths, sequencer, stale);
	roll_init(&roller->roll, sequencer, stale, &OPERATIONS, roller);
	if (agent_is_stale(roller)) {
		ask_again(roller);
		return;
	}
	probation_begin(roller->agent->probation, generation_before(roller));
	roller->state = ROLLER_ROLLING;
	agent_turn(roller->agent);
}

static void
begin(struct roller *roller)
{
	const struct sequencer *sequencer = &roller->agent->sequencer;
	const char *arguments[2 * SEQUENCER_UNITS_MAX + 1] = { NULL };
	struct stale stale[SEQUENCER_UNITS_MAX];
	size_t used = 0;

	if (roller->state != ROLLER_IDLE || roller->pending == NULL)
		return;
	roller->active = roller->pending;
	roller->pending = NULL;
	roller->state = ROLLER_PREPARING;
	/* Who was replaced looks at its files with its new program first. */
	stale_find(&roller->agent->service->paths, sequencer, stale);
	for (size_t i = 0; i < sequencer->unit_count; i++)
		if (stale[i].replaced) {
			arguments[used++] = "--check";
			arguments[used++] = sequencer->units[i].engine->name;
		}
	preparing_start(roller->agent->service, arguments, on_prepared, roller);
}

void
roller_turn(struct roller *roller, int64_t now_ms)
{
	const struct unit *culprit;
	enum sequencer_verdict verdict;
	struct err err = { 0 };
	int answer = 0;

	if (roller->state == ROLLER_IDLE || roller->state == ROLLER_PREPARING)
		return;
	if (roller->agent->sequencer.goal == SEQUENCER_DOWN) {
		err_set(&err, ERR_BUSY, "the suite is stopping");
		fail(roller, &err);
		return;
	}
	if (roller->state == ROLLER_ROLLING)
		answer = roll_step(&roller->roll, now_ms, &err);
	if (answer == -1)
		fail(roller, &err);
	if (answer == 1)
		roller->state = ROLLER_SETTLING;
	if (roller->state != ROLLER_SETTLING)
		return;
	verdict = sequencer_judge(&roller->agent->sequencer, &culprit);
	if (verdict == SEQUENCER_FAILED) {
		agent_unit_error(culprit, &err);
		fail(roller, &err);
	} else if (verdict != SEQUENCER_PENDING) {
		succeed(roller, verdict);
	}
}

void
roller_ask(struct roller *roller, struct ipc_call *call)
{
	calls_add(&roller->pending, call);
	begin(roller);
}

void
roller_fail(struct roller *roller, const struct err *err)
{
	if (roller->state == ROLLER_ROLLING || roller->state == ROLLER_SETTLING)
		fail(roller, err);
}

/* We stay as we are: what we read can not go back. */
void
roller_restore(struct roller *roller)
{
	struct sequencer *sequencer = &roller->agent->sequencer;
	struct stale stale[SEQUENCER_UNITS_MAX];

	if (roller->state != ROLLER_IDLE)
		return; /* the next roll is being prepared and does it */
	stale_find(&roller->agent->service->paths, sequencer, stale);
	for (size_t i = 0; i < sequencer->unit_count; i++)
		if (strcmp(sequencer->units[i].service->name, TREE_AGENT) == 0)
			stale[i] = (struct stale){ 0 };
	roll_init(&roller->roll, sequencer, stale, &OPERATIONS, roller);
	roller->state = ROLLER_ROLLING;
}

bool
roller_is_busy(const struct roller *roller)
{
	return roller->state != ROLLER_IDLE;
}

void
roller_tell(const struct roller *roller, const struct unit *unit)
{
	for (struct waiting_call *c = roller->active; c != NULL; c = c->next) {
		struct json_writer *answer = ipc_answer(c->call);

		json_text(answer, "service", unit->service->name);
		json_text(answer, "state", unit_state_name(unit->state));
		json_number(answer, "ms", unit->took_ms);
		json_text(answer, "note", unit->note);
		ipc_progress(c->call);
	}
}

struct roller *
roller_new(struct agent *agent)
{
	struct roller *roller = xmalloc(sizeof(*roller));

	roller->agent = agent;
	return roller;
}

void
roller_free(struct roller **roller)
{
	if (*roller == NULL)
		return;
	while ((*roller)->pending != NULL)
		(void)calls_take(&(*roller)->pending);
	while ((*roller)->active != NULL)
		(void)calls_take(&(*roller)->active);
	x_free(roller);
}
