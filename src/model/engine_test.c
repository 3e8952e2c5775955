/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * engine.conf: what is read, what is refused with which words, and what is
 * left of a list when the profile takes services away.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "model/engine.h"

#define PROGRAMS "engine = mailherd\nservice = agent\nagent.argv = /bin/a\n"

struct fixture {
	struct paths paths;
	struct instance instance;
	struct arena *arena;
	struct engine *engines;
	size_t count;
	struct err err;
};

static void
write_file(const char *path, const char *text)
{
	struct err err;

	assert_int_equal(fs_write_atomic(path, text, strlen(text), 0644,
				 (uid_t)-1, (gid_t)-1, &err),
		0);
}

/* conf becomes engines/mta/engine.conf; NULL: no such folder. */
static int
load(struct fixture *f, const char *programs, const char *conf)
{
	char path[PATHS_MAX * 2];

	snprintf(path, sizeof(path), "%s/programs.conf", f->paths.share);
	write_file(path, programs);
	snprintf(path, sizeof(path), "%s/engines/mta/engine.conf",
		f->paths.share);
	if (conf != NULL)
		write_file(path, conf);
	f->err = (struct err){ 0 };
	return engine_load_all(&f->paths, &f->instance, NULL, f->arena,
		&f->engines, &f->count, &f->err);
}

static int
set_up(void **state)
{
	static struct fixture fixture;
	struct fixture *f = &fixture;
	char share[] = "/tmp/mh-engine-XXXXXX", path[PATHS_MAX * 2];
	struct err err;

	*f = (struct fixture){ .arena = arena_new() };
	assert_non_null(mkdtemp(share));
	snprintf(f->paths.share, sizeof(f->paths.share), "%s", share);
	snprintf(path, sizeof(path), "%s/engines/mta", share);
	assert_int_equal(
		fs_make_directory(path, 0755, (uid_t)-1, (gid_t)-1, &err), 0);
	snprintf(f->paths.engines, sizeof(f->paths.engines), "/r/engines");
	snprintf(f->paths.rendered, sizeof(f->paths.rendered), "/r/etc");
	snprintf(f->paths.sockets, sizeof(f->paths.sockets), "/r/sock");
	f->instance.hostname = "mail.example.org";
	f->instance.profile = PROFILE_STANDARD;
	f->instance.resolver_address = "127.0.53.1";
	f->instance.listen[PORT_SMTP].port = 25;
	f->instance.listen[PORT_SMTP].addresses[0] = "*";
	f->instance.listen[PORT_IMAPS].port = 1993;
	f->instance.listen[PORT_IMAPS].addresses[0] = "192.0.2.1";
	*state = f;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *f = *state;
	struct err err;

	arena_free(&f->arena);
	return fs_remove_tree(f->paths.share, &err);
}

static void
test_reads_everything(void **state)
{
	struct fixture *f = *state;
	const struct engine *mta;
	const struct engine_service *service;

	assert_int_equal(
		load(f, PROGRAMS,
			"engine = mta\n"
			"summary = A mail server\n"
			"package = one two\n"
			"unit = one.service\n"
			"directory = {state} 2750 root mail\n"
			"template = main.in sub/main.cf postfix 0640 root mail\n"
			"seed = /etc/hosts {state}/hosts 0644 root root\n"
			"check = /bin/check -c {etc}/main.cf\n"
			"service = mta\n"
			"mta.argv = /bin/mta -c {etc} --root {root}\n"
			"mta.first = /bin/tidy -c {etc}\n"
			"mta.gate = /bin/gate -c {etc}\n"
			"mta.leftover = {etc}/pid.lock\n"
			"mta.environment = GREETING=hello world\n"
			"mta.after = agent\n"
			"mta.prefer = health:resolver\n"
			"mta.ready = probe\n"
			"mta.probe = tcp {smtp.address} {smtp.port} 220\n"
			"mta.stop_order = 10\n"
			"mta.oom_score_adj = -200\n"
			"mta.mount = {rendered}/u/r /etc/resolv.conf\n"
			"mta.essential = no\n"
			"tool = queue /bin/queue -c {etc}\n"
			"tool_environment = queue A=b c\n"),
		0);
	assert_int_equal(f->count, 2);
	assert_string_equal(f->engines[0].name, "mailherd");
	mta = &f->engines[1];
	assert_string_equal(mta->packages[1], "two");
	assert_string_equal(mta->directories[0].path, "/r/engines/mta");
	assert_int_equal(mta->directories[0].mode, 02750);
	assert_string_equal(mta->templates[0].destination, "sub/main.cf");
	assert_string_equal(mta->seeds[0].destination, "/r/engines/mta/hosts");
	assert_string_equal(mta->checks[0].argv[2], "/r/etc/mta/main.cf");
	assert_string_equal(mta->tools[0].environment[0], "A=b c");
	service = &mta->services[0];
	assert_string_equal(service->argv[2], "/r/etc/mta");
	assert_string_equal(service->argv[4], "/");
	assert_string_equal(service->first[2], "/r/etc/mta");
	assert_null(service->first[3]);
	assert_string_equal(service->gate[0], "/bin/gate");
	assert_string_equal(service->leftovers[0], "/r/etc/mta/pid.lock");
	assert_string_equal(service->environment[0], "GREETING=hello world");
	assert_string_equal(service->directory, "/r/engines/mta");
	assert_string_equal(service->after[0], "agent");
	assert_string_equal(service->prefer[0], "health:resolver");
	assert_string_equal(service->probe[1], "127.0.0.1");
	assert_string_equal(service->probe[2], "25");
	assert_string_equal(service->mounts[0], "/r/etc/u/r /etc/resolv.conf");
	assert_int_equal(service->oom_score_adj, -200);
	assert_false(service->essential);
	assert_int_equal(service->prefer_ms, 60000);
}

static void
test_etc_of_the_next_generation(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(
		load(f, PROGRAMS, "engine = mta\ncheck = /x {etc}\n"), 0);
	assert_int_equal(engine_load_all(&f->paths, &f->instance, "/r/gen/7",
				 f->arena, &f->engines, &f->count, &f->err),
		0);
	assert_string_equal(f->engines[1].checks[0].argv[1], "/r/gen/7/mta");
}

static void
test_profile_takes_away(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(load(f, PROGRAMS "agent.prefer = mta\n",
				 "engine = mta\nprofile = full\n"
				 "service = mta\nmta.argv = /x\n"),
		0);
	assert_int_equal(f->count, 1);
	assert_null(f->engines[0].services[0].prefer[0]);
	f->instance.profile = PROFILE_FULL;
	assert_int_equal(load(f, PROGRAMS "agent.prefer = mta\n", NULL), 0);
	assert_int_equal(f->count, 2);
	assert_string_equal(f->engines[0].services[0].prefer[0], "mta");
}

#define MTA "engine = mta\nservice = mta\nmta.argv = /x\n"

static void
test_refusals(void **state)
{
	static const struct {
		const char *name;
		const char *conf;
		const char *want; /* part of the error */
	} cases[] = {
		{ "other name", "engine = other\n", "is not \"mta\"" },
		{ "no engine first", "summary = x\n", "first key" },
		{ "unknown key", MTA "colour = red\n", "conf:4: colour" },
		{ "unknown service key", MTA "mta.colour = red\n",
			"unknown key" },
		{ "key before its service", "engine = mta\nmta.argv = /x\n",
			"stands before" },
		{ "unknown placeholder", MTA "mta.user = {nobody}\n",
			"{nobody}" },
		{ "service twice", MTA "service = mta\n", "twice" },
		{ "service name", "engine = mta\nservice = ../x\n",
			"not a service name" },
		{ "no argv", "engine = mta\nservice = mta\n", "mta.argv" },
		{ "relative argv",
			"engine = mta\nservice = mta\nmta.argv = x\n",
			"absolute" },
		{ "argv twice", MTA "mta.argv = /y\n", "twice" },
		{ "no probe", MTA "mta.ready = probe\n", "mta.probe" },
		{ "bad ready", MTA "mta.ready = soon\n", "soon" },
		{ "bad number", MTA "mta.start_ms = 5s\n", "5s" },
		{ "bad mode", "engine = mta\ndirectory = /x 0999 a b\n",
			"0999" },
		{ "short directory", "engine = mta\ndirectory = /x 0750 a\n",
			"OWNER GROUP" },
		{ "template outside",
			"engine = mta\ntemplate = a ../b none 0644 r r\n",
			"below" },
		{ "unknown after", MTA "mta.after = nobody\n", "nobody" },
		{ "health in after", MTA "mta.after = health:x\n", "health:x" },
		{ "own cycle", MTA "mta.after = mta\n", "back to itself" },
		{ "name of another engine",
			"engine = mta\nservice = agent\nagent.argv = /x\n",
			"both have" },
		{ "mount", MTA "mta.mount = /only\n", "SOURCE TARGET" },
		{ "tool unknown", MTA "tool_mount = x /a /b\n", "tool = x" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
		int got = load(f, PROGRAMS, cases[i].conf);

		if (got == -1 && strstr(f->err.text, cases[i].want) != NULL)
			continue;
		fail_msg("%s: got %d \"%s\", want \"%s\"", cases[i].name, got,
			f->err.text, cases[i].want);
	}
}

static void
test_internal_ports(void **state)
{
	static const char *const WRONG[] = { "tcp 0 root", "tcp 65536 root",
		"sctp 9 root", "tcp 9", "tcp 9 root x", "tcp x root", "tcp",
		NULL };
	struct fixture *f = *state;
	char conf[256];

	assert_int_equal(load(f, PROGRAMS,
				 "engine = mta\n"
				 "internal_port = tcp 6379 redis\n"
				 "internal_port = udp 65535 root\n"),
		0);
	for (size_t i = 0; i < f->count; i++) {
		const struct engine_internal_port *ports =
			f->engines[i].internal_ports;

		if (strcmp(f->engines[i].name, "mta") != 0)
			continue;
		assert_false(ports[0].is_udp);
		assert_int_equal(ports[0].number, 6379);
		assert_string_equal(ports[0].user, "redis");
		assert_true(ports[1].is_udp);
		assert_int_equal(ports[1].number, 65535);
		assert_null(ports[2].user);
	}
	for (size_t i = 0; WRONG[i] != NULL; i++) {
		snprintf(conf, sizeof(conf),
			"engine = mta\ninternal_port = %s\n", WRONG[i]);
		assert_int_equal(load(f, PROGRAMS, conf), -1);
		assert_non_null(
			strstr(f->err.text, "wants tcp|udp NUMBER USER"));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_reads_everything, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_etc_of_the_next_generation, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_profile_takes_away, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_refusals, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			test_internal_ports, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
