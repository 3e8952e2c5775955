/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Without a record, at most HEADS_MAX messages of a folder and MESSAGES_MAX
 * of all are looked at: enough to see that mail was put back from a copy
 * without its record, and no matter of minutes.
 */
#include "model/mail_keeper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"

#define RECORD_SIZE_MAX 8192
#define RECORD_MODE 0600
#define HEADS_MAX 16
#define MESSAGES_MAX 20000
#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
#define HEX "0123456789abcdef"

struct keys {
	char fingerprints[MAIL_KEY_COUNT][MAIL_KEY_FINGERPRINT]; /* or "" */
	struct strbuf public; /* of the main key */
};

struct search {
	struct mail_keeper_need *need;
	int left; /* messages to look at */
};

typedef void visit_fn(struct search *search, int directory);

static bool
is_needed(const struct mail_keeper_need *need, const char *fingerprint)
{
	for (size_t i = 0; i < need->count; i++)
		if (strcmp(need->fingerprints[i], fingerprint) == 0)
			return true;
	return false;
}

static void
add_need(struct mail_keeper_need *need, const char *fingerprint)
{
	need->encrypted = true;
	if (need->count == MAIL_KEEPER_MAX || is_needed(need, fingerprint))
		return;
	(void)snprintf(need->fingerprints[need->count++], MAIL_KEY_FINGERPRINT,
		"%s", fingerprint);
}

/* The record. */

static void
record_path(const struct paths *paths, char out[PATHS_MAX])
{
	(void)snprintf(
		out, PATHS_MAX, "%.200s/" MAIL_KEEPER_RECORD, paths->vmail);
}

int
mail_keeper_parse(
	struct span text, struct mail_keeper_need *need_out, struct err *err)
{
	struct mail_keeper_need need = { .encrypted = true };
	struct span line;

	while (text.length > 0 && span_split(&text, '\n', &line)) {
		char fingerprint[MAIL_KEY_FINGERPRINT];

		if (line.length == 0 || line.data[0] == '#')
			continue;
		if (line.length != MAIL_KEY_FINGERPRINT - 1)
			return err_set(err, ERR_CORRUPT, "a line is no key's");
		memcpy(fingerprint, line.data, line.length);
		fingerprint[line.length] = '\0';
		if (strspn(fingerprint, HEX) != line.length ||
			need.count == MAIL_KEEPER_MAX)
			return err_set(err, ERR_CORRUPT, "a line is no key's");
		add_need(&need, fingerprint);
	}
	if (need.count == 0)
		return err_set(err, ERR_CORRUPT, "it names no key");
	*need_out = need;
	return 0;
}

int
mail_keeper_read(const struct paths *paths, struct mail_keeper_need *need_out,
	struct err *err)
{
	char path[PATHS_MAX];
	struct strbuf text;
	struct err cause = { 0 };
	int result;

	record_path(paths, path);
	strbuf_init(&text, RECORD_SIZE_MAX + 1);
	result = fs_read(path, RECORD_SIZE_MAX, &text, &cause);
	if (result == 0)
		result =
			mail_keeper_parse(strbuf_span(&text), need_out, &cause);
	strbuf_deinit(&text);
	if (result == 0)
		return 1;
	if (cause.code == ERR_NOT_FOUND)
		return 0;
	(void)err_set(err, cause.code,
		"%s, the record of the keys that mail needs: %s", path,
		cause.text);
	return err_remedy(err,
		"restore it with the mail, or remove it: it is made again from the mail");
}

static int
write_record(const struct paths *paths, const struct mail_keeper_need *need,
	struct err *err)
{
	char path[PATHS_MAX];
	struct strbuf text;
	int result;

	record_path(paths, path);
	strbuf_init(&text, RECORD_SIZE_MAX);
	strbuf_add_text(&text,
		"# The keys that mail here may be encrypted with: Dovecot does not start\n"
		"# without them. Written by mailherd, saved and put back with the mail.\n");
	for (size_t i = 0; i < need->count; i++)
		strbuf_printf(&text, "%s\n", need->fingerprints[i]);
	result = fs_write_atomic(path, text.data, text.length, RECORD_MODE,
		(uid_t)-1, (gid_t)-1, err);
	strbuf_deinit(&text);
	return result;
}

/* The heads of messages. */

static void
look_at(struct search *search, int directory, const char *name)
{
	int fd = openat(directory, name,
		O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	char head[MAIL_KEY_HEAD_MAX], fingerprint[MAIL_KEY_FINGERPRINT];
	ssize_t length = fd == -1 ? -1 : read(fd, head, sizeof(head));
	enum mail_key_head kind = MAIL_KEY_HEAD_CLEAR;

	search->left--;
	if (length > 0)
		kind = mail_key_head_parse(
			(struct span){ head, (size_t)length }, fingerprint);
	if (fd != -1)
		close(fd);
	if (kind == MAIL_KEY_HEAD_KNOWN)
		add_need(search->need, fingerprint);
	else if (kind == MAIL_KEY_HEAD_STRANGE)
		search->need->encrypted = true;
}

static DIR *
open_listing(int directory)
{
	int copy = openat(directory, ".", DIRECTORY_FLAGS | O_CLOEXEC);
	DIR *listing = copy == -1 ? NULL : fdopendir(copy);

	if (listing == NULL && copy != -1)
		close(copy);
	return listing;
}

static void
visit_messages(struct search *search, int directory)
{
	DIR *listing = open_listing(directory);
	struct dirent *entry;
	int looked = 0;

	while (listing != NULL && looked < HEADS_MAX && search->left > 0 &&
		(entry = readdir(listing)) != NULL)
		if (entry->d_name[0] != '.') {
			look_at(search, directory, entry->d_name);
			looked++;
		}
	if (listing != NULL)
		closedir(listing);
}

static void
visit(struct search *search, int parent, const char *name, visit_fn *act)
{
	int fd = openat(parent, name, DIRECTORY_FLAGS | O_CLOEXEC);

	if (fd == -1)
		return;
	act(search, fd);
	close(fd);
}

/* Each directory in a directory: with hidden ".Folder"s, else the others. */
static void
visit_each(struct search *search, int directory, bool hidden, visit_fn *act)
{
	DIR *listing = open_listing(directory);
	struct dirent *entry;

	while (listing != NULL && search->left > 0 &&
		(entry = readdir(listing)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 &&
			strcmp(entry->d_name, "..") != 0 &&
			(entry->d_name[0] == '.') == hidden)
			visit(search, directory, entry->d_name, act);
	if (listing != NULL)
		closedir(listing);
}

static void
visit_folder(struct search *search, int directory)
{
	visit(search, directory, "cur", visit_messages);
	visit(search, directory, "new", visit_messages);
}

static void
visit_maildir(struct search *search, int directory)
{
	visit_folder(search, directory);
	visit_each(search, directory, true, visit_folder);
}

/* Maildir, and what else holds mail beside it. */
static void
visit_home(struct search *search, int directory)
{
	visit_each(search, directory, false, visit_maildir);
}

static void
visit_prefix(struct search *search, int directory)
{
	visit_each(search, directory, false, visit_home);
}

int
mail_keeper_find(const struct paths *paths, struct mail_keeper_need *need_out,
	struct err *err)
{
	struct mail_keeper_need need = { 0 };
	struct search search = { .need = &need, .left = MESSAGES_MAX };
	int got = mail_keeper_read(paths, &need, err);
	int fd;

	if (got == -1)
		return -1;
	if (got == 0) {
		fd = open(paths->vmail, DIRECTORY_FLAGS | O_CLOEXEC);
		if (fd == -1)
			return err_errno(
				err, errno, "opening %s", paths->vmail);
		visit_each(&search, fd, false, visit_prefix);
		close(fd);
	}
	*need_out = need;
	return 0;
}

/* The check. */

/* A key that is not there leaves its fingerprint empty. */
static int
read_keys(const struct paths *paths, struct keys *keys, struct err *err)
{
	for (size_t i = 0; i < MAIL_KEY_COUNT; i++)
		if (mail_key_read(paths, i, keys->fingerprints[i],
			    i == 0 ? &keys->public : NULL, err) == -1)
			return -1;
	return 0;
}

static bool
has_key(const struct keys *keys, const char *fingerprint)
{
	for (size_t i = 0; i < MAIL_KEY_COUNT; i++)
		if (strcmp(keys->fingerprints[i], fingerprint) == 0)
			return true;
	return false;
}

/* The first key that mail needs and that is not there, or NULL. */
static const char *
find_missing(const struct mail_keeper_need *need, const struct keys *keys)
{
	for (size_t i = 0; i < need->count; i++)
		if (!has_key(keys, need->fingerprints[i]))
			return need->fingerprints[i];
	return NULL;
}

static int
refuse_missing(const struct paths *paths, const char *missing,
	const struct keys *keys, struct err *err)
{
	char path[PATHS_MAX];

	mail_key_path(paths, 0, path);
	if (keys->fingerprints[0][0] == '\0') {
		(void)err_set(err, ERR_CORRUPT,
			"mail here is encrypted with the key %s, and %s is missing",
			missing, path);
		return err_remedy(err,
			"put the copy that was kept back: mailherd key import FILE");
	}
	(void)err_set(err, ERR_CORRUPT,
		"mail here is encrypted with the key %s, which is not here; %s is another one, %s",
		missing, path, keys->fingerprints[0]);
	return err_remedy(err,
		"mailherd key import --read-only FILE adds the missing key; to go back to it, move %s away, then: mailherd key import FILE",
		path);
}

static int
check_main(const struct paths *paths, const struct keys *keys, struct err *err)
{
	char path[PATHS_MAX];
	struct strbuf public;
	struct err cause = { 0 };
	bool same;

	if (keys->fingerprints[0][0] == '\0') {
		mail_key_path(paths, 0, path);
		(void)err_set(err, ERR_NOT_FOUND,
			"%s, the key of mail at rest, is missing; no mail needs it yet",
			path);
		return err_remedy(err, "mailherd setup makes a new one");
	}
	mail_key_public_path(paths, path);
	strbuf_init(&public, MAIL_KEY_PEM_MAX + 1);
	same = fs_read(path, MAIL_KEY_PEM_MAX, &public, &cause) == 0 &&
	       span_equal(strbuf_span(&public), strbuf_span(&keys->public));
	strbuf_deinit(&public);
	if (same)
		return 0;
	(void)err_set(err, ERR_CORRUPT, "%s is not the public half of %s", path,
		mail_key_name(0));
	return err_remedy(err, "mailherd setup writes it anew");
}

/* Keys that read, and the one that writes from now on. */
static bool
add_present(
	struct mail_keeper_need *need, const struct keys *keys, bool encrypting)
{
	size_t before = need->count;

	for (size_t i = encrypting ? 0 : 1; i < MAIL_KEY_COUNT; i++)
		if (keys->fingerprints[i][0] != '\0')
			add_need(need, keys->fingerprints[i]);
	return need->count != before;
}

static int
check(const struct paths *paths, struct keys *keys, bool encrypting,
	struct err *err)
{
	struct mail_keeper_need need = { 0 };
	struct mail_keeper_need record;
	const char *missing;

	if (read_keys(paths, keys, err) == -1 ||
		mail_keeper_find(paths, &need, err) == -1)
		return -1;
	missing = find_missing(&need, keys);
	if (missing != NULL)
		return refuse_missing(paths, missing, keys, err);
	if (check_main(paths, keys, err) == -1)
		return -1;
	if (!add_present(&need, keys, encrypting) &&
		mail_keeper_read(paths, &record, NULL) == 1)
		return 0;
	return need.count == 0 ? 0 : write_record(paths, &need, err);
}

int
mail_keeper_check(const struct paths *paths, bool encrypting, struct err *err)
{
	struct keys keys = { 0 };
	int result;

	strbuf_init(&keys.public, MAIL_KEY_PEM_MAX + 1);
	result = check(paths, &keys, encrypting, err);
	strbuf_deinit(&keys.public);
	return result;
}
