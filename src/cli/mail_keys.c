/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A child's answer is longer than a number, so it lies in memory that both
 * share. It is read as text only after its last byte was made NUL: the
 * child is whoever parsed those bytes.
 */
#include "cli/mail_keys.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/fs.h"
#include "cli/owner.h"
#include "io/jail.h"
#include "model/mail_keeper.h"
#include "model/mail_key_form.h"

#define HEX "0123456789abcdef"

struct answer {
	struct mail_keys keys;
	char public[MAIL_KEY_PEM_MAX + 1]; /* of the main key; "": none */
};

struct question {
	const struct paths *paths;
	struct span pem; /* of mail_keys_identify() */
	struct answer *answer; /* shared */
};

static int
enter_vmail(const struct paths *paths, struct err *err)
{
	static const struct jail JAIL = {
		.user = MAIL_KEY_OWNER,
		.network = JAIL_UNIX_ONLY,
		.exec = false,
	};

	return jail_enter(&JAIL, paths, err);
}

/* What a child wrote is hex digits or nothing. */
static void
sanitize(struct answer *answer)
{
	for (size_t i = 0; i < MAIL_KEY_COUNT; i++) {
		char *text = answer->keys.fingerprints[i];

		text[MAIL_KEY_FINGERPRINT - 1] = '\0';
		text[strspn(text, HEX)] = '\0';
	}
	answer->keys.fault[sizeof(answer->keys.fault) - 1] = '\0';
	answer->public[MAIL_KEY_PEM_MAX] = '\0';
}

static int
ask(const struct paths *paths, struct span pem, owner_run_fn *run,
	struct answer *answer_out, struct err *err)
{
	struct answer *shared = mmap(NULL, sizeof(*shared),
		PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct question question = { paths, pem, shared };
	int result;

	if (shared == MAP_FAILED)
		return err_errno(err, errno, "memory for an answer");
	result = owner_run(paths, enter_vmail, run, &question, err);
	*answer_out = *shared;
	sanitize(answer_out);
	(void)munmap(shared, sizeof(*shared));
	return result;
}

static int
run_look(void *context, UNUSED struct err *err)
{
	const struct question *question = context;
	struct mail_keys *keys = &question->answer->keys;

	for (size_t i = 0; i < MAIL_KEY_COUNT; i++) {
		struct err cause = { 0 };

		if (mail_key_read(question->paths, i, keys->fingerprints[i],
			    NULL, &cause) == -1 &&
			keys->fault[0] == '\0')
			(void)snprintf(keys->fault, sizeof(keys->fault), "%s",
				cause.text);
	}
	return 0;
}

int
mail_keys_look(
	const struct paths *paths, struct mail_keys *out, struct err *err)
{
	struct answer answer;

	if (ask(paths, (struct span){ 0 }, run_look, &answer, err) == -1)
		return -1;
	*out = answer.keys;
	return 0;
}

static int
lost(const struct paths *paths, const struct mail_keeper_need *need,
	struct err *err)
{
	(void)err_set(err, ERR_CORRUPT,
		"mail here is encrypted%s%s, and its key %s/%s is gone",
		need->count > 0 ? " with the key " : "",
		need->count > 0 ? need->fingerprints[0] : "", paths->secrets,
		mail_key_name(0));
	return err_remedy(err,
		"put the copy that was kept back: mailherd key import FILE; a new key could not read that mail");
}

/* 1: the key is there, and its public half in the answer; 0: make one. */
static int
run_judge(void *context, struct err *err)
{
	const struct question *question = context;
	struct mail_keys *keys = &question->answer->keys;
	struct mail_keeper_need need = { 0 };
	struct strbuf public;
	int got;

	strbuf_init(&public, MAIL_KEY_PEM_MAX + 1);
	got = mail_key_read(
		question->paths, 0, keys->fingerprints[0], &public, err);
	if (got == 1)
		(void)snprintf(question->answer->public,
			sizeof(question->answer->public), "%s", public.data);
	strbuf_deinit(&public);
	if (got != 0)
		return got;
	if (mail_keeper_find(question->paths, &need, err) == -1)
		return -1;
	return need.encrypted ? lost(question->paths, &need, err) : 0;
}

int
mail_keys_judge(const struct paths *paths, struct err *err)
{
	struct answer answer;

	if (!fs_exists(paths->vmail))
		return 0;
	return ask(paths, (struct span){ 0 }, run_judge, &answer, err) == -1
		       ? -1
		       : 0;
}

int
mail_keys_put(const struct paths *paths, size_t index, struct span pem,
	struct err *err)
{
	char path[PATHS_MAX];
	uid_t uid;
	gid_t gid;

	mail_key_path(paths, index, path);
	if (fs_user(MAIL_KEY_OWNER, &uid, &gid, err) == -1)
		return -1;
	return fs_write_new(
		path, pem.data, pem.length, MAIL_KEY_MODE, uid, gid, err);
}

/* Public: whoever wants may read it. */
static int
write_public(const struct paths *paths, const char *text, struct err *err)
{
	char path[PATHS_MAX];
	struct strbuf present;
	bool same;

	mail_key_public_path(paths, path);
	strbuf_init(&present, MAIL_KEY_PEM_MAX + 1);
	same = fs_read(path, MAIL_KEY_PEM_MAX, &present, NULL) == 0 &&
	       strcmp(present.data, text) == 0;
	strbuf_deinit(&present);
	return same ? 0
		    : fs_write_atomic(path, text, strlen(text),
			      MAIL_KEY_PUBLIC_MODE, 0, 0, err);
}

static int
make(const struct paths *paths, struct err *err)
{
	struct secret pem = { 0 };
	int result = mail_key_make(&pem, err);

	if (result == 0)
		result = mail_keys_put(
			paths, 0, (struct span){ pem.bytes, pem.length }, err);
	secret_deinit(&pem);
	return result;
}

static int
run_refresh(void *context, struct err *err)
{
	const struct question *question = context;

	return mail_key_form_refresh(question->paths, err);
}

/* Before the first start there is nothing to bring in line. */
static int
refresh_forms(const struct paths *paths, struct err *err)
{
	char directory[PATHS_MAX];
	struct question question = { .paths = paths };

	mail_key_form_directory(paths, directory);
	return fs_exists(directory) ? owner_run(paths, enter_vmail, run_refresh,
					      &question, err)
				    : 0;
}

int
mail_keys_ensure(const struct paths *paths, bool *made_out, struct err *err)
{
	const struct span none = { 0 };
	struct answer answer;
	int got = ask(paths, none, run_judge, &answer, err);

	*made_out = false;
	if (got == 0) {
		if (make(paths, err) == -1)
			return -1;
		*made_out = true;
		got = ask(paths, none, run_judge, &answer, err);
	}
	if (got == -1 || write_public(paths, answer.public, err) == -1)
		return -1;
	return refresh_forms(paths, err);
}

static int
run_identify(void *context, struct err *err)
{
	const struct question *question = context;

	return mail_key_identify(question->pem,
		question->answer->keys.fingerprints[0], NULL, err);
}

int
mail_keys_identify(const struct paths *paths, struct span pem,
	char fingerprint_out[MAIL_KEY_FINGERPRINT], struct err *err)
{
	struct answer answer;

	if (ask(paths, pem, run_identify, &answer, err) == -1)
		return -1;
	(void)snprintf(fingerprint_out, MAIL_KEY_FINGERPRINT, "%s",
		answer.keys.fingerprints[0]);
	return 0;
}
