/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Templates of configuration files and of mail: a subset of mustache(5).
 *
 *	{{name}}            the value, escaped for the file's format
 *	{{.}}               the item of a list that has no members
 *	{{#name}}..{{/name}} per item of a list, or once for a value that is
 *	                    not empty; {{^name}}..{{/name}} the contrary
 *	{{>file}}           the administrator's file of that name, verbatim
 *	{{! remark }}       nothing
 *
 * There is no unescaped form. Each format's escaper says which bytes it can
 * represent; a value that has others is an error that names the setting it
 * came from. A name that the table of values does not have is an error, too,
 * so that a misspelt one cannot pass as empty. Lines on which only such
 * marks other than {{name}} stand leave nothing behind.
 */
#ifndef BASE_TEMPLATE_H
#define BASE_TEMPLATE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/span.h"
#include "base/strbuf.h"

#define TEMPLATE_DEPTH_MAX 8
#define TEMPLATE_NAME_MAX 64

/* Names and what they stand for; item scopes see their parents' names. */
struct template_scope;

/* parent may be NULL. Lives in arena, keeps pointers to names and texts. */
struct template_scope *template_scope_new(
	struct arena *arena, const struct template_scope *parent);
/* origin: the setting to name in errors; NULL: name. text NULL is empty. */
void template_set(struct template_scope *scope, const char *name,
	const char *text, const char *origin);
void template_set_flag(
	struct template_scope *scope, const char *name, bool value);
/* An empty list exists from the first call of template_list(). */
void template_list(struct template_scope *scope, const char *name);
/* Adds an item to a list and returns its scope; "." is its text. */
struct template_scope *template_item(struct template_scope *scope,
	const char *name, const char *text, const char *origin);

struct template_escaper;

/* NULL: there is no format of that name. */
const struct template_escaper *template_escaper_find(const char *name);

/*
 * Appends the administrator's file to out, or nothing when there is none.
 * The text ends with a newline if there is any.
 */
typedef int template_partial_fn(
	void *context, const char *file, struct strbuf *out, struct err *err);

/* name is the file's, for errors: "main.cf.in:12: ...". */
MUST_CHECK int template_render(struct span text, const char *name,
	const struct template_scope *scope,
	const struct template_escaper *escaper, template_partial_fn *partial,
	void *partial_context, struct strbuf *out, struct err *err);

#endif
