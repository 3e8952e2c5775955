/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Texts are formatted into a local buffer first: a caller may pass the old
 * text of the same struct as an argument.
 */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

struct err_row {
	const char *name;
	int exit_status;
	int http_status;
};

/* The one place that knows names, exit statuses and HTTP statuses. */
static const struct err_row ERR_ROWS[ERR_CODE_COUNT] = {
	[ERR_NONE] = { "none", 0, 200 },
	[ERR_INVALID] = { "invalid", 2, 400 },
	[ERR_NOT_FOUND] = { "not-found", 3, 404 },
	[ERR_EXISTS] = { "exists", 4, 409 },
	[ERR_DENIED] = { "denied", 1, 403 },
	[ERR_LIMIT] = { "limit", 5, 422 },
	[ERR_BUSY] = { "busy", 75, 503 },
	[ERR_SYSTEM] = { "system", 1, 500 },
	[ERR_UNAVAILABLE] = { "unavailable", 75, 503 },
	[ERR_CORRUPT] = { "corrupt", 1, 500 },
	[ERR_TOO_BIG] = { "too-big", 2, 413 },
	[ERR_NOT_IMPLEMENTED] = { "not-implemented", 1, 501 },
};

/* Copies what fits and does not cut a character in two. */
static void
copy_text(char *to, size_t size, const char *from)
{
	size_t length = strlen(from);
	if (length >= size)
		length = utf8_cut(from, size - 1);
	memmove(to, from, length);
	to[length] = '\0';
}

static int
set_all(struct err *err, enum err_code code, const char *field,
	const char *text)
{
	if (!err)
		return -1;
	char field_copy[sizeof(err->field)];
	copy_text(field_copy, sizeof(field_copy), field);
	err->code = code;
	copy_text(err->field, sizeof(err->field), field_copy);
	copy_text(err->text, sizeof(err->text), text);
	err->remedy[0] = '\0';
	return -1;
}

int
err_set(struct err *err, enum err_code code, const char *format, ...)
{
	char text[sizeof(err->text)];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return set_all(err, code, "", text);
}

int
err_field(struct err *err, enum err_code code, const char *field,
	const char *format, ...)
{
	char text[sizeof(err->text)];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return set_all(err, code, field, text);
}

int
err_errno(struct err *err, int errno_value, const char *format, ...)
{
	char text[sizeof(err->text)];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);

	char whole[sizeof(text) + 128];
	snprintf(whole, sizeof(whole), "%s: %s", text,
		strerrordesc_np(errno_value) ? strerrordesc_np(errno_value)
					     : "unknown error");
	return set_all(err, ERR_SYSTEM, "", whole);
}

int
err_prefix(struct err *err, const char *format, ...)
{
	if (!err)
		return -1;
	char words[sizeof(err->text)];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(words, sizeof(words), format, arguments);
	va_end(arguments);

	char whole[2 * sizeof(words) + 3];
	snprintf(whole, sizeof(whole), "%s: %s", words, err->text);
	copy_text(err->text, sizeof(err->text), whole);
	return -1;
}

int
err_remedy(struct err *err, const char *format, ...)
{
	if (!err)
		return -1;
	char words[sizeof(err->remedy)];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(words, sizeof(words), format, arguments);
	va_end(arguments);
	copy_text(err->remedy, sizeof(err->remedy), words);
	return -1;
}

void
err_clear(struct err *err)
{
	if (err)
		*err = (struct err){ 0 };
}

const char *
err_code_name(enum err_code code)
{
	BUG_ON((unsigned)code >= ERR_CODE_COUNT);
	return ERR_ROWS[code].name;
}

int
err_exit_status(enum err_code code)
{
	BUG_ON((unsigned)code >= ERR_CODE_COUNT);
	return ERR_ROWS[code].exit_status;
}

int
err_http_status(enum err_code code)
{
	BUG_ON((unsigned)code >= ERR_CODE_COUNT);
	return ERR_ROWS[code].http_status;
}
