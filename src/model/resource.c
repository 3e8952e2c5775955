/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The types stand in one table of functions {parse, read, bind, write,
 * format}; the rest walks over fields and calls them.
 */
#include "model/resource.h"

#include <string.h>
#include <time.h>

#include "base/config.h"
#include "base/span.h"
#include "base/strbuf.h"
#include "base/utf8.h"

#define LIST_SEPARATORS " \t\r\n,;"
#define LIST_COLUMN_MAX (64 * 1024)
#define SECRET_MASK "***"
#define UNIT_STEP 1024

struct type_ops {
	size_t size;
	int (*parse)(const struct field *field, const char *text, void *member,
		struct arena *arena, struct err *err);
	void (*read)(struct db_query *q, int column, void *member,
		struct arena *arena);
	void (*bind)(struct db_query *q, int index, const void *member);
	void (*write)(
		struct json_writer *w, const char *key, const void *member);
	const char *(*format)(const struct field *field, const void *member,
		struct arena *arena);
	/* NULL: is never stored in a row of its own. */
	bool (*load)(const json_t *value, void *member, struct arena *arena);
};

/*
 * Control characters end up in logs, headers and terminals; refuse them
 * here, those of eight bits (U+0080 to U+009F) too.
 */
static bool
text_printable(const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c != '\0';
		c++) {
		if (*c < ' ' || *c == 0x7f)
			return false;
		if (c[0] == 0xc2 && c[1] < 0xa0)
			return false;
	}
	return true;
}

static bool
text_is_utf8(const char *text)
{
	size_t left = strlen(text);

	while (left > 0) {
		size_t length = utf8_length(text, left);

		if (length == 0)
			return false;
		text += length;
		left -= length;
	}
	return true;
}

static int
text_parse(const struct field *field, const char *text, void *member,
	struct arena *arena, struct err *err)
{
	int64_t length = (int64_t)strlen(text);

	if (length < field->min) {
		(void)err_field(err, ERR_INVALID, field->name,
			"%s must not be empty", field->name);
		return err_remedy(err, "write at least %lld bytes",
			(long long)field->min);
	}
	if (length > field->max) {
		(void)err_field(err, ERR_TOO_BIG, field->name,
			"%s has %lld bytes, at most %lld are allowed",
			field->name, (long long)length, (long long)field->max);
		return err_remedy(err, "write less");
	}
	if (!text_is_utf8(text)) {
		(void)err_field(err, ERR_INVALID, field->name,
			"%s is not valid UTF-8", field->name);
		return err_remedy(err,
			"use a terminal or a file with the character set UTF-8");
	}
	if (!text_printable(text)) {
		(void)err_field(err, ERR_INVALID, field->name,
			"%s contains control characters", field->name);
		return err_remedy(err, "leave line ends and tabs out");
	}
	*(const char **)member = arena_strdup(arena, text);
	return 0;
}

static void
text_read(struct db_query *q, int column, void *member, struct arena *arena)
{
	const char *text = db_text(q, column);

	*(const char **)member = arena_strdup(arena, text == NULL ? "" : text);
}

static void
text_bind(struct db_query *q, int index, const void *member)
{
	const char *text = *(const char *const *)member;

	db_bind_text(q, index, text == NULL ? "" : text);
}

static void
text_write(struct json_writer *w, const char *key, const void *member)
{
	const char *text = *(const char *const *)member;

	json_text(w, key, text == NULL ? "" : text);
}

static const char *
text_format(UNUSED const struct field *field, const void *member,
	UNUSED struct arena *arena)
{
	const char *text = *(const char *const *)member;

	return text == NULL ? "" : text;
}

static int
number_range(const struct field *field, int64_t number, void *member,
	struct err *err)
{
	if (number < field->min || number > field->max) {
		(void)err_field(err, ERR_INVALID, field->name,
			"%s can not be %lld", field->name, (long long)number);
		return err_remedy(err, "choose between %lld and %lld",
			(long long)field->min, (long long)field->max);
	}
	*(int64_t *)member = number;
	return 0;
}

static int
number_invalid(const struct field *field, const char *text, struct err *err)
{
	(void)err_field(err, ERR_INVALID, field->name,
		"%s can not be \"%.60s\"", field->name, text);
	if (field->words[0] != NULL)
		return err_remedy(err, "choose %s, %s%s%s", field->words[0],
			field->words[1], field->words[2] == NULL ? "" : ", ",
			field->words[2] == NULL ? "" : field->words[2]);
	return err_remedy(err,
		field->type == FIELD_SIZE
			? "write a number of bytes, or with K, M, G or T behind it"
			: "write a whole number");
}

static int
number_parse(const struct field *field, const char *text, void *member,
	UNUSED struct arena *arena, struct err *err)
{
	uint64_t number;

	for (size_t i = 0; i < RESOURCE_WORDS_MAX; i++) {
		if (field->words[i] != NULL &&
			strcmp(text, field->words[i]) == 0)
			return number_range(field, (int64_t)i, member, err);
	}
	if (span_parse_uint64(span_from(text), INT64_MAX, &number) != 0)
		return number_invalid(field, text, err);
	return number_range(field, (int64_t)number, member, err);
}

/* "512M", "3G", "1024"; also "3GiB" and "3GB", which mean the same here. */
static int
size_parse(const struct field *field, const char *text, void *member,
	UNUSED struct arena *arena, struct err *err)
{
	static const char units[] = "KMGT";
	size_t digits = strspn(text, "0123456789");
	const char *unit = text + digits;
	uint64_t factor = 1;
	uint64_t number;
	const char *at;

	if (unit[0] != '\0') {
		char upper = (char)(unit[0] & ~0x20);

		at = memchr(units, upper, sizeof(units) - 1);
		if (at == NULL ||
			(unit[1] != '\0' && strcmp(unit + 1, "B") != 0 &&
				strcmp(unit + 1, "iB") != 0))
			return number_invalid(field, text, err);
		for (const char *u = units; u <= at; u++)
			factor *= UNIT_STEP;
	}
	if (span_parse_uint64((struct span){ text, digits }, INT64_MAX / factor,
		    &number) != 0)
		return number_invalid(field, text, err);
	return number_range(field, (int64_t)(number * factor), member, err);
}

static void
number_read(struct db_query *q, int column, void *member,
	UNUSED struct arena *arena)
{
	*(int64_t *)member = db_number(q, column);
}

static void
number_bind(struct db_query *q, int index, const void *member)
{
	db_bind_number(q, index, *(const int64_t *)member);
}

static void
number_write(struct json_writer *w, const char *key, const void *member)
{
	json_number(w, key, *(const int64_t *)member);
}

static const char *
number_format(
	const struct field *field, const void *member, struct arena *arena)
{
	int64_t number = *(const int64_t *)member;

	if (number >= 0 && number < RESOURCE_WORDS_MAX &&
		field->words[number] != NULL)
		return field->words[number];
	return arena_printf(arena, "%lld", (long long)number);
}

const char *
resource_size_text(int64_t bytes, struct arena *arena)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	int64_t whole = bytes;
	int64_t tenths = 0;
	size_t unit = 0;

	while (whole >= UNIT_STEP && unit + 1 < ARRAY_LENGTH(units)) {
		tenths = whole % UNIT_STEP * 10 / UNIT_STEP;
		whole /= UNIT_STEP;
		unit++;
	}
	if (tenths == 0)
		return arena_printf(
			arena, "%lld %s", (long long)whole, units[unit]);
	return arena_printf(arena, "%lld.%lld %s", (long long)whole,
		(long long)tenths, units[unit]);
}

static const char *
size_format(UNUSED const struct field *field, const void *member,
	struct arena *arena)
{
	return resource_size_text(*(const int64_t *)member, arena);
}

static const char *
time_format(UNUSED const struct field *field, const void *member,
	struct arena *arena)
{
	return resource_time_text(*(const int64_t *)member, arena);
}

const char *
resource_time_text(int64_t at, struct arena *arena)
{
	time_t seconds = (time_t)at;
	struct tm parts;
	char text[32];

	if (seconds == 0 || gmtime_r(&seconds, &parts) == NULL)
		return "never";
	(void)strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%SZ", &parts);
	return arena_strdup(arena, text);
}

static int
time_parse(const struct field *field, UNUSED const char *text,
	UNUSED void *member, UNUSED struct arena *arena, struct err *err)
{
	return err_field(err, ERR_INVALID, field->name,
		"%s is kept by mailherd and can not be set", field->name);
}

static int
bool_parse(const struct field *field, const char *text, void *member,
	UNUSED struct arena *arena, struct err *err)
{
	int answer = config_bool(text);

	if (answer < 0) {
		(void)err_field(err, ERR_INVALID, field->name,
			"%s can not be \"%.60s\"", field->name, text);
		return err_remedy(err, "write yes or no");
	}
	*(bool *)member = answer == 1;
	return 0;
}

static void
bool_read(struct db_query *q, int column, void *member,
	UNUSED struct arena *arena)
{
	*(bool *)member = db_number(q, column) != 0;
}

static void
bool_bind(struct db_query *q, int index, const void *member)
{
	db_bind_number(q, index, *(const bool *)member ? 1 : 0);
}

static void
bool_write(struct json_writer *w, const char *key, const void *member)
{
	json_bool(w, key, *(const bool *)member);
}

static const char *
bool_format(UNUSED const struct field *field, const void *member,
	UNUSED struct arena *arena)
{
	return *(const bool *)member ? "yes" : "no";
}

static size_t
list_length(const char *const *list)
{
	size_t n = 0;

	while (list != NULL && list[n] != NULL)
		n++;
	return n;
}

static size_t
list_words(const char *text)
{
	size_t n = 0;

	for (text += strspn(text, LIST_SEPARATORS); *text != '\0';
		text += strspn(text, LIST_SEPARATORS)) {
		text += strcspn(text, LIST_SEPARATORS);
		n++;
	}
	return n;
}

/* A new list: the items of the old one, then those of text. */
static const char *const *
list_append(const char *const *list, const char *text, struct arena *arena)
{
	size_t n = list_length(list);
	const char **grown =
		arena_alloc(arena, (n + list_words(text) + 1) * sizeof(*grown));

	if (n > 0)
		memcpy(grown, list, n * sizeof(*grown));
	for (text += strspn(text, LIST_SEPARATORS); *text != '\0';
		text += strspn(text, LIST_SEPARATORS)) {
		size_t length = strcspn(text, LIST_SEPARATORS);

		grown[n++] = arena_strndup(arena, text, length);
		text += length;
	}
	return grown;
}

static int
list_parse(const struct field *field, const char *text, void *member,
	struct arena *arena, struct err *err)
{
	const char *const **list = member;
	const char *const *grown = list_append(*list, text, arena);

	if ((int64_t)list_length(grown) > field->max) {
		(void)err_field(err, ERR_LIMIT, field->name,
			"%s has more than %lld items", field->name,
			(long long)field->max);
		return err_remedy(err, "spread them over several objects");
	}
	*list = grown;
	return 0;
}

static void
list_read(struct db_query *q, int column, void *member, struct arena *arena)
{
	const char *text = db_text(q, column);

	*(const char *const **)member =
		list_append(NULL, text == NULL ? "" : text, arena);
}

/* Of a list that has a column: long lists have tables of their own. */
static void
list_bind(struct db_query *q, int index, const void *member)
{
	const char *const *list = *(const char *const *const *)member;
	struct strbuf text;

	strbuf_init(&text, LIST_COLUMN_MAX);
	for (size_t i = 0; list != NULL && list[i] != NULL; i++) {
		if (i > 0)
			strbuf_add_char(&text, ' ');
		strbuf_add_text(&text, list[i]);
	}
	BUG_ON(strbuf_overflowed(&text)); /* the module's rules bound it */
	db_bind_text(q, index, text.data);
	strbuf_deinit(&text);
}

static void
list_write(struct json_writer *w, const char *key, const void *member)
{
	const char *const *list = *(const char *const *const *)member;

	json_array_open(w, key);
	for (size_t i = 0; list != NULL && list[i] != NULL; i++)
		json_text(w, NULL, list[i]);
	json_array_close(w);
}

static const char *
list_format(UNUSED const struct field *field, const void *member,
	struct arena *arena)
{
	const char *const *list = *(const char *const *const *)member;
	const char *text = "";

	for (size_t i = 0; list != NULL && list[i] != NULL; i++)
		text = i == 0 ? list[0]
			      : arena_printf(arena, "%s, %s", text, list[i]);
	return text;
}

static bool
text_load(const json_t *value, void *member, struct arena *arena)
{
	if (!json_is_string(value))
		return false;
	*(const char **)member = arena_strdup(arena, json_string_value(value));
	return true;
}

static bool
number_load(const json_t *value, void *member, UNUSED struct arena *arena)
{
	if (!json_is_integer(value))
		return false;
	*(int64_t *)member = json_integer_value(value);
	return true;
}

static bool
bool_load(const json_t *value, void *member, UNUSED struct arena *arena)
{
	if (!json_is_boolean(value))
		return false;
	*(bool *)member = json_is_true(value);
	return true;
}

/* clang-format off */
static const struct type_ops TYPES[] = {
	[FIELD_TEXT] = { sizeof(const char *), text_parse, text_read,
		text_bind, text_write, text_format, text_load },
	[FIELD_NUMBER] = { sizeof(int64_t), number_parse, number_read,
		number_bind, number_write, number_format, number_load },
	[FIELD_SIZE] = { sizeof(int64_t), size_parse, number_read,
		number_bind, number_write, size_format, number_load },
	[FIELD_BOOL] = { sizeof(bool), bool_parse, bool_read,
		bool_bind, bool_write, bool_format, bool_load },
	[FIELD_TIME] = { sizeof(int64_t), time_parse, number_read,
		number_bind, number_write, time_format, number_load },
	[FIELD_LIST] = { sizeof(const char *const *), list_parse, list_read,
		list_bind, list_write, list_format, NULL },
};

/* clang-format on */

static void *
member_of(const struct field *field, void *object)
{
	return (char *)object + field->offset;
}

static const void *
member_const(const struct field *field, const void *object)
{
	return (const char *)object + field->offset;
}

static bool
name_equal(const char *name, const char *given)
{
	for (; *name != '\0'; name++, given++) {
		if (*name != (*given == '-' ? '_' : *given))
			return false;
	}
	return *given == '\0';
}

const struct field *
resource_field(const struct resource *resource, const char *name)
{
	for (size_t i = 0; i < resource->field_count; i++) {
		if (name_equal(resource->fields[i].name, name))
			return &resource->fields[i];
	}
	return NULL;
}

const struct field *
resource_key(const struct resource *resource)
{
	for (size_t i = 0; i < resource->field_count; i++) {
		if ((resource->fields[i].flags & FIELD_KEY) != 0)
			return &resource->fields[i];
	}
	BUG_ON(true);
}

static uint64_t
field_bit(const struct resource *resource, const struct field *field)
{
	return UINT64_C(1) << (field - resource->fields);
}

uint64_t
resource_bit(const struct resource *resource, const char *name)
{
	const struct field *field = resource_field(resource, name);

	BUG_ON(field == NULL);
	return field_bit(resource, field);
}

void
resource_defaults(const struct resource *resource, void *object)
{
	memset(object, 0, resource->object_size);
	for (size_t i = 0; i < resource->field_count; i++) {
		const struct field *field = &resource->fields[i];
		void *member = member_of(field, object);
		int status = 0;

		if (field->type == FIELD_TEXT)
			*(const char **)member = field->default_text == NULL
							 ? ""
							 : field->default_text;
		else if (field->default_text != NULL)
			status = TYPES[field->type].parse(
				field, field->default_text, member, NULL, NULL);
		BUG_ON(status != 0);
	}
}

int
resource_set(const struct resource *resource, const struct field *field,
	const char *text, void *object, uint64_t *given, struct arena *arena,
	struct err *err)
{
	uint64_t bit = field_bit(resource, field);
	void *member = member_of(field, object);

	if (field->type == FIELD_LIST && (*given & bit) == 0)
		*(const char *const **)member = NULL;
	if (TYPES[field->type].parse(field, text, member, arena, err) != 0)
		return -1;
	*given |= bit;
	return 0;
}

void
resource_merge(const struct resource *resource, const void *from,
	uint64_t given, void *to)
{
	for (size_t i = 0; i < resource->field_count; i++) {
		const struct field *field = &resource->fields[i];

		if ((given & field_bit(resource, field)) != 0)
			memcpy(member_of(field, to), member_const(field, from),
				TYPES[field->type].size);
	}
}

void
resource_read(const struct resource *resource, struct db_query *q, void *object,
	struct arena *arena)
{
	int column = 0;

	memset(object, 0, resource->object_size);
	for (size_t i = 0; i < resource->field_count; i++) {
		const struct field *field = &resource->fields[i];

		if (field->column != NULL)
			TYPES[field->type].read(
				q, column++, member_of(field, object), arena);
	}
}

void
resource_bind(
	const struct resource *resource, struct db_query *q, const void *object)
{
	int index = 1;

	for (size_t i = 0; i < resource->field_count; i++) {
		const struct field *field = &resource->fields[i];
		const void *member = member_const(field, object);

		if ((field->flags & FIELD_STORED) == 0)
			continue;
		if (index == 1 && *(const int64_t *)member == 0)
			db_bind_null(q, index++);
		else
			TYPES[field->type].bind(q, index++, member);
	}
}

static void
write_members(const struct resource *resource, const void *object, bool masked,
	struct json_writer *w)
{
	for (size_t i = 0; i < resource->field_count; i++) {
		const struct field *field = &resource->fields[i];

		if ((field->flags & FIELD_SECRET) == 0)
			TYPES[field->type].write(
				w, field->name, member_const(field, object));
		else if (masked)
			json_text(w, field->name, SECRET_MASK);
	}
}

void
resource_write_json(const struct resource *resource, const void *object,
	struct json_writer *w)
{
	write_members(resource, object, false, w);
}

void
resource_write_audit(const struct resource *resource, const void *object,
	struct json_writer *w)
{
	json_object_open(w, NULL);
	write_members(resource, object, true, w);
	json_object_close(w);
}

void
resource_write_stored(const struct resource *resource, const void *object,
	struct json_writer *w)
{
	for (size_t i = 0; i < resource->field_count; i++) {
		const struct field *field = &resource->fields[i];

		if ((field->flags & FIELD_STORED) != 0)
			TYPES[field->type].write(
				w, field->name, member_const(field, object));
	}
}

int
resource_load_stored(const struct resource *resource, const json_t *members,
	void *object, struct arena *arena, struct err *err)
{
	resource_defaults(resource, object);
	for (size_t i = 0; i < resource->field_count; i++) {
		const struct field *field = &resource->fields[i];
		const json_t *value = json_object_get(members, field->name);

		if ((field->flags & FIELD_STORED) == 0 || value == NULL)
			continue;
		if (!TYPES[field->type].load(
			    value, member_of(field, object), arena))
			return err_field(err, ERR_CORRUPT, field->name,
				"%s of a remembered %s is of the wrong type",
				field->name, resource->name);
	}
	return 0;
}

const char *
resource_format(
	const struct field *field, const void *object, struct arena *arena)
{
	return TYPES[field->type].format(
		field, member_const(field, object), arena);
}
