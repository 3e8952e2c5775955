/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How commands get a password: asked on the terminal twice without echo,
 * read from a file or standard input, made by us, or an existing hash that
 * a migration brings. Never as an argument: that is public on the machine.
 */
#ifndef CLI_PASSWORD_INPUT_H
#define CLI_PASSWORD_INPUT_H

#include "cli/command.h"
#include "model/model.h"

#define PASSWORD_INPUT_OPTIONS                                                                                \
	{                                                                                                     \
		.name = "password-file",                                                                      \
		.value = "FILE",                                                                              \
		.is_file = true,                                                                              \
		.sentence =                                                                                   \
			"Read the password from the file's first line; - is standard input"                   \
	},                                                                                                    \
		{ .name = "generate",                                                                         \
			.sentence = "Make a password and print it once" },                                    \
		{ .name = "password-hash-file",                                                               \
			.value = "FILE",                                                                      \
			.is_file = true,                                                                      \
			.sentence =                                                                           \
				"Take over the hash in the file's first line, with its {SCHEME} before it" }, \
	{                                                                                                     \
		.name = "password-scheme", .value = "SCHEME",                                                 \
		.sentence =                                                                                   \
			"Hash with BLF-CRYPT or ARGON2ID; default: the setting password_scheme"               \
	}

struct password_input {
	const char *hash; /* for the model */
	const char *generated; /* to be shown once, or NULL */
};

/* Judges the password by the model's rule; texts live in call->arena. */
MUST_CHECK int password_input_read(struct command_call *call,
	struct model *model, struct password_input *out, struct err *err);
/* A random password of that length and its fast hash, for app passwords. */
MUST_CHECK int password_input_random(struct command_call *call, size_t length,
	struct password_input *out, struct err *err);

#endif
