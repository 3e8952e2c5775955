/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ways a password comes in; clear texts are wiped after hashing. */
#include "cli/password_input.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "auth/scheme.h"
#include "base/random.h"
#include "base/secret.h"
#include "model/mailbox.h"
#include "model/setting.h"

#define SHORT_SCHEME "BLF-CRYPT"
#define BLF_CRYPT_BYTES 72
#define FAST_SCHEME "SSHA256" /* enough for 24 random characters */
#define GENERATED_LENGTH 20
#define LINE_SIZE (SCHEME_PASSWORD_MAX + 2)

/* Waits until fd has something; a signal that awake lets in ends it. */
static int
wait_readable(int fd, const sigset_t *awake, struct err *err)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	if (ppoll(&poll_fd, 1, NULL, awake) > 0)
		return 0;
	if (errno != EINTR)
		return err_errno(err, errno, "terminal");
	return err_field(err, ERR_INVALID, "password", "interrupted");
}

/*
 * The first line of fd without its end, into line; its length or -1. With
 * awake (of a terminal) signals end it, else awake is NULL.
 */
static ptrdiff_t
read_line(int fd, const sigset_t *awake, char line[LINE_SIZE], struct err *err)
{
	size_t length = 0;

	while (length < LINE_SIZE) {
		ssize_t got;

		if (awake != NULL && wait_readable(fd, awake, err) != 0)
			return -1;
		got = read(fd, line + length, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_errno(err, errno, "reading the password");
		if (got == 0 || line[length] == '\n')
			break;
		length++;
	}
	if (length == LINE_SIZE) {
		(void)err_field(err, ERR_TOO_BIG, "password",
			"the password is too long");
		return err_remedy(err, "choose one of at most %d bytes",
			SCHEME_PASSWORD_MAX);
	}
	if (length > 0 && line[length - 1] == '\r')
		length--;
	return (ptrdiff_t)length;
}

/* Only has to exist: ppoll(2) then returns, and the echo comes back. */
static void
wake(UNUSED int signal_number)
{
}

static ptrdiff_t
read_silently(const char *prompt, const sigset_t *awake, char line[LINE_SIZE],
	struct err *err)
{
	struct termios normal;
	struct termios silent;
	ptrdiff_t length;

	if (tcgetattr(STDIN_FILENO, &normal) != 0)
		return err_errno(err, errno, "terminal");
	silent = normal;
	silent.c_lflag &= ~(tcflag_t)ECHO;
	silent.c_lflag |= ECHONL;
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent) != 0)
		return err_errno(err, errno, "terminal");
	/* Only now: who sees the prompt may type, or give up. */
	(void)fprintf(stderr, "%s: ", prompt);
	length = read_line(STDIN_FILENO, awake, line, err);
	(void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &normal);
	return length;
}

/* Signals that would leave the terminal silent wait for the prompt. */
static ptrdiff_t
ask_once(const char *prompt, char line[LINE_SIZE], struct err *err)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGQUIT, SIGHUP };
	struct sigaction before[ARRAY_LENGTH(signals)];
	const struct sigaction waking = { .sa_handler = wake };
	sigset_t blocked;
	sigset_t awake;
	ptrdiff_t length;

	(void)sigemptyset(&blocked);
	for (size_t i = 0; i < ARRAY_LENGTH(signals); i++)
		(void)sigaddset(&blocked, signals[i]);
	(void)sigprocmask(SIG_BLOCK, &blocked, &awake);
	for (size_t i = 0; i < ARRAY_LENGTH(signals); i++)
		(void)sigaction(signals[i], &waking, &before[i]);
	length = read_silently(prompt, &awake, line, err);
	for (size_t i = 0; i < ARRAY_LENGTH(signals); i++)
		(void)sigaction(signals[i], &before[i], NULL);
	(void)sigprocmask(SIG_SETMASK, &awake, NULL);
	return length;
}

static ptrdiff_t
ask_twice(char line[LINE_SIZE], struct err *err)
{
	char again[LINE_SIZE];
	ptrdiff_t length = ask_once("Password", line, err);
	ptrdiff_t again_length;

	if (length < 0)
		return -1;
	again_length = ask_once("Again", again, err);
	if (again_length >= 0 &&
		(again_length != length ||
			memcmp(line, again, (size_t)length) != 0)) {
		(void)err_field(err, ERR_INVALID, "password",
			"the two passwords differ");
		again_length =
			err_remedy(err, "nothing was changed: run it again");
	}
	secret_wipe(again, sizeof(again));
	return again_length;
}

static ptrdiff_t
read_password(struct command_call *call, char line[LINE_SIZE], struct err *err)
{
	int file = command_option_file(call, "password-file");

	if (file >= 0)
		return read_line(file, NULL, line, err);
	if (isatty(STDIN_FILENO))
		return ask_twice(line, err);
	(void)err_field(err, ERR_INVALID, "password", "no password was given");
	return err_remedy(err,
		"run it on a terminal to be asked, or use --password-file FILE, --password-file - or --generate");
}

static int
hash_password(struct command_call *call, const char *scheme,
	struct span password, const char **hash_out, struct err *err)
{
	char hash[SCHEME_HASH_MAX];

	if (scheme_create(scheme, password, hash, sizeof(hash), err) != 0)
		return -1;
	*hash_out = arena_strdup(call->arena, hash);
	return 0;
}

static int
take_hash(
	struct command_call *call, struct password_input *out, struct err *err)
{
	char line[LINE_SIZE];
	ptrdiff_t length =
		read_line(command_option_file(call, "password-hash-file"), NULL,
			line, err);

	if (length < 0)
		return -1;
	line[length] = '\0';
	if (length > SCHEME_HASH_MAX || !scheme_is_hash(line)) {
		(void)err_field(err, ERR_INVALID, "password_hash",
			"the hash does not begin with a known {SCHEME}");
		return err_remedy(err, "write it like {BLF-CRYPT}$2y$05$...");
	}
	out->hash = arena_strdup(call->arena, line);
	return 0;
}

static int
check_choice(struct command_call *call, struct err *err)
{
	int count = 0;

	count += command_option(call, "password-file") != NULL;
	count += command_option(call, "generate") != NULL;
	count += command_option(call, "password-hash-file") != NULL;
	if (count <= 1)
		return 0;
	(void)err_field(err, ERR_INVALID, "password",
		"the password was given in several ways");
	return err_remedy(err,
		"give only one of --password-file, --generate and --password-hash-file");
}

static int
choose_scheme(struct command_call *call, struct model *model,
	const char **scheme_out, struct err *err)
{
	const char *scheme = command_option(call, "password-scheme");

	if (scheme == NULL)
		return setting_text(model->core, SETTING_PASSWORD_SCHEME,
			call->arena, scheme_out, NULL, err);
	*scheme_out = scheme;
	return setting_check(SETTING_PASSWORD_SCHEME, scheme, err);
}

/* bcrypt reads no further: the rest would count for nothing. */
static int
check_length(const char *scheme, struct span password, struct err *err)
{
	if (strcmp(scheme, SHORT_SCHEME) != 0 ||
		password.length <= BLF_CRYPT_BYTES)
		return 0;
	(void)err_field(err, ERR_TOO_BIG, "password",
		"%s sees only the first %d bytes of a password, this one has %zu",
		scheme, BLF_CRYPT_BYTES, password.length);
	return err_remedy(
		err, "choose a shorter one, or add --password-scheme ARGON2ID");
}

int
password_input_read(struct command_call *call, struct model *model,
	struct password_input *out, struct err *err)
{
	const char *scheme;
	char line[LINE_SIZE];
	struct span password = { line, 0 };
	ptrdiff_t length;
	int status = -1;

	*out = (struct password_input){ 0 };
	if (choose_scheme(call, model, &scheme, err) != 0 ||
		check_choice(call, err) != 0)
		return -1;
	if (command_option(call, "password-hash-file") != NULL)
		return take_hash(call, out, err);
	if (command_option(call, "generate") != NULL) {
		random_password(line, GENERATED_LENGTH);
		out->generated = arena_strdup(call->arena, line);
		length = GENERATED_LENGTH;
	} else {
		length = read_password(call, line, err);
	}
	if (length >= 0) {
		password.length = (size_t)length;
		if (mailbox_password_check(model, password, err) == 0 &&
			check_length(scheme, password, err) == 0)
			status = hash_password(
				call, scheme, password, &out->hash, err);
	}
	secret_wipe(line, sizeof(line));
	return status;
}

int
password_input_random(struct command_call *call, size_t length,
	struct password_input *out, struct err *err)
{
	char *password = arena_alloc(call->arena, length + 1);

	*out = (struct password_input){ .generated = password };
	random_password(password, length);
	return hash_password(
		call, FAST_SCHEME, span_from(password), &out->hash, err);
}
