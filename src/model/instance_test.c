/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mailherd.conf: defaults, values, refusals, and writing it. */
#include "model/instance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fs.h"

#define HOST "hostname = mail.example.org\n"

struct fixture {
	char root[40];
	struct paths paths;
	struct arena *arena;
	struct err err;
};

static int
setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	char directory[64];

	(void)snprintf(f->root, sizeof(f->root), "/tmp/mh-inst-XXXXXX");
	assert_non_null(mkdtemp(f->root));
	assert_int_equal(paths_init(&f->paths, f->root, &f->err), 0);
	(void)snprintf(
		directory, sizeof(directory), "%s/etc/mailherd", f->root);
	assert_int_equal(fs_make_directory(directory, 0755, (uid_t)-1,
				 (gid_t)-1, &f->err),
		0);
	f->arena = arena_new();
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fs_remove_tree(f->root, NULL), 0);
	arena_free(&f->arena);
	x_free(&f);
	return 0;
}

static int
load(struct fixture *f, const char *text, struct instance *instance)
{
	assert_int_equal(fs_write_atomic(f->paths.config, text, strlen(text),
				 0644, (uid_t)-1, (gid_t)-1, &f->err),
		0);
	err_clear(&f->err);
	return instance_load(&f->paths, f->arena, instance, &f->err);
}

static void
test_defaults(void **state)
{
	struct fixture *f = *state;
	struct instance i;

	assert_int_equal(load(f, HOST, &i), 0);
	assert_string_equal(i.hostname, "mail.example.org");
	assert_int_equal(i.profile, PROFILE_STANDARD);
	assert_true(i.ipv6);
	assert_int_equal(i.listen[PORT_SMTP].port, 25);
	assert_string_equal(i.listen[PORT_SMTP].addresses[0], "*");
	assert_null(i.listen[PORT_SMTP].addresses[1]);
	assert_int_equal(i.listen[PORT_SIEVE].port, 4190);
	assert_int_equal(i.listen[PORT_HTTPS].port, 443);
	assert_string_equal(i.resolver_address, "127.0.53.1");
	assert_null(i.root_hints);
	assert_null(i.forwarders[0]);
	assert_non_null(i.resolver_check_addresses[2]);
}

static void
test_values(void **state)
{
	struct fixture *f = *state;
	struct instance i;

	assert_int_equal(
		load(f,
			HOST
			"profile = full\nipv6 = No\n"
			"listen.smtp = 192.0.2.1:2525, [2001:db8::1]:2525\n"
			"listen.imap = off\nlisten.http = 8080\n"
			"forwarders = 192.0.2.53@5353\nforwarders = 192.0.2.54\n"
			"networks = 192.0.2.0/28 2001:db8::/32\n"
			"resolver.root_hints = /etc/hints\n"
			"resolver.check_skip = Y\n"
			"resolver.check_addresses = 192.0.2.9\n"
			"http.redirect = no\nhttp.proxy_protocol = yes\n"
			"smtp.source = 192.0.2.7\nsmtp.source = 2001:db8::7\n"
			"log.file_size = 1\nlog.files = 60\n"
			"imap.reuse = 1\nimap.hibernate_after = 0\n"
			"imap.awake_max = 300\nimap.user_max = 500\n",
			&i),
		0);
	assert_int_equal(i.profile, PROFILE_FULL);
	assert_false(i.ipv6);
	assert_int_equal(i.listen[PORT_SMTP].port, 2525);
	assert_string_equal(i.listen[PORT_SMTP].addresses[0], "192.0.2.1");
	assert_string_equal(i.listen[PORT_SMTP].addresses[1], "2001:db8::1");
	assert_int_equal(i.listen[PORT_IMAP].port, 0);
	assert_int_equal(i.listen[PORT_HTTP].port, 8080);
	assert_string_equal(i.forwarders[0], "192.0.2.53@5353");
	assert_string_equal(i.forwarders[1], "192.0.2.54");
	assert_string_equal(i.networks[1], "2001:db8::/32");
	assert_string_equal(i.root_hints, "/etc/hints");
	assert_true(i.resolver_check_skip);
	assert_false(i.http_redirect);
	assert_true(i.http_proxy_protocol);
	assert_string_equal(i.smtp_source[1], "2001:db8::7");
	assert_int_equal(i.log_file_mib, 1);
	assert_int_equal(i.log_files, 60);
	assert_int_equal(i.imap_reuse, 1);
	assert_int_equal(i.imap_hibernate_after, 0);
	assert_int_equal(i.imap_awake_max, 300);
	assert_int_equal(i.imap_user_max, 500);
	/* A list that is given replaces its default. */
	assert_string_equal(i.resolver_check_addresses[0], "192.0.2.9");
	assert_null(i.resolver_check_addresses[1]);
}

static const struct {
	const char *text;
	const char *field;
} REFUSED[] = {
	{ "", "hostname" },
	{ "hostname = mail\n", "hostname" },
	{ "hostname = a b.org\n", "hostname" },
	{ HOST "nonsense = 1\n", "nonsense" },
	{ HOST "profile = big\n", "profile" },
	{ HOST "ipv6 = maybe\n", "ipv6" },
	{ HOST "timezone = ../etc/passwd\n", "timezone" },
	{ HOST "timezone = Mars/Olympus\n", "timezone" },
	{ HOST "listen.smtp = 0\n", "listen.smtp" },
	{ HOST "listen.smtp = 65536\n", "listen.smtp" },
	{ HOST "listen.smtp =\n", "listen.smtp" },
	{ HOST "listen.smtp = example.org:25\n", "listen.smtp" },
	{ HOST "listen.smtp = 2001:db8::1:25\n", "listen.smtp" },
	{ HOST "listen.smtp = 192.0.2.1:25 192.0.2.2:26\n", "listen.smtp" },
	{ HOST "listen.smtp = 25\nlisten.smtp = 26\n", "listen.smtp" },
	{ HOST "networks = 192.0.2.0/33\n", "networks" },
	{ HOST "imap.reuse = 0\n", "imap.reuse" },
	{ HOST "imap.hibernate_after = 1741\n", "imap.hibernate_after" },
	{ HOST "imap.awake_max = 65537\n", "imap.awake_max" },
	{ HOST "imap.user_max = 0\n", "imap.user_max" },
	{ HOST "networks = example.org\n", "networks" },
	{ HOST "forwarders = 192.0.2.1@0\n", "forwarders" },
	{ HOST "resolver.address = localhost\n", "resolver.address" },
	{ HOST "resolver.root_hints = hints\n", "resolver.root_hints" },
	{ HOST "http.redirect = y e s\n", "http.redirect" },
	{ HOST "smtp.source = 192.0.2.1 192.0.2.2\n", "smtp.source" },
	{ HOST "smtp.source = ::1\nsmtp.source = ::2\n", "smtp.source" },
	{ HOST "smtp.source = mail.example.org\n", "smtp.source" },
	{ HOST "log.file_size = 0\n", "log.file_size" },
	{ HOST "log.file_size = 1025\n", "log.file_size" },
	{ HOST "log.file_size = 10M\n", "log.file_size" },
	{ HOST "log.files = 1\n", "log.files" },
	{ HOST "log.files = 61\n", "log.files" },
};

static void
test_refused(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LENGTH(REFUSED); i++) {
		struct instance instance;

		if (load(f, REFUSED[i].text, &instance) != -1 ||
			strcmp(f->err.field, REFUSED[i].field) != 0)
			fail_msg("%s: field \"%s\" text \"%s\"",
				REFUSED[i].text, f->err.field, f->err.text);
	}
}

static void
test_missing(void **state)
{
	struct fixture *f = *state;
	struct instance i;

	assert_int_equal(instance_load(&f->paths, f->arena, &i, &f->err), -1);
	assert_int_equal(f->err.code, ERR_NOT_FOUND);
	assert_non_null(strstr(f->err.remedy, "setup"));
}

static const char *
read_file(struct fixture *f)
{
	struct strbuf text;
	const char *copy;

	strbuf_init(&text, 65536);
	assert_int_equal(fs_read(f->paths.config, 65536, &text, &f->err), 0);
	copy = arena_strdup(f->arena, text.data);
	strbuf_deinit(&text);
	return copy;
}

static void
test_set(void **state)
{
	static const char *const first[] = { "hostname", "mail.example.org",
		"forwarders", "192.0.2.1", "forwarders", "192.0.2.2", NULL };
	static const char *const second[] = { "profile", "lite", "forwarders",
		NULL, NULL };
	static const char *const bad[] = { "profile", "huge", NULL };
	struct fixture *f = *state;
	struct instance i;
	const char *before;

	assert_int_equal(instance_set(&f->paths, first, &f->err), 0);
	assert_int_equal(instance_load(&f->paths, f->arena, &i, &f->err), 0);
	assert_string_equal(i.forwarders[1], "192.0.2.2");
	assert_int_equal(
		load(f,
			"# mine\n" HOST
			"  profile=full\n# end\nforwarders = 192.0.2.1\n",
			&i),
		0);
	assert_int_equal(instance_set(&f->paths, second, &f->err), 0);
	assert_string_equal(
		read_file(f), "# mine\n" HOST "profile = lite\n# end\n");
	before = read_file(f);
	assert_int_equal(instance_set(&f->paths, bad, &f->err), -1);
	assert_string_equal(f->err.field, "profile");
	assert_string_equal(read_file(f), before);
}

static void
test_keys(void **state)
{
	size_t count;
	const struct instance_key *keys = instance_keys(&count);

	(void)state;
	assert_true(count > 20);
	for (size_t i = 0; i < count; i++) {
		assert_true(strlen(keys[i].sentence) >= 9);
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(keys[i].name, keys[j].name);
	}
	for (int port = 0; port < PORT_COUNT; port++)
		assert_non_null(instance_port_name(port));
	assert_string_equal(instance_profile_name(PROFILE_LITE), "lite");
}

int
main(void)
{
#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		ROW(test_defaults),
		ROW(test_values),
		ROW(test_refused),
		ROW(test_missing),
		ROW(test_set),
		cmocka_unit_test(test_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
