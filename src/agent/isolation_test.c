/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The rules as text; what the kernel makes of them is a scenario's. */
#include "agent/isolation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/fs.h"

#define RULES_MAX 4096

static const struct engine ENGINES[] = {
	{ .name = "store",
		.internal_ports = { { false, 6379, "nobody" },
			{ true, 11211, "nobody" } } },
	{ .name = "master",
		.internal_ports = { { false, 12345, "root" },
			{ false, 25, "nobody" } } },
};

static const struct instance INSTANCE = {
	.listen[PORT_SMTP] = { .port = 25 },
	.isolation = true,
};

static int
print(const char *root, const char *cgroup, struct strbuf *out)
{
	struct paths paths;
	struct err err = { 0 };
	struct tree_input input = { .paths = &paths,
		.instance = &INSTANCE,
		.engines = ENGINES,
		.engine_count = ARRAY_LENGTH(ENGINES) };

	strbuf_init(out, RULES_MAX);
	assert_int_equal(paths_init(&paths, root, &err), 0);
	return isolation_print(out, &input, cgroup, &err);
}

#define ADDRESSES                                                              \
	"\tchain addresses {\n"                                                \
	"\t\ttype filter hook prerouting priority raw; policy accept;\n"       \
	"\t\tiif \"lo\" accept\n"                                              \
	"\t\tip daddr 127.0.0.0/8 counter drop\n"                              \
	"\t\tip6 daddr ::1 counter drop\n"                                     \
	"\t}\n"

/* Root's port has no rule, and a public one is never denied. */
static void
by_user_the_answer_is_dropped(void **state UNUSED)
{
	struct strbuf out;

	assert_int_equal(print(NULL, NULL, &out), 0);
	assert_string_equal(out.data,
		"table inet mailherd\n"
		"delete table inet mailherd\n"
		"table inet mailherd {\n"
		"\tcomment \"mailherd, instance /\"\n" ADDRESSES
		"\tchain ports {\n"
		"\t\ttype filter hook output priority filter - 5; policy accept;\n"
		"\t\toif \"lo\" accept\n"
		"\t\tmeta skuid 65534 tcp sport 6379 counter drop\n"
		"\t\tmeta skuid 65534 udp sport 11211 counter drop\n"
		"\t}\n"
		"}\n");
	strbuf_deinit(&out);
}

static void
by_control_group_what_comes_in_is_dropped(void **state UNUSED)
{
	struct strbuf out;

	assert_int_equal(print(NULL, "system.slice/mailherd.service", &out), 0);
	assert_non_null(strstr(out.data,
		"\t\ttype filter hook input priority filter - 5; policy accept;\n"
		"\t\tiif \"lo\" accept\n"
		"\t\tsocket cgroupv2 level 2 \"system.slice/mailherd.service\" tcp dport 6379 counter drop\n"
		"\t\tsocket cgroupv2 level 2 \"system.slice/mailherd.service\" udp dport 11211 counter drop\n"
		"\t\tsocket cgroupv2 level 2 \"system.slice/mailherd.service\" tcp dport 12345 counter drop\n"
		"\t}\n"));
	strbuf_deinit(&out);
}

static void
each_instance_has_a_table_of_its_own(void **state UNUSED)
{
	char names[2][ISOLATION_TABLE_SIZE];
	struct strbuf out;
	struct paths paths;
	struct err err;

	assert_int_equal(paths_init(&paths, "/srv/a", &err), 0);
	isolation_table(&paths, names[0]);
	assert_int_equal(paths_init(&paths, "/srv/b", &err), 0);
	isolation_table(&paths, names[1]);
	assert_string_not_equal(names[0], names[1]);
	assert_int_equal(print("/srv/b", NULL, &out), 0);
	assert_non_null(strstr(out.data, names[1]));
	assert_non_null(strstr(out.data, "instance /srv/b/"));
	strbuf_deinit(&out);
}

static void
only_a_control_group_of_ours_counts(void **state UNUSED)
{
	static const struct {
		const char *text;
		const char *want; /* NULL: none */
	} CASES[] = {
		{ "0::/system.slice/mailherd.service\n",
			"system.slice/mailherd.service" },
		{ "9:cpu:/x\n0::/mailherd.service/deep/er\n",
			"mailherd.service" },
		{ "0::/a/mailherd@two.service", "a/mailherd@two.service" },
		{ "0::/system.slice/mailherd-upgrade.service\n", NULL },
		{ "0::/a/mailherd@.servic\n", NULL },
		{ "0::/\n", NULL },
		{ "0::/user.slice/session-3.scope\n", NULL },
		{ "0::/system.slice/ssh.service\n", NULL },
		{ "0::/system.slice/mailherd.scope\n", NULL },
		{ "0::/a\"b/mailherd.service\n", NULL },
		{ "9:cpu:/system.slice/mailherd.service\n", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		char path[PATHS_MAX];
		bool found = isolation_cgroup(CASES[i].text, path);

		if (found != (CASES[i].want != NULL) ||
			(found && strcmp(path, CASES[i].want) != 0))
			fail_msg("%s: got %s, want %s", CASES[i].text,
				found ? path : "none",
				CASES[i].want ? CASES[i].want : "none");
	}
}

static void
the_outcome_is_read_as_it_was_kept(void **state UNUSED)
{
	char root[] = "/tmp/mh-is-XXXXXX", path[PATHS_MAX * 2];
	struct isolation_state outcome;
	struct paths paths;
	struct err err;

	assert_non_null(mkdtemp(root));
	assert_int_equal(paths_init(&paths, root, &err), 0);
	assert_false(isolation_read(&paths, &outcome));
	assert_int_equal(
		fs_make_directory(paths.run, 0755, (uid_t)-1, (gid_t)-1, &err),
		0);
	snprintf(path, sizeof(path), "%s/isolation", paths.run);
	assert_int_equal(fs_write_atomic(path, "failed no nft", 13, 0600,
				 (uid_t)-1, (gid_t)-1, &err),
		0);
	assert_true(isolation_read(&paths, &outcome));
	assert_false(outcome.ok);
	assert_false(isolation_is_missed(&outcome));
	assert_string_equal(outcome.text, "no nft");
	assert_int_equal(fs_write_atomic(path, "ok table x", 10, 0600,
				 (uid_t)-1, (gid_t)-1, &err),
		0);
	assert_true(isolation_read(&paths, &outcome));
	assert_true(outcome.ok);
	assert_string_equal(outcome.text, "table x");
	assert_true(isolation_is_missed(&outcome));
	/* Also by the next agent, when this one does not get so far. */
	isolation_lost(&paths);
	assert_true(isolation_read(&paths, &outcome));
	assert_false(outcome.ok);
	assert_true(isolation_is_missed(&outcome));
	assert_int_equal(fs_remove_tree(root, NULL), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_user_the_answer_is_dropped),
		cmocka_unit_test(by_control_group_what_comes_in_is_dropped),
		cmocka_unit_test(each_instance_has_a_table_of_its_own),
		cmocka_unit_test(only_a_control_group_of_ours_counts),
		cmocka_unit_test(the_outcome_is_read_as_it_was_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
