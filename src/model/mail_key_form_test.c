/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys in Dovecot's own form, and files that are made anew. */
#include "model/mail_key_form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/fs.h"

#define BEGIN "-----BEGIN PRIVATE KEY-----\n"
#define END "-----END PRIVATE KEY-----\n"
#define HEAD "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg"
#define CURVE "2:1.2.840.10045.3.1.7:0:"
#define POINT "2:3039301306072a8648ce3d020106082a8648ce3d030107032200"

/* Made for this test; the forms were taken by Dovecot 2.3.19. */
static const struct {
	const char *name;
	const char *pem;
	const char *private;
	const char *public;
} CASES[] = {
	{ "top bit",
		BEGIN HEAD
		"iZXB2h40o1iMvu1L\n"
		"xuSk0esbaCiaqRc6vYv7ytZC/VmhRANCAARl8k/s27yySxWaB+GudcWsgh9iCZo9\n"
		"jJxPP2JN131cml5Lk0mkhM6vD0eL6TTgdyFeitWfOa1DubR9sGa9pOG0\n" END,
		CURVE
		"00000021008995c1da1e34a3588cbeed4bc6e4a4d1eb1b68289aa9173abd8bfbcad642fd59"
		":1aee3918b5786ef40de2a2331b428d5fcda3be846cc9ddba2d83c075c196f9c2",
		POINT
		"0265f24fecdbbcb24b159a07e1ae75c5ac821f62099a3d8c9c4f3f624dd77d5c9a"
		":1aee3918b5786ef40de2a2331b428d5fcda3be846cc9ddba2d83c075c196f9c2" },
	{ "leading zeros",
		BEGIN HEAD
		"AAAMqXgRLKG73K+s\n"
		"Ixs5oj3E2nhu/4FHxOcrmAd4Wv6hRANCAATXUtbPp/Ao6oQg+saRLQpA72Ot2YV5\n"
		"zoAN3iZ4LwijYui5rYVFT7E11dSOHifvpKod+nkCO2OTEwK1HgB3wGS8\n" END,
		CURVE
		"0000001e0ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afe"
		":00c373fc1e4137b027f951a6b366539ed58ecae6e920145e316b4728800a334e",
		POINT
		"02d752d6cfa7f028ea8420fac6912d0a40ef63add98579ce800dde26782f08a362"
		":00c373fc1e4137b027f951a6b366539ed58ecae6e920145e316b4728800a334e" },
	{ "zeros, then the top bit",
		BEGIN HEAD
		"AAC+I+gWADlZSjOJ\n"
		"T2Vk4bE0i716AIjULErLc+6u1ZyhRANCAAS+YnVdiFlzu8EPxITvUgA7rVJ0R0Zy\n"
		"97hPkKz8Hl8wNsEGTgEYMpfCPMShYschuHdF6zlGy0FWqTDx9C8LJqIi\n" END,
		CURVE
		"0000001f00be23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c"
		":9031bd2aa36db89d5f4d58f3a8c71883b3cc353ac639e6321e3a08dbc0d831fb",
		POINT
		"02be62755d885973bbc10fc484ef52003bad5274474672f7b84f90acfc1e5f3036"
		":9031bd2aa36db89d5f4d58f3a8c71883b3cc353ac639e6321e3a08dbc0d831fb" },
	{ "plain",
		BEGIN HEAD
		"K59LAOpUHriZez1t\n"
		"TVohaUzk6ICnSQTlJlyZaGiWu/GhRANCAAQLvm6KiTYgKjxBXtlRjmKwqR/57owq\n"
		"Y4YjW4cZM99jap4RbUA2zcA/mZoJZhe519NhrO0M68DJbhXXIQPGYgZa\n" END,
		CURVE
		"000000202b9f4b00ea541eb8997b3d6d4d5a21694ce4e880a74904e5265c99686896bbf1"
		":58dc40090d633333e69cc3106a28341475866533c5e0ac7a34293a904bf3c157",
		POINT
		"020bbe6e8a8936202a3c415ed9518e62b0a91ff9ee8c2a6386235b871933df636a"
		":58dc40090d633333e69cc3106a28341475866533c5e0ac7a34293a904bf3c157" },
};

struct fixture {
	char root[40];
	struct paths paths;
};

static struct span
pem_of(size_t i)
{
	return span_from(CASES[i].pem);
}

static void
test_vectors(UNUSED void **state)
{
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		struct secret private = { 0 }, public = { 0 };
		struct err err = { 0 };

		if (mail_key_form_write(pem_of(i), &private, &public, &err) ==
			-1)
			fail_msg("%s: %s", CASES[i].name, err.text);
		assert_string_equal(private.bytes, CASES[i].private);
		assert_string_equal(public.bytes, CASES[i].public);
		secret_deinit(&private);
		secret_deinit(&public);
	}
}

static void
test_no_key(UNUSED void **state)
{
	/* The first case's number with the second's point. */
	static const char *const PEMS[] = {
		"", BEGIN END,
		BEGIN HEAD
		"iZXB2h40o1iMvu1L\n"
		"xuSk0esbaCiaqRc6vYv7ytZC/VmhRANCAATXUtbPp/Ao6oQg+saRLQpA72Ot2YV5\n"
		"zoAN3iZ4LwijYui5rYVFT7E11dSOHifvpKod+nkCO2OTEwK1HgB3wGS8\n" END
	};

	for (size_t i = 0; i < ARRAY_LENGTH(PEMS); i++) {
		struct secret private = { 0 }, public = { 0 };
		struct err err = { 0 };

		assert_int_equal(mail_key_form_write(span_from(PEMS[i]),
					 &private, &public, &err),
			-1);
		assert_int_equal(err.code, ERR_CORRUPT);
		assert_null(private.bytes);
	}
}

/* The files. */

static int
setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof(*f));
	char path[PATHS_MAX];

	(void)snprintf(f->root, sizeof(f->root), "/tmp/mh-form-XXXXXX");
	assert_non_null(mkdtemp(f->root));
	assert_int_equal(paths_init(&f->paths, f->root, NULL), 0);
	assert_int_equal(fs_make_directory(f->paths.secrets, 0700, (uid_t)-1,
				 (gid_t)-1, NULL),
		0);
	mail_key_form_directory(&f->paths, path);
	assert_int_equal(
		fs_make_directory(path, 0700, (uid_t)-1, (gid_t)-1, NULL), 0);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(fs_remove_tree(f->root, NULL), 0);
	x_free(&f);
	return 0;
}

static void
put(const char *path, const char *text)
{
	assert_int_equal(fs_write_atomic(path, text, strlen(text), 0400,
				 (uid_t)-1, (gid_t)-1, NULL),
		0);
}

static void
put_key(struct fixture *f, size_t place, size_t key)
{
	char path[PATHS_MAX];

	mail_key_path(&f->paths, place, path);
	put(path, CASES[key].pem);
}

static void
assert_file(const char *path, const char *want)
{
	struct strbuf text;
	struct stat st;

	strbuf_init(&text, MAIL_KEY_FORM_MAX);
	assert_int_equal(fs_read(path, MAIL_KEY_FORM_MAX, &text, NULL), 0);
	assert_string_equal(text.data, want);
	strbuf_deinit(&text);
	assert_int_equal(lstat(path, &st), 0);
	assert_int_equal(st.st_mode, S_IFREG | MAIL_KEY_MODE);
}

static void
assert_fresh(struct fixture *f)
{
	char path[PATHS_MAX];
	struct err err = { 0 };

	if (mail_key_form_refresh(&f->paths, &err) == -1)
		fail_msg("%s", err.text);
	mail_key_form_path(&f->paths, 0, path);
	assert_file(path, CASES[0].private);
	mail_key_form_public_path(&f->paths, path);
	assert_file(path, CASES[0].public);
}

static void
test_refresh(void **state)
{
	struct fixture *f = *state;
	char private[PATHS_MAX], public[PATHS_MAX], imported[PATHS_MAX],
		pem[PATHS_MAX], cut[40];
	struct stat before, after;

	put_key(f, 0, 0);
	assert_fresh(f);
	mail_key_form_path(&f->paths, 0, private);
	mail_key_form_public_path(&f->paths, public);
	mail_key_form_path(&f->paths, 2, imported);
	assert_false(fs_exists(imported));

	/* What is right stays. */
	assert_int_equal(stat(private, &before), 0);
	assert_fresh(f);
	assert_int_equal(stat(private, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);

	(void)snprintf(cut, sizeof(cut), "%.39s", CASES[0].private);
	put(private, cut);
	assert_fresh(f);
	put(private, CASES[1].private);
	put(public, CASES[1].public);
	assert_fresh(f);
	assert_int_equal(unlink(private), 0);
	put(public, "");
	assert_fresh(f);
	assert_int_equal(chmod(private, 0440), 0);
	assert_fresh(f);
	assert_int_equal(unlink(private), 0);
	assert_int_equal(symlink(public, private), 0);
	assert_fresh(f);

	/* With its key an imported one comes and goes. */
	put_key(f, 2, 1);
	assert_fresh(f);
	assert_file(imported, CASES[1].private);
	mail_key_path(&f->paths, 2, pem);
	assert_int_equal(unlink(pem), 0);
	assert_fresh(f);
	assert_false(fs_exists(imported));
}

static void
test_damaged_key(void **state)
{
	struct fixture *f = *state;
	char path[PATHS_MAX];
	struct err err = { 0 };

	mail_key_path(&f->paths, 0, path);
	put(path, BEGIN "MIGH\n");
	assert_int_equal(mail_key_form_refresh(&f->paths, &err), -1);
	assert_int_equal(err.code, ERR_CORRUPT);
	mail_key_form_path(&f->paths, 0, path);
	assert_false(fs_exists(path));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_no_key),
		cmocka_unit_test_setup_teardown(test_refresh, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_damaged_key, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
