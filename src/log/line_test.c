/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Tests of line.c: what comes out for each kind of input. */
#include "log/line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/alloc.h"

struct output {
	struct strbuf text; /* pieces, each ended by '|' */
};

static void
collect(const struct line *line, void *context)
{
	struct output *output = context;

	line_write(line, &output->text);
	strbuf_add_char(&output->text, '|');
}

static const struct {
	const char *name;
	const char *input;
	const char *want;
	const char *want_at_end;
} CASES[] = {
	{ "one line", "a b\n", "a b|", "a b|" },
	{ "two lines", "a\nb\n", "a|b|", "a|b|" },
	{ "empty line", "\n", "|", "|" },
	{ "nothing", "", "", "" },
	{ "no newline yet", "half", "", "half|" },
	{ "carriage return", "a\r\nb\r\n", "a|b|", "a|b|" },
	{ "tab stays", "a\tb\n", "a\tb|", "a\tb|" },
	{ "escape sequence", "\033[2Jx\n", "\\x1b[2Jx|", "\\x1b[2Jx|" },
	{ "delete", "\177\n", "\\x7f|", "\\x7f|" },
	{ "inner carriage return", "a\rb\n", "a\\x0db|", "a\\x0db|" },
	{ "control sequence of 8 bits",
		"\x9b"
		"2Jx\n",
		"\\x9b2Jx|", "\\x9b2Jx|" },
	{ "the same in utf-8",
		"\xc2\x9b"
		"2Jx\n",
		"\\xc2\\x9b2Jx|", "\\xc2\\x9b2Jx|" },
	{ "half a character", "a\xc3\n", "a\\xc3|", "a\\xc3|" },
	{ "no-break space stays",
		"a\xc2\xa0"
		"b\n",
		"a\xc2\xa0"
		"b|",
		"a\xc2\xa0"
		"b|" },
	{ "utf-8 stays", "gr\xc3\xbc\xc3\x9f\n", "gr\xc3\xbc\xc3\x9f|",
		"gr\xc3\xbc\xc3\x9f|" },
};

static void
test_lines(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LENGTH(CASES); i++) {
		struct line_reader reader;
		struct output output;

		line_reader_init(&reader);
		strbuf_init(&output.text, 4096);
		line_feed(&reader, span_from(CASES[i].input), collect, &output);
		if (strcmp(output.text.data, CASES[i].want) != 0)
			fail_msg("%s: got \"%s\", want \"%s\"", CASES[i].name,
				output.text.data, CASES[i].want);
		line_finish(&reader, collect, &output);
		if (strcmp(output.text.data, CASES[i].want_at_end) != 0)
			fail_msg("%s at end: got \"%s\", want \"%s\"",
				CASES[i].name, output.text.data,
				CASES[i].want_at_end);
		strbuf_deinit(&output.text);
	}
}

static void
test_byte_by_byte(void **state UNUSED)
{
	static const char INPUT[] = "first\r\nsecond\nthird";
	struct line_reader reader;
	struct output output;

	line_reader_init(&reader);
	strbuf_init(&output.text, 4096);
	for (size_t i = 0; i < sizeof(INPUT) - 1; i++)
		line_feed(&reader, (struct span){ INPUT + i, 1 }, collect,
			&output);
	assert_string_equal(output.text.data, "first|second|");
	strbuf_deinit(&output.text);
}

struct tally {
	int kinds[LINE_CUT + 1];
	size_t bytes;
};

static void
count(const struct line *line, void *context)
{
	struct tally *tally = context;

	tally->kinds[line->kind]++;
	tally->bytes += line->text.length;
}

static const struct {
	const char *name;
	size_t length; /* of the line, without newline */
	int kinds[LINE_CUT + 1]; /* whole, first, middle, last, cut */
	size_t bytes;
} LENGTHS[] = {
	{ "fits", LINE_PIECE_MAX, { 1, 0, 0, 0, 0 }, LINE_PIECE_MAX },
	{ "one more", LINE_PIECE_MAX + 1, { 0, 1, 0, 1, 0 },
		LINE_PIECE_MAX + 1 },
	{ "three pieces", 2 * LINE_PIECE_MAX + 5, { 0, 1, 1, 1, 0 },
		2 * LINE_PIECE_MAX + 5 },
	{ "all pieces", LINE_PIECES_MAX *LINE_PIECE_MAX,
		{ 0, 1, LINE_PIECES_MAX - 2, 1, 0 },
		LINE_PIECES_MAX *LINE_PIECE_MAX },
	{ "over", LINE_PIECES_MAX *LINE_PIECE_MAX + 1,
		{ 0, 1, LINE_PIECES_MAX - 2, 0, 1 },
		LINE_PIECES_MAX *LINE_PIECE_MAX },
	{ "far over", 40 * LINE_PIECE_MAX, { 0, 1, LINE_PIECES_MAX - 2, 0, 1 },
		LINE_PIECES_MAX *LINE_PIECE_MAX },
};

static void
test_long_lines(void **state UNUSED)
{
	for (size_t i = 0; i < ARRAY_LENGTH(LENGTHS); i++) {
		size_t length = LENGTHS[i].length;
		char *text = xmalloc(length + 1);
		struct line_reader reader;
		struct tally tally = { 0 };

		memset(text, 'x', length);
		text[length] = '\n';
		line_reader_init(&reader);
		line_feed(&reader, (struct span){ text, length + 1 }, count,
			&tally);
		for (int kind = 0; kind <= LINE_CUT; kind++)
			if (tally.kinds[kind] != LENGTHS[i].kinds[kind])
				fail_msg("%s: kind %d: got %d, want %d",
					LENGTHS[i].name, kind,
					tally.kinds[kind],
					LENGTHS[i].kinds[kind]);
		assert_int_equal(tally.bytes, LENGTHS[i].bytes);
		/* The next line is not touched by it. */
		memset(&tally, 0, sizeof(tally));
		line_feed(&reader, span_from("next\n"), count, &tally);
		assert_int_equal(tally.kinds[LINE_WHOLE], 1);
		x_free(&text);
	}
}

int
main(void)
{
	static const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_byte_by_byte),
		cmocka_unit_test(test_long_lines),
	};

	return cmocka_run_group_tests(TESTS, NULL, NULL);
}
