/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whether Dovecot may start, for what keys, record and mail are there. */
#include "model/mail_keeper.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/encode.h"
#include "base/fs.h"

#define HOME "/ab/cdef/Maildir/.Old/cur"
#define HEAD                                                                   \
	"4352595054454403070200000002000000ff060960864801650304012e"           \
	"060960864801650304020100000800000000cf0102"

struct fixture {
	char root[40];
	struct paths paths;
	struct secret pems[2];
	char ids[2][MAIL_KEY_FINGERPRINT];
};

static void
put(const char *path, const void *bytes, size_t length)
{
	assert_int_equal(fs_write_atomic(path, bytes, length, 0600, (uid_t)-1,
				 (gid_t)-1, NULL),
		0);
}

static const char *
below(const char *directory, const char *name)
{
	static char path[2 * PATHS_MAX];

	(void)snprintf(path, sizeof(path), "%s/%s", directory, name);
	return path;
}

static void
make_directory(const char *path)
{
	assert_int_equal(
		fs_make_directory(path, 0700, (uid_t)-1, (gid_t)-1, NULL), 0);
}

static int
setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	struct err err = { 0 };

	(void)snprintf(f->root, sizeof(f->root), "/tmp/mh-keeper-XXXXXX");
	assert_non_null(mkdtemp(f->root));
	assert_int_equal(paths_init(&f->paths, f->root, &err), 0);
	make_directory(f->paths.secrets);
	make_directory(below(f->paths.vmail, HOME));
	for (size_t i = 0; i < ARRAY_LENGTH(f->pems); i++) {
		assert_int_equal(mail_key_make(&f->pems[i], &err), 0);
		assert_int_equal(
			mail_key_identify((struct span){ f->pems[i].bytes,
						  f->pems[i].length },
				f->ids[i], NULL, &err),
			0);
	}
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fs_remove_tree(f->root, NULL), 0);
	for (size_t i = 0; i < ARRAY_LENGTH(f->pems); i++)
		secret_deinit(&f->pems[i]);
	x_free(&f);
	return 0;
}

/* The key's file, and for the main one its public half. */
static void
put_key(struct fixture *f, size_t place, size_t key)
{
	char path[PATHS_MAX], id[MAIL_KEY_FINGERPRINT];
	struct span pem = { f->pems[key].bytes, f->pems[key].length };
	struct strbuf public;

	mail_key_path(&f->paths, place, path);
	put(path, pem.data, pem.length);
	if (place > 0)
		return;
	strbuf_init(&public, MAIL_KEY_PEM_MAX);
	assert_int_equal(mail_key_identify(pem, id, &public, NULL), 0);
	mail_key_public_path(&f->paths, path);
	put(path, public.data, public.length);
	strbuf_deinit(&public);
}

static void
put_message(struct fixture *f, const char *name, const char *id)
{
	char path[PATHS_MAX + 64], bytes[MAIL_KEY_HEAD_MAX], hex[200];
	size_t length = 0;

	(void)snprintf(hex, sizeof(hex), HEAD "%s", id);
	assert_int_equal(
		hex_decode(span_from(hex), bytes, sizeof(bytes), &length), 0);
	(void)snprintf(
		path, sizeof(path), "%s" HOME "/%s", f->paths.vmail, name);
	put(path, bytes, length);
}

static void
put_record(struct fixture *f, const char *text)
{
	put(below(f->paths.vmail, MAIL_KEEPER_RECORD), text, strlen(text));
}

static void
assert_recorded(struct fixture *f, size_t count)
{
	struct mail_keeper_need need = { 0 };
	struct err err = { 0 };
	int got = mail_keeper_read(&f->paths, &need, &err);

	assert_int_equal(got, count == 0 ? 0 : 1);
	assert_int_equal(need.count, count);
}

static void
assert_refused(struct fixture *f, const char *why)
{
	struct err err = { 0 };

	assert_int_equal(mail_keeper_check(&f->paths, true, &err), -1);
	if (strstr(err.text, why) == NULL)
		fail_msg("got \"%s\", want \"%s\"", err.text, why);
	assert_string_not_equal(err.remedy, "");
}

static void
assert_allowed(struct fixture *f, bool encrypting)
{
	struct err err = { 0 };

	if (mail_keeper_check(&f->paths, encrypting, &err) == -1)
		fail_msg("refused: %s", err.text);
}

static void
test_first_start_is_recorded(void **state)
{
	struct fixture *f = *state;

	assert_refused(f, "no mail needs it yet");
	put_key(f, 0, 0);
	assert_recorded(f, 0);
	assert_allowed(f, true);
	assert_recorded(f, 1);
	assert_allowed(f, true);
	assert_recorded(f, 1);
}

static void
test_without_encryption_nothing_is_needed(void **state)
{
	struct fixture *f = *state;

	put_key(f, 0, 0);
	assert_allowed(f, false);
	assert_recorded(f, 0);
	put_key(f, 0, 1);
	assert_allowed(f, false);
}

static void
test_missing_or_another(void **state)
{
	struct fixture *f = *state;
	char path[PATHS_MAX];

	put_key(f, 0, 0);
	assert_allowed(f, true);
	mail_key_path(&f->paths, 0, path);
	assert_int_equal(fs_remove_tree(path, NULL), 0);
	assert_refused(f, f->ids[0]);
	assert_refused(f, "is missing");
	put_key(f, 0, 1);
	assert_refused(f, "is another one");
	assert_recorded(f, 1);
	/* The old key reads, the new one writes. */
	put_key(f, 3, 0);
	assert_allowed(f, true);
	assert_recorded(f, 2);
	/* Also when nothing new is encrypted. */
	put_key(f, 0, 0);
	mail_key_path(&f->paths, 3, path);
	assert_int_equal(fs_remove_tree(path, NULL), 0);
	assert_int_equal(mail_keeper_check(&f->paths, false, NULL), -1);
}

static void
test_mail_without_record(void **state)
{
	struct fixture *f = *state;

	put_message(f, "1.a:2,S", f->ids[1]);
	put_key(f, 0, 0);
	assert_refused(f, f->ids[1]);
	put_key(f, 1, 1);
	assert_allowed(f, true);
	assert_recorded(f, 2);
}

static void
test_damage(void **state)
{
	struct fixture *f = *state;
	char path[PATHS_MAX];

	put_key(f, 0, 0);
	assert_allowed(f, true);
	put_record(f, "");
	assert_refused(f, "names no key");
	put_record(f, "half a line");
	assert_refused(f, "no key's");
	put_record(f, f->ids[0]);
	assert_allowed(f, true);
	mail_key_path(&f->paths, 0, path);
	put(path, f->pems[0].bytes, 60);
	assert_refused(f, "can not be used");
	put_key(f, 0, 0);
	mail_key_public_path(&f->paths, path);
	put(path, "x", 1);
	assert_refused(f, "public half");
}

int
main(void)
{
#define TEST(function)                                                         \
	cmocka_unit_test_setup_teardown(function, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_first_start_is_recorded),
		TEST(test_without_encryption_nothing_is_needed),
		TEST(test_missing_or_another),
		TEST(test_mail_without_record),
		TEST(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
