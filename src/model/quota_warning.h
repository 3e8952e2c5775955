/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a quota warning is: the percentages at which one is sent, and the
 * text that administrators write with {{username}}, {{domain}},
 * {{percent}}, {{quota}}, {{used}} and {{hostname}} in it
 * (base/template.h). Who is warned and when is decided by the directory
 * (directory/quota_judge.h), the mail is made by src/warning.
 */
#ifndef MODEL_QUOTA_WARNING_H
#define MODEL_QUOTA_WARNING_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/strbuf.h"

#define QUOTA_LEVELS_MAX 8
#define QUOTA_WARNING_TEXT_MAX 8192
#define QUOTA_WARNING_SUBJECT_MAX 200
/* Of a text of that size whose every mark is the longest address. */
#define QUOTA_WARNING_FILLED_MAX (256 * 1024)

/* Percentages, ascending. */
struct quota_levels {
	int percents[QUOTA_LEVELS_MAX];
	size_t count; /* 0: nobody is warned */
};

struct quota_warning_values {
	const char *username; /* the address */
	const char *hostname;
	int64_t quota_bytes;
	int64_t used_bytes;
};

extern const char QUOTA_WARNING_TEXT[]; /* the default */

/* "80 95 100" in any order, or "off". */
MUST_CHECK int quota_levels_parse(
	const char *text, struct quota_levels *levels_out, struct err *err);
/* The highest level that is not above percent, 0: none. */
int quota_levels_reached(const struct quota_levels *levels, int64_t percent);
/* Whole percent, rounded down; 0 when there is no limit. */
int64_t quota_percent(int64_t used_bytes, int64_t quota_bytes);

/* Fills text; name says in errors where it stands: "quota.warning_text:3: ...". */
MUST_CHECK int quota_warning_fill(const char *text, const char *name,
	const struct quota_warning_values *values, struct arena *arena,
	struct strbuf *out, struct err *err);
/* Whether a text could be filled for anybody; the error names the line. */
MUST_CHECK int quota_warning_check(
	const char *text, const char *name, struct err *err);

#endif
