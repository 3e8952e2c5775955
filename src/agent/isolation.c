/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Three thoughts decide the rules. Loopback addresses are judged before
 * any address translation, so that an administrator's own redirection to
 * one of them goes on. Where the instance has a control group, packets to
 * its sockets are dropped on their way in; where it has none, a socket's
 * user is known only on the way out, so the answer is dropped, and no
 * connection comes about. No connection tracking is used: it would begin
 * to work for the whole machine.
 */
#include "agent/isolation.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "io/child.h"
#include "supervise/record.h"

#define NFT "/usr/sbin/nft"
#define NFT_DEADLINE_MS 10000
#define NFT_OUTPUT_MAX 4096
#define RULES_MAX (64 * 1024)
#define CGROUP_FILE "/proc/self/cgroup"
#define CGROUP_TEXT_MAX 4096
#define TAKEN_AWAY "another program took the table or a part of it away"
#define SWITCHED_OFF "switched off: isolation = no"
#define STATE_FILE "isolation"
#define STATE_MAX 512
#define OK_WORD "ok "
#define FAILED_WORD "failed "

static const char CGROUP_CHARACTERS[] = "abcdefghijklmnopqrstuvwxyz"
					"ABCDEFGHIJKLMNOPQRSTUVWXYZ"
					"0123456789/._@:-";

/* FNV-1a: names need to differ, not to be secret. */
static uint64_t
hash_text(const char *text)
{
	uint64_t hash = 0xcbf29ce484222325ULL;

	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char)*text) * 0x100000001b3ULL;
	return hash;
}

void
isolation_table(const struct paths *paths, char name_out[ISOLATION_TABLE_SIZE])
{
	if (paths->root[0] == '\0')
		snprintf(name_out, ISOLATION_TABLE_SIZE, "mailherd");
	else
		snprintf(name_out, ISOLATION_TABLE_SIZE, "mailherd_%016llx",
			(unsigned long long)hash_text(paths->root));
}

/*
 * "mailherd.service" or "mailherd@....service"; the rest below it is what
 * was delegated to us. An upgrade's unit is not the suite's.
 */
static bool
is_our_unit(struct span name)
{
	static const char LAST[] = ".service";

	if (span_equal_text(name, "mailherd.service"))
		return true;
	return span_starts_with(name, "mailherd@") &&
	       name.length > strlen(LAST) &&
	       memcmp(name.data + name.length - strlen(LAST), LAST,
		       strlen(LAST)) == 0;
}

bool
isolation_cgroup(const char *text, char path_out[PATHS_MAX])
{
	struct span rest = span_from(text), line;

	while (span_split(&rest, '\n', &line)) {
		struct span path, component;
		const char *end = NULL;
		size_t length;

		if (!span_starts_with(line, "0::/"))
			continue;
		path = (struct span){ line.data + 4, line.length - 4 };
		line = path;
		while (span_split(&path, '/', &component))
			if (is_our_unit(component))
				end = component.data + component.length;
		if (end == NULL)
			return false;
		length = (size_t)(end - line.data);
		if (length >= PATHS_MAX ||
			strspn(line.data, CGROUP_CHARACTERS) < length)
			return false;
		memcpy(path_out, line.data, length);
		path_out[length] = '\0';
		return true;
	}
	return false;
}

static bool
is_public(const struct instance *instance, uint16_t port)
{
	for (int i = 0; i < PORT_COUNT; i++)
		if (instance->listen[i].port == port)
			return true;
	return false;
}

/* A port of an engine whose user is root has no rule by user: it would
 * concern every program of root. */
static int
print_port(struct strbuf *out, const struct engine_internal_port *port,
	const char *cgroup, struct err *err)
{
	const char *protocol = port->is_udp ? "udp" : "tcp";
	uid_t uid;
	gid_t gid;
	int level = 1;

	if (cgroup != NULL) {
		for (const char *c = cgroup; *c != '\0'; c++)
			level += *c == '/';
		strbuf_printf(out,
			"\t\tsocket cgroupv2 level %d \"%s\" %s dport %u counter drop\n",
			level, cgroup, protocol, port->number);
		return 0;
	}
	if (fs_user(port->user, &uid, &gid, err) == -1)
		return -1;
	if (uid != 0)
		strbuf_printf(out,
			"\t\tmeta skuid %u %s sport %u counter drop\n",
			(unsigned)uid, protocol, port->number);
	return 0;
}

static int
print_ports(struct strbuf *out, const struct tree_input *input,
	const char *cgroup, struct err *err)
{
	for (size_t i = 0; i < input->engine_count; i++) {
		const struct engine *engine = &input->engines[i];

		for (size_t j = 0; engine->internal_ports[j].user != NULL; j++)
			if (!is_public(input->instance,
				    engine->internal_ports[j].number) &&
				print_port(out, &engine->internal_ports[j],
					cgroup, err) == -1)
				return -1;
	}
	return 0;
}

int
isolation_print(struct strbuf *out, const struct tree_input *input,
	const char *cgroup, struct err *err)
{
	char table[ISOLATION_TABLE_SIZE];
	const char *hook = cgroup != NULL ? "input" : "output";

	isolation_table(input->paths, table);
	/* The first line makes the second one true, also the first time. */
	strbuf_printf(out,
		"table inet %s\n"
		"delete table inet %s\n"
		"table inet %s {\n"
		"\tcomment \"mailherd, instance %s/\"\n"
		"\tchain addresses {\n"
		"\t\ttype filter hook prerouting priority raw; policy accept;\n"
		"\t\tiif \"lo\" accept\n"
		"\t\tip daddr 127.0.0.0/8 counter drop\n"
		"\t\tip6 daddr ::1 counter drop\n"
		"\t}\n"
		"\tchain ports {\n"
		"\t\ttype filter hook %s priority filter - 5; policy accept;\n"
		"\t\t%s \"lo\" accept\n",
		table, table, table, input->paths->root, hook,
		cgroup != NULL ? "iif" : "oif");
	if (print_ports(out, input, cgroup, err) == -1)
		return -1;
	strbuf_add_text(out, "\t}\n}\n");
	return strbuf_overflowed(out)
		       ? err_set(err, ERR_TOO_BIG, "too many internal ports")
		       : 0;
}

/* The first line of what nft has to say, without the place in its input. */
static int
set_nft_error(struct err *err, const struct strbuf *output, int status)
{
	struct span rest = strbuf_span(output), line = { 0 };
	const char *word;

	(void)span_split(&rest, '\n', &line);
	if (line.length == 0)
		return err_set(
			err, ERR_SYSTEM, "nft ended with status %d", status);
	word = memmem(line.data, line.length, "Error: ", 7);
	if (word != NULL) {
		line.length -= (size_t)(word + 7 - line.data);
		line.data = word + 7;
	}
	return err_set(
		err, ERR_SYSTEM, "nft: %.*s", (int)line.length, line.data);
}

static int
run_nft(const struct strbuf *rules, struct err *err)
{
	static const char *const ARGV[] = { NFT, "-f", "-", NULL };
	struct child_spec spec = { .argv = ARGV,
		.input = strbuf_span(rules),
		.output_max = NFT_OUTPUT_MAX,
		.deadline_ms = NFT_DEADLINE_MS };
	struct child_result result;
	struct strbuf output;
	int answer;

	strbuf_init(&output, NFT_OUTPUT_MAX);
	answer = child_run(&spec, &output, &result, err);
	if (answer == 0 && result.timed_out)
		answer = err_set(err, ERR_SYSTEM, "nft did not end in time");
	else if (answer == 0 && result.status != 0)
		answer = set_nft_error(err, &output, result.status);
	strbuf_deinit(&output);
	return answer;
}

static int
put_in_force(
	const struct tree_input *input, const char *cgroup, struct err *err)
{
	struct strbuf rules;
	int result;

	strbuf_init(&rules, RULES_MAX);
	result = isolation_print(&rules, input, cgroup, err);
	if (result == 0)
		result = run_nft(&rules, err);
	strbuf_deinit(&rules);
	return result;
}

static bool
find_cgroup(char path_out[PATHS_MAX])
{
	struct strbuf text;
	struct err ignored;
	bool found;

	strbuf_init(&text, CGROUP_TEXT_MAX);
	found = fs_read(CGROUP_FILE, CGROUP_TEXT_MAX, &text, &ignored) == 0 &&
		isolation_cgroup(text.data, path_out);
	strbuf_deinit(&text);
	return found;
}

static void
state_path(const struct paths *paths, char path[PATHS_MAX * 2])
{
	snprintf(path, PATHS_MAX * 2, "%s/" STATE_FILE, paths->run);
}

static void
keep_state(const struct paths *paths, const struct isolation_state *state)
{
	char path[PATHS_MAX * 2], line[STATE_MAX];
	struct err err;

	state_path(paths, path);
	snprintf(line, sizeof(line), "%s%s", state->ok ? OK_WORD : FAILED_WORD,
		state->text);
	if (record_replace(path, line, 0600, &err) == -1)
		fprintf(stderr, "%s\n", err.text);
}

static int
delete_table(const struct paths *paths, struct err *err)
{
	char table[ISOLATION_TABLE_SIZE];
	struct strbuf rules;
	int result;

	isolation_table(paths, table);
	strbuf_init(&rules, RULES_MAX);
	strbuf_printf(
		&rules, "table inet %s\ndelete table inet %s\n", table, table);
	result = run_nft(&rules, err);
	strbuf_deinit(&rules);
	return result;
}

/* By the control group where it works, else by users. */
static int
isolate(const struct tree_input *input, char text_out[ISOLATION_TEXT_SIZE],
	struct err *err)
{
	char table[ISOLATION_TABLE_SIZE], cgroup[PATHS_MAX];
	bool by_cgroup =
		find_cgroup(cgroup) && put_in_force(input, cgroup, err) == 0;

	if (!by_cgroup && put_in_force(input, NULL, err) == -1)
		return -1;
	isolation_table(input->paths, table);
	snprintf(text_out, ISOLATION_TEXT_SIZE,
		"table inet %s, by the %s of sockets", table,
		by_cgroup ? "control group" : "user");
	return 0;
}

void
isolation_apply(
	const struct tree_input *input, struct isolation_state *state_out)
{
	struct isolation_state before, now = { .ok = true };
	struct err err = { 0 };

	if (!input->instance->isolation) {
		/* Only what we made is to be taken away. */
		if (isolation_read(input->paths, &before) &&
			strcmp(before.text, SWITCHED_OFF) != 0)
			(void)delete_table(input->paths, &err);
		snprintf(now.text, sizeof(now.text), SWITCHED_OFF);
	} else if (isolate(input, now.text, &err) == -1) {
		now.ok = false;
		snprintf(now.text, sizeof(now.text), "%.*s",
			ISOLATION_TEXT_SIZE - 1, err.text);
	}
	keep_state(input->paths, &now);
	*state_out = now;
}

bool
isolation_is_missed(const struct isolation_state *state)
{
	return state->ok ? strcmp(state->text, SWITCHED_OFF) != 0
			 : strcmp(state->text, TAKEN_AWAY) == 0;
}

void
isolation_lost(const struct paths *paths)
{
	static const struct isolation_state LOST = { .ok = false,
		.text = TAKEN_AWAY };

	keep_state(paths, &LOST);
}

void
isolation_remove(const struct paths *paths)
{
	struct isolation_state before;
	char path[PATHS_MAX * 2];
	struct err err = { 0 };

	if (!isolation_read(paths, &before))
		return;
	if (delete_table(paths, &err) == -1 && before.ok)
		fprintf(stderr, "isolation not taken away: %s\n", err.text);
	state_path(paths, path);
	(void)unlink(path); /* the next start writes it anew */
}

bool
isolation_read(const struct paths *paths, struct isolation_state *state_out)
{
	char path[PATHS_MAX * 2];
	struct strbuf text;
	struct err ignored;
	bool found;

	state_path(paths, path);
	strbuf_init(&text, STATE_MAX);
	found = fs_read(path, STATE_MAX, &text, &ignored) == 0 &&
		text.length > 0;
	if (found) {
		const char *blank = strchr(text.data, ' ');

		state_out->ok = span_starts_with(strbuf_span(&text), OK_WORD);
		snprintf(state_out->text, sizeof(state_out->text), "%s",
			blank != NULL ? blank + 1 : text.data);
	}
	strbuf_deinit(&text);
	return found;
}
