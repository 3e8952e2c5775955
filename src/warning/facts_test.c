/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is taken for an answer of the directory, and what is not. */
#include "warning/facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define REST                                                                   \
	"\"subject\":\"s\",\"text\":\"t\",\"mailbox\":7,\"level\":80,"         \
	"\"used\":8,\"quota\":10,\"at\":5"

static void
test_parsing(void **state)
{
	static const struct {
		const char *json;
		const char *field; /* of the error; NULL: it is right */
	} rows[] = {
		{ "{\"address\":\"a@b.c\",\"sender\":\"\",\"copies\":[]," REST
		  "}",
			NULL },
		{ "{\"address\":\"a@b.c\",\"sender\":\"p@b.c\","
		  "\"copies\":[\"x@y\",\"z@y\"],\"more\":1," REST "}",
			NULL },
		{ "{\"address\":\"ab.c\",\"sender\":\"\",\"copies\":[]," REST
		  "}",
			"address" },
		{ "{\"address\":\"-f@b.c\",\"sender\":\"\",\"copies\":[]," REST
		  "}",
			"address" },
		{ "{\"address\":\"a@b\\nBcc: x@y\",\"sender\":\"\","
		  "\"copies\":[]," REST "}",
			"address" },
		{ "{\"address\":\"a@b.c\",\"sender\":\"a b@c\",\"copies\":[]," REST
		  "}",
			"sender" },
		{ "{\"address\":\"a@b.c\",\"sender\":\"\",\"copies\":[3]," REST
		  "}",
			"copies" },
		{ "{\"address\":\"a@b.c\",\"sender\":\"\",\"copies\":\"x@y\"," REST
		  "}",
			"copies" },
		{ "{\"address\":\"a@b.c\",\"sender\":\"\"," REST "}",
			"copies" },
		{ "{\"address\":5,\"sender\":\"\",\"copies\":[]," REST "}",
			"address" },
		{ "[]", "" },
		{ "", "" },
		{ "{", "" },
	};

	(void)state;

	for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
		struct arena *arena = arena_new();
		struct facts facts;
		struct err err = { 0 };
		int status = facts_parse(
			span_from(rows[i].json), arena, &facts, &err);

		if ((status == 0) != (rows[i].field == NULL))
			fail_msg("row %zu: %d %s", i, status, err.text);
		if (status != 0 && strcmp(err.field, rows[i].field) != 0)
			fail_msg("row %zu: %s", i, err.field);
		if (status == 0)
			assert_int_equal(facts.mailbox_id, 7);
		arena_free(&arena);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parsing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
