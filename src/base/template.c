/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One pass over the text, a function call per open section. A section of a
 * list is read again for each item; one that is not shown is read with
 * emit off, so that mistakes in it are found all the same.
 */
#include "base/template.h"

#include <stdio.h>
#include <string.h>

#define OPEN "{{"
#define CLOSE "}}"
#define MARK_LENGTH 2

/* Values. */

enum value_kind {
	VALUE_TEXT,
	VALUE_LIST
};

struct value {
	const char *name;
	enum value_kind kind;
	const char *text;
	const char *origin;
	struct template_scope *first; /* items of a list */
	struct template_scope *last;
	struct value *next;
};

struct template_scope {
	struct arena *arena;
	const struct template_scope *parent;
	struct value *values;
	struct template_scope *next; /* in a list */
};

struct template_scope *
template_scope_new(struct arena *arena, const struct template_scope *parent)
{
	struct template_scope *scope = arena_alloc(arena, sizeof(*scope));

	scope->arena = arena;
	scope->parent = parent;
	return scope;
}

static struct value *
value_here(const struct template_scope *scope, struct span name)
{
	for (struct value *v = scope->values; v != NULL; v = v->next) {
		if (span_equal_text(name, v->name))
			return v;
	}
	return NULL;
}

static const struct value *
value_find(const struct template_scope *scope, struct span name)
{
	const struct value *value = NULL;

	for (; scope != NULL && value == NULL; scope = scope->parent)
		value = value_here(scope, name);
	return value;
}

static struct value *
value_set(struct template_scope *scope, const char *name, enum value_kind kind)
{
	struct value *value = value_here(scope, span_from(name));

	if (value == NULL) {
		value = arena_alloc(scope->arena, sizeof(*value));
		value->name = name;
		value->kind = kind;
		value->next = scope->values;
		scope->values = value;
	}
	BUG_ON(value->kind != kind);
	return value;
}

void
template_set(struct template_scope *scope, const char *name, const char *text,
	const char *origin)
{
	struct value *value = value_set(scope, name, VALUE_TEXT);

	value->text = text == NULL ? "" : text;
	value->origin = origin == NULL ? name : origin;
}

void
template_set_flag(struct template_scope *scope, const char *name, bool value)
{
	template_set(scope, name, value ? "yes" : "", NULL);
}

void
template_list(struct template_scope *scope, const char *name)
{
	(void)value_set(scope, name, VALUE_LIST);
}

struct template_scope *
template_item(struct template_scope *scope, const char *name, const char *text,
	const char *origin)
{
	struct value *list = value_set(scope, name, VALUE_LIST);
	struct template_scope *item = template_scope_new(scope->arena, scope);

	template_set(item, ".", text, origin == NULL ? name : origin);
	if (list->last == NULL)
		list->first = item;
	else
		list->last->next = item;
	list->last = item;
	return item;
}

/* Escapers. */

struct replacement {
	char byte;
	const char *text;
};

struct template_escaper {
	const char *name;
	bool placeholders; /* false: the file is copied */
	bool utf8; /* bytes above 0x7f may stand in it */
	const char *forbidden; /* besides control characters */
	const struct replacement *replacements; /* byte 0 ends; or NULL */
};

static const struct replacement POSTFIX[] = { { '$', "$$" }, { 0, NULL } };
static const struct replacement QUOTED[] = { { '"', "\\\"" }, { '\\', "\\\\" },
	{ 0, NULL } };
static const struct replacement HTML[] = { { '&', "&amp;" }, { '<', "&lt;" },
	{ '>', "&gt;" }, { '"', "&quot;" }, { '\'', "&#39;" }, { 0, NULL } };

/*
 * Values stand bare in most formats, so blanks, quotes, comment signs and
 * separators are not representable; ucl and lua have them in double quotes.
 */
static const struct template_escaper ESCAPERS[] = {
	{ "none", false, true, "", NULL },
	{ "word", true, false, " \"'`\\$;{}<>#,&|*?()!~^", NULL },
	{ "postfix", true, false, " \"'`\\{}<>#,|;", POSTFIX },
	{ "dovecot", true, false, " \"'\\{}<#$%", NULL },
	{ "nginx", true, false, " \"'\\{};$#", NULL },
	{ "ucl", true, false, "$", QUOTED },
	{ "unbound", true, false, " \"'\\#", NULL },
	{ "redis", true, false, " \"'\\#", NULL },
	{ "lua", true, false, "", QUOTED },
	{ "html", true, true, "", HTML },
	{ "text", true, true, "", NULL },
};

const struct template_escaper *
template_escaper_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LENGTH(ESCAPERS); i++) {
		if (strcmp(ESCAPERS[i].name, name) == 0)
			return &ESCAPERS[i];
	}
	return NULL;
}

static const char *
replacement_find(const struct template_escaper *escaper, char byte)
{
	const struct replacement *r = escaper->replacements;

	for (; r != NULL && r->byte != 0; r++) {
		if (r->byte == byte)
			return r->text;
	}
	return NULL;
}

static bool
is_allowed(const struct template_escaper *escaper, char byte)
{
	unsigned char code = (unsigned char)byte;

	if (code < 0x20 || code == 0x7f)
		return false;
	if (code > 0x7f)
		return escaper->utf8;
	return strchr(escaper->forbidden, byte) == NULL;
}

static int
escape(const struct template_escaper *escaper, const struct value *value,
	struct strbuf *out, struct err *err)
{
	for (const char *p = value->text; *p != '\0'; p++) {
		const char *text = replacement_find(escaper, *p);

		if (text != NULL)
			strbuf_add_text(out, text);
		else if (is_allowed(escaper, *p))
			strbuf_add_char(out, *p);
		else
			return err_field(err, ERR_INVALID, value->origin,
				"%s: the byte 0x%02x can not stand in a file of format %s",
				value->origin, (unsigned char)*p,
				escaper->name);
	}
	return 0;
}

/* Rendering. */

struct tag {
	char kind; /* '#', '^', '/', '>', '!', or 0 for a value */
	struct span name;
	size_t start; /* of its line when it stands alone, else of the mark */
	size_t end; /* behind it */
};

struct renderer {
	struct span text;
	const char *name;
	const struct template_escaper *escaper;
	template_partial_fn *partial;
	void *partial_context;
	struct strbuf *out;
};

static int
fail(const struct renderer *r, size_t position, struct err *err)
{
	int line = 1;

	for (size_t i = 0; i < position && i < r->text.length; i++)
		line += r->text.data[i] == '\n';
	return err_prefix(err, "%s:%d", r->name, line);
}

static bool
is_name(struct span name)
{
	static const char ALLOWED[] = "abcdefghijklmnopqrstuvwxyz"
				      "0123456789_.-";

	if (name.length == 0 || name.length > TEMPLATE_NAME_MAX)
		return false;
	for (size_t i = 0; i < name.length; i++) {
		if (memchr(ALLOWED, name.data[i], sizeof(ALLOWED) - 1) == NULL)
			return false;
	}
	return true;
}

/* Where the mark stands next, or text.length. */
static size_t
find(struct span text, size_t from, const char *mark)
{
	const char *hit = from >= text.length
				  ? NULL
				  : memmem(text.data + from, text.length - from,
					    mark, MARK_LENGTH);

	return hit == NULL ? text.length : (size_t)(hit - text.data);
}

/* Widens the tag to its whole line when nothing else stands there. */
static void
take_line(struct span text, struct tag *tag)
{
	size_t start = tag->start, end = tag->end;

	while (start > 0 &&
		(text.data[start - 1] == ' ' || text.data[start - 1] == '\t'))
		start--;
	if (start > 0 && text.data[start - 1] != '\n')
		return;
	while (end < text.length &&
		(text.data[end] == ' ' || text.data[end] == '\t'))
		end++;
	if (end < text.length && text.data[end] != '\n')
		return;
	tag->start = start;
	tag->end = end < text.length ? end + 1 : end;
}

/* 1 a tag, 0 no more, -1. */
static int
next_tag(
	const struct renderer *r, size_t from, struct tag *tag, struct err *err)
{
	size_t start = find(r->text, from, OPEN);
	size_t inner = start + MARK_LENGTH, close;

	if (start == r->text.length)
		return 0;
	close = find(r->text, inner, CLOSE);
	if (close == r->text.length) {
		(void)err_set(err, ERR_INVALID, "{{ without }}");
		return fail(r, start, err);
	}
	*tag = (struct tag){ .start = start, .end = close + MARK_LENGTH };
	if (inner < close && strchr("#^/>!", r->text.data[inner]) != NULL)
		tag->kind = r->text.data[inner++];
	while (inner < close && r->text.data[inner] == ' ')
		inner++;
	while (close > inner && r->text.data[close - 1] == ' ')
		close--;
	tag->name = (struct span){ r->text.data + inner, close - inner };
	if (tag->kind != '!' && !is_name(tag->name)) {
		(void)err_set(err, ERR_INVALID, "a name is expected in {{}}");
		return fail(r, start, err);
	}
	if (tag->kind != 0)
		take_line(r->text, tag);
	return 1;
}

static const struct value *
value_get(const struct renderer *r, const struct template_scope *scope,
	const struct tag *tag, struct err *err)
{
	const struct value *value = value_find(scope, tag->name);

	if (value == NULL) {
		(void)err_set(err, ERR_INVALID, "there is no value \"%.*s\"",
			(int)tag->name.length, tag->name.data);
		(void)fail(r, tag->start, err);
	}
	return value;
}

static int
put_value(const struct renderer *r, const struct template_scope *scope,
	const struct tag *tag, bool emit, struct err *err)
{
	const struct value *value;

	/* A part that is not shown may name members of items. */
	if (!emit)
		return 0;
	value = value_get(r, scope, tag, err);
	if (value == NULL)
		return -1;
	if (value->kind != VALUE_TEXT) {
		(void)err_set(
			err, ERR_INVALID, "\"%s\" is a list", value->name);
		return fail(r, tag->start, err);
	}
	if (escape(r->escaper, value, r->out, err) == -1)
		return fail(r, tag->start, err);
	return 0;
}

static int
put_partial(const struct renderer *r, const struct tag *tag, bool emit,
	struct err *err)
{
	char file[TEMPLATE_NAME_MAX + 1];

	if (!emit || r->partial == NULL)
		return 0;
	(void)snprintf(file, sizeof(file), "%.*s", (int)tag->name.length,
		tag->name.data);
	return r->partial(r->partial_context, file, r->out, err);
}

static int render_block(const struct renderer *r, size_t *position,
	const struct tag *section, const struct template_scope *scope,
	bool emit, int depth, struct err *err);

/* The section's text, once per item; *position ends behind its end mark. */
static int
put_section(const struct renderer *r, size_t *position, const struct tag *tag,
	const struct template_scope *scope, bool emit, int depth,
	struct err *err)
{
	const struct value *value = NULL;
	size_t start = *position;
	bool shown;

	if (emit) {
		value = value_get(r, scope, tag, err);
		if (value == NULL)
			return -1;
	}
	shown = emit && (value->kind == VALUE_LIST ? value->first != NULL
						   : value->text[0] != '\0');
	if (tag->kind == '#' && shown && value->kind == VALUE_LIST) {
		const struct template_scope *item = value->first;

		for (; item != NULL; item = item->next) {
			*position = start;
			if (render_block(r, position, tag, item, true, depth,
				    err) == -1)
				return -1;
		}
		return 0;
	}
	if (tag->kind == '^')
		shown = emit && !shown;
	return render_block(r, position, tag, scope, shown, depth, err);
}

static int
put_tag(const struct renderer *r, size_t *position, const struct tag *tag,
	const struct template_scope *scope, bool emit, int depth,
	struct err *err)
{
	switch (tag->kind) {
	case '#':
	case '^':
		return put_section(r, position, tag, scope, emit, depth, err);
	case '>':
		return put_partial(r, tag, emit, err);
	case '!':
		return 0;
	default:
		return put_value(r, scope, tag, emit, err);
	}
}

/* Until the end mark of section, or, for NULL, the end of the text. */
static int
render_block(const struct renderer *r, size_t *position,
	const struct tag *section, const struct template_scope *scope,
	bool emit, int depth, struct err *err)
{
	struct tag tag;
	int got;

	if (depth > TEMPLATE_DEPTH_MAX) {
		(void)err_set(err, ERR_INVALID, "sections are too deep");
		return fail(r, *position, err);
	}
	while ((got = next_tag(r, *position, &tag, err)) == 1) {
		if (emit)
			strbuf_add(r->out, r->text.data + *position,
				tag.start - *position);
		*position = tag.end;
		if (tag.kind == '/') {
			if (section != NULL &&
				span_equal(tag.name, section->name))
				return 0;
			(void)err_set(err, ERR_INVALID,
				"{{/%.*s}} ends nothing", (int)tag.name.length,
				tag.name.data);
			return fail(r, tag.start, err);
		}
		if (put_tag(r, position, &tag, scope, emit, depth + 1, err) ==
			-1)
			return -1;
	}
	if (got == -1)
		return -1;
	if (section != NULL) {
		(void)err_set(err, ERR_INVALID, "{{%c%.*s}} has no end",
			section->kind, (int)section->name.length,
			section->name.data);
		return fail(r, section->start, err);
	}
	strbuf_add(
		r->out, r->text.data + *position, r->text.length - *position);
	*position = r->text.length;
	return 0;
}

int
template_render(struct span text, const char *name,
	const struct template_scope *scope,
	const struct template_escaper *escaper, template_partial_fn *partial,
	void *partial_context, struct strbuf *out, struct err *err)
{
	struct renderer r = {
		.text = text,
		.name = name,
		.escaper = escaper,
		.partial = partial,
		.partial_context = partial_context,
		.out = out,
	};
	size_t position = 0;

	if (!escaper->placeholders)
		strbuf_add_span(out, text);
	else if (render_block(&r, &position, NULL, scope, true, 0, err) == -1)
		return -1;
	if (strbuf_overflowed(out))
		return err_set(err, ERR_TOO_BIG,
			"%s: the result is larger than %zu bytes", name,
			out->limit);
	return 0;
}
