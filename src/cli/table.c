/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Cells are kept until a block is full, then printed at its widths. */
#include "cli/table.h"

#include <stdio.h>

#include "base/alloc.h"
#include "base/arena.h"

#define COLUMNS_MAX 24
#define ROWS_MAX 500
#define WIDTH_MAX 48 /* a longer cell moves what follows */
#define GAP 2

struct table {
	struct arena *arena;
	const char *cells[ROWS_MAX][COLUMNS_MAX];
	int widths[COLUMNS_MAX];
	int columns; /* of the widest row */
	int column;
	int rows;
};

struct table *
table_new(void)
{
	struct table *table = xcalloc(1, sizeof(*table));

	table->arena = arena_new();
	return table;
}

void
table_free(struct table **table)
{
	if (*table == NULL)
		return;
	arena_free(&(*table)->arena);
	x_free(table);
}

/* Characters as a terminal counts them, near enough: UTF-8 lead bytes. */
static int
text_width(const char *text)
{
	int width = 0;

	for (; *text != '\0'; text++) {
		if (((unsigned char)*text & 0xc0) != 0x80)
			width++;
	}
	return width;
}

void
table_cell(struct table *table, const char *text)
{
	int width = text_width(text);

	BUG_ON(table->column >= COLUMNS_MAX);
	if (width > table->widths[table->column])
		table->widths[table->column] =
			width < WIDTH_MAX ? width : WIDTH_MAX;
	table->cells[table->rows][table->column++] =
		arena_strdup(table->arena, text);
	if (table->column > table->columns)
		table->columns = table->column;
}

void
table_row_end(struct table *table)
{
	table->column = 0;
	if (++table->rows == ROWS_MAX)
		table_flush(table);
}

static void
print_row(const struct table *table, int row)
{
	int owed = 0;

	for (int c = 0; c < table->columns; c++) {
		const char *text = table->cells[row][c];

		if (text == NULL)
			text = "";
		/* Blanks are printed with the next cell: none at the end. */
		if (text[0] != '\0') {
			(void)printf("%*s%s", owed, "", text);
			owed = 0;
		}
		owed += table->widths[c] + GAP -
			(text[0] == '\0' ? 0 : text_width(text));
		if (owed < GAP)
			owed = GAP;
	}
	(void)putchar('\n');
}

void
table_flush(struct table *table)
{
	for (int row = 0; row < table->rows; row++)
		print_row(table, row);
	for (int row = 0; row < table->rows; row++) {
		for (int c = 0; c < COLUMNS_MAX; c++)
			table->cells[row][c] = NULL;
	}
	table->rows = 0;
	arena_reset(table->arena);
}
