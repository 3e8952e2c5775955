/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A table on standard output with columns as wide as their cells. Long
 * tables are printed in blocks, so that memory does not grow with them.
 */
#ifndef CLI_TABLE_H
#define CLI_TABLE_H

struct table;

struct table *table_new(void);
void table_free(struct table **table);
/* The text is copied. */
void table_cell(struct table *table, const char *text);
void table_row_end(struct table *table);
void table_flush(struct table *table);

#endif
