/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A restart first runs mailherd-prepare, so that it takes a new
 * configuration into force or, when that is wrong, is refused while all
 * still runs. Slow work is a child process; the loop never waits for one.
 */
#include "agent/verbs.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/mail_command.h"
#include "agent/preparing.h"
#include "agent/probation.h"
#include "agent/report.h"
#include "agent/roller.h"
#include "agent/tree.h"
#include "base/alloc.h"
#include "base/log.h"
#include "io/child.h"
#include "supervise/record.h"

#define KICK_DEADLINE_MS 5000
#define KICK_MAX 128 /* addresses */
#define KICK_INPUT_MAX 65536
#define OUTPUT_MAX 4096
#define ADDRESS_MAX 320
#define STORE_ID_LENGTH 32
#define FILE_NAME_MAX 255
#define ENTRY_LENGTH_MAX 48 /* time and store id */
#define NAME_MAX_LENGTH 32
#define TEXT_MAX 200
#define DOVECOT "dovecot"
#define CHANGED "changed "

/* A child process and the call that waits for it. */
struct errand {
	struct agent *agent;
	struct ipc_call *call;
	struct arena *arena; /* argv */
	const char *what; /* for the error */
	struct unit *unit; /* to restart; NULL: all */
	struct span input; /* of the child, until it was started */
	void (*then)(struct errand *errand, const struct strbuf *output);
};

static struct errand *
errand_new(struct agent *agent, struct ipc_call *call, const char *what)
{
	struct errand *errand = xmalloc(sizeof(*errand));

	errand->agent = agent;
	errand->call = call;
	errand->arena = arena_new();
	errand->what = what;
	return errand;
}

static void
errand_free(struct errand *errand)
{
	arena_free(&errand->arena);
	x_free(&errand);
}

static void
on_errand_done(const struct child_result *result, const struct strbuf *output,
	const struct err *start_error, void *context)
{
	struct errand *errand = context;
	struct err err = { 0 };

	if (start_error != NULL) {
		ipc_fail(errand->call, start_error);
	} else if (result->timed_out || result->status != 0) {
		preparing_output_error(&err, errand->what, result, output);
		ipc_fail(errand->call, &err);
	} else {
		errand->then(errand, output);
	}
	errand_free(errand);
}

static void
errand_start(struct errand *errand, const char *const *argv, const char *user,
	int deadline_ms)
{
	struct child_spec spec = { .argv = argv,
		.user = user,
		.input = errand->input,
		.output_max = OUTPUT_MAX,
		.deadline_ms = deadline_ms };

	child_start(
		errand->agent->service->loop, &spec, on_errand_done, errand);
}

static void
reply_ok(struct ipc_call *call)
{
	(void)ipc_answer(call); /* "ok" alone */
	ipc_reply(call);
}

static void
reply_empty(struct errand *errand, const struct strbuf *output UNUSED)
{
	reply_ok(errand->call);
}

static const char *
request_text(json_t *request, const char *name)
{
	return json_string_value(json_object_get(request, name));
}

static void
fail(struct ipc_call *call, enum err_code code, const char *field,
	const char *text)
{
	struct err err;

	err_field(&err, code, field, "%s", text);
	ipc_fail(call, &err);
}

/* mailherd-prepare, then errand->then. */
static void
start_prepare(struct errand *errand)
{
	static const char *const arguments[] = { NULL };

	preparing_start(
		errand->agent->service, arguments, on_errand_done, errand);
}

static void
answer_status(struct ipc_call *call, json_t *request UNUSED, void *context)
{
	struct agent *agent = context;

	agent_turn(agent);
	report_write(agent, ipc_answer(call));
	ipc_reply(call);
}

static void
answer_wait(struct ipc_call *call, json_t *request UNUSED, void *context)
{
	struct agent *agent = context;

	if (agent->sequencer.goal == SEQUENCER_DOWN && !agent->restart_all) {
		fail(call, ERR_UNAVAILABLE, "", "the suite is stopping");
		return;
	}
	if (agent->sequencer.goal == SEQUENCER_DOWN) {
		fail(call, ERR_BUSY, "", "the suite is being restarted");
		return;
	}
	agent_wait(agent, &(struct agent_waiter){
				  .call = call, .kind = AGENT_WAIT_HEALTHY });
	agent_turn(agent);
}

static void
restart_unit(struct errand *errand, const struct strbuf *output UNUSED)
{
	struct agent *agent = errand->agent;
	struct record_ended ended;

	probation_begin(
		agent->probation, record_generation(errand->unit->directory));
	record_read_ended(errand->unit->directory, &ended);
	sequencer_restart(errand->unit);
	agent_wait(agent, &(struct agent_waiter){ .call = errand->call,
				  .kind = AGENT_WAIT_UNIT,
				  .unit = errand->unit,
				  .failures = ended.count });
	agent_turn(agent);
}

static void
restart_all(struct errand *errand, const struct strbuf *output)
{
	probation_begin(errand->agent->probation,
		preparing_number(output, "previous "));
	agent_stop_all(errand->agent, true);
	agent_wait(errand->agent, &(struct agent_waiter){ .call = errand->call,
					  .kind = AGENT_WAIT_DOWN });
	agent_turn(errand->agent);
}

/* The few that s6 starts by itself: s6 does it, at once. */
static void
restart_alone(struct agent *agent, struct ipc_call *call, struct unit *unit)
{
	bool is_self = strcmp(unit->service->name, TREE_AGENT) == 0;

	if (!is_self && !s6_command(unit->directory, "t")) {
		fail(call, ERR_UNAVAILABLE, "service",
			"its supervisor is not there");
		return;
	}
	reply_ok(call);
	if (is_self)
		service_renew(agent->service);
}

static void
answer_restart(struct ipc_call *call, json_t *request, void *context)
{
	struct agent *agent = context;
	const char *name = request_text(request, "service");
	struct unit *unit =
		name ? sequencer_find(&agent->sequencer, name) : NULL;
	struct errand *errand;

	if (name != NULL && unit == NULL) {
		fail(call, ERR_NOT_FOUND, "service", "no such service");
		return;
	}
	if (agent->sequencer.goal == SEQUENCER_DOWN) {
		fail(call, ERR_BUSY, "", "the suite is stopping");
		return;
	}
	if (unit != NULL && unit->starts_alone) {
		restart_alone(agent, call, unit);
		return;
	}
	errand = errand_new(agent, call, "preparing the restart");
	errand->unit = unit;
	errand->then = unit != NULL ? restart_unit : restart_all;
	start_prepare(errand);
}

static void
answer_roll(struct ipc_call *call, json_t *request UNUSED, void *context)
{
	struct agent *agent = context;

	if (agent->sequencer.goal == SEQUENCER_DOWN) {
		fail(call, ERR_BUSY, "", "the suite is stopping");
		return;
	}
	agent_turn(agent);
	roller_ask(agent->roller, call);
}

static void
answer_down(struct ipc_call *call, json_t *request UNUSED, void *context)
{
	struct agent *agent = context;

	agent_stop_all(agent, false);
	agent_wait(agent, &(struct agent_waiter){
				  .call = call, .kind = AGENT_WAIT_DOWN });
	agent_turn(agent);
}

/* A line each, for mailherd-kick; false: one of them is no address. */
static bool
write_addresses(const json_t *addresses, struct strbuf *lines)
{
	const json_t *address;
	size_t i;

	json_array_foreach(addresses, i, address)
	{
		const char *text = json_string_value(address);

		if (text == NULL || strlen(text) > ADDRESS_MAX ||
			strchr(text, '@') == NULL || strchr(text, '\n') != NULL)
			return false;
		strbuf_add_text(lines, text);
		strbuf_add_char(lines, '\n');
	}
	return !strbuf_overflowed(lines);
}

static void
start_kick(struct agent *agent, struct ipc_call *call, struct span addresses)
{
	const struct paths *paths = &agent->service->paths;
	struct errand *errand = errand_new(agent, call, "ending sessions");
	const char *argv[] = { arena_printf(errand->arena, "%s/mailherd-kick",
				       paths->programs),
		"--root", arena_printf(errand->arena, "%s/", paths->root),
		NULL };

	errand->input = addresses;
	errand->then = reply_empty;
	errand_start(errand, argv, NULL, KICK_DEADLINE_MS);
}

/* Who is not running serves nobody: what is left of it is being ended. */
static void
answer_kick(struct ipc_call *call, json_t *request, void *context)
{
	struct agent *agent = context;
	const struct unit *dovecot = sequencer_find(&agent->sequencer, DOVECOT);
	struct s6_status status;
	struct strbuf lines;

	strbuf_init(&lines, KICK_INPUT_MAX);
	if (dovecot != NULL)
		s6_status_read(dovecot->directory, &status);
	if (!write_addresses(json_object_get(request, "addresses"), &lines))
		fail(call, ERR_INVALID, "addresses", "not a list of addresses");
	else if (dovecot == NULL || !s6_status_running(&status))
		reply_ok(call);
	else
		start_kick(agent, call, strbuf_span(&lines));
	strbuf_deinit(&lines);
}

static void
answer_garbage(struct ipc_call *call, json_t *request, void *context)
{
	struct agent *agent = context;

	garbage_runner_ask(agent->garbage_runner, call, request);
}

static void
answer_mail(struct ipc_call *call, json_t *request, void *context)
{
	struct agent *agent = context;

	mail_runner_ask(agent->mail_runner, call, request);
}

static void
answer_health(struct ipc_call *call, json_t *request, void *context)
{
	struct agent *agent = context;
	const char *name = request_text(request, "name");
	const char *text = request_text(request, "text");
	bool ok = json_is_true(json_object_get(request, "ok"));
	bool was_ok = sequencer_set_fact(
		&agent->sequencer, name, ok, text ? text : "");

	retry_queue_on_fact(agent->retry_queue, name, was_ok, ok);
	reply_ok(call);
	agent_turn(agent);
}

static void
reply_render(struct errand *errand, const struct strbuf *output)
{
	struct json_writer *answer = ipc_answer(errand->call);
	struct span rest = strbuf_span(output), line;

	json_number(
		answer, "generation", preparing_number(output, "generation "));
	json_array_open(answer, "changed");
	while (span_split(&rest, '\n', &line))
		if (span_starts_with(line, CHANGED))
			json_span(answer, NULL,
				(struct span){ line.data + strlen(CHANGED),
					line.length - strlen(CHANGED) });
	json_array_close(answer);
	ipc_reply(errand->call);
}

static void
answer_render(struct ipc_call *call, json_t *request UNUSED, void *context)
{
	struct errand *errand = errand_new(context, call, "rendering");

	errand->then = reply_render;
	start_prepare(errand);
}

static const struct ipc_field NO_FIELDS[] = { { .name = NULL } };

static const struct ipc_field RESTART_FIELDS[] = {
	{ "service", IPC_TEXT, NAME_MAX_LENGTH, false },
	{ .name = NULL },
};

static const struct ipc_field KICK_FIELDS[] = {
	{ "addresses", IPC_ARRAY, KICK_MAX, true },
	{ .name = NULL },
};

static const struct ipc_field GARBAGE_FIELDS[] = {
	{ "action", IPC_TEXT, NAME_MAX_LENGTH, true },
	{ "store_id", IPC_TEXT, STORE_ID_LENGTH, false },
	{ "entry", IPC_TEXT, ENTRY_LENGTH_MAX, false },
	{ "after", IPC_TEXT, FILE_NAME_MAX, false },
	{ .name = NULL },
};

static const struct ipc_field MAIL_FIELDS[] = {
	{ "command", IPC_TEXT, NAME_MAX_LENGTH, true },
	{ "addresses", IPC_ARRAY, MAIL_COMMAND_ADDRESSES_MAX, true },
	{ "parameters", IPC_OBJECT, 0, false },
	{ .name = NULL },
};

static const struct ipc_field HEALTH_FIELDS[] = {
	{ "name", IPC_TEXT, NAME_MAX_LENGTH, true },
	{ "ok", IPC_BOOL, 0, true },
	{ "text", IPC_TEXT, TEXT_MAX, false },
	{ .name = NULL },
};

static const char *const JOBS[] = { "mailherd", NULL };
static const char *const REPORTERS[] = { "mailherd", "mailherd-watch",
	"mailherd-directory", NULL };
static const char *const JOBS_AND_WATCH[] = { "mailherd", "mailherd-watch",
	NULL };

const struct ipc_verb AGENT_VERBS[] = {
	{ "status", NO_FIELDS, JOBS_AND_WATCH, answer_status },
	{ "wait", NO_FIELDS, JOBS_AND_WATCH, answer_wait },
	{ "restart", RESTART_FIELDS, JOBS_AND_WATCH, answer_restart },
	{ "roll", NO_FIELDS, JOBS, answer_roll },
	{ "down", NO_FIELDS, NULL, answer_down },
	{ "kick", KICK_FIELDS, JOBS, answer_kick },
	{ "garbage", GARBAGE_FIELDS, JOBS, answer_garbage },
	{ "mail", MAIL_FIELDS, JOBS, answer_mail },
	{ "health", HEALTH_FIELDS, REPORTERS, answer_health },
	{ "render", NO_FIELDS, JOBS, answer_render },
	{ .name = NULL },
};
