/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How a failure travels: the function that knows the cause returns -1 and
 * fills a struct err; callers may put words in front; the one that decides
 * logs it, once. Answers such as "not found" are values, not errors.
 * One table (err.c) maps a code to exit status and HTTP status.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stddef.h>

#include "base/compiler.h"

enum err_code {
	ERR_NONE = 0,
	ERR_INVALID, /* input breaks a rule; field says which member */
	ERR_NOT_FOUND, /* an object that the caller named does not exist */
	ERR_EXISTS, /* an object of that name is there already */
	ERR_DENIED, /* the caller may not */
	ERR_LIMIT, /* a limit or quota of the object's owner is reached */
	ERR_BUSY, /* try again: lock, queue full */
	ERR_SYSTEM, /* disk, network, child, library */
	ERR_UNAVAILABLE, /* a service that is needed does not answer */
	ERR_CORRUPT, /* stored data is not what we wrote */
	ERR_TOO_BIG, /* over a size limit */
	ERR_NOT_IMPLEMENTED,
	ERR_CODE_COUNT
};

struct err {
	enum err_code code;
	char field[64]; /* member of the input it is about, or "" */
	char text[512]; /* a sentence for people, no final stop */
	char remedy[256]; /* what to do, or "" */
};

/* All return -1, so that "return err_set(...)" reads well. err may be NULL. */
int err_set(struct err *err, enum err_code code, const char *format, ...)
	PRINTF_LIKE(3, 4);
int err_field(struct err *err, enum err_code code, const char *field,
	const char *format, ...) PRINTF_LIKE(4, 5);
/* Adds ": <strerror(errno_value)>" to the text; code ERR_SYSTEM. */
int err_errno(struct err *err, int errno_value, const char *format, ...)
	PRINTF_LIKE(3, 4);
/* Puts words and ": " in front of the text that is there. */
int err_prefix(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);
int err_remedy(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);
void err_clear(struct err *err);

const char *err_code_name(enum err_code code); /* "invalid", "not-found" */
int err_exit_status(enum err_code
		code); /* 1 general, 2 usage/invalid, 3 not found, 4 exists, 5 limit, 75 try again */
int err_http_status(enum err_code code);

#endif
