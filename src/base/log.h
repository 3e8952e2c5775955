/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Log lines: a fixed sentence, then key=value fields, to standard error,
 * one write(2) per line. mailherd-log adds stamp and service. Values are
 * quoted and escaped here, because people and programs parse them. The
 * level is the line's first word ("error:", "warn:", "info:", "debug:").
 * Secrets never come here: struct secret has no format.
 *
 *	log_info("login refused", LOG_TEXT("user", user), LOG_TEXT("ip", ip));
 *
 * A daemon does not wait for its reader: when standard error is a FIFO
 * that is full (the logger is away) lines are dropped, counted, and the
 * number is written when there is room again (log_never_block()).
 *
 * The sink, the threshold and that count are the one process-wide state of
 * base.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG
};

struct log_field {
	const char *key; /* NULL ends the list */
	const char *text; /* when is_number is 0; NULL prints "" */
	int64_t number;
	int is_number;
};

#define LOG_TEXT(k, v) ((struct log_field){ .key = (k), .text = (v) })
#define LOG_NUMBER(k, v)                                                       \
	((struct log_field){                                                   \
		.key = (k), .number = (int64_t)(v), .is_number = 1 })
#define LOG_ERR(e) LOG_TEXT("cause", (e)->text)

#define log_error(...)                                                         \
	log_event(LOG_LEVEL_ERROR, LOG_ARGUMENTS(__VA_ARGS__, LOG_END))
#define log_warn(...)                                                          \
	log_event(LOG_LEVEL_WARN, LOG_ARGUMENTS(__VA_ARGS__, LOG_END))
#define log_info(...)                                                          \
	log_event(LOG_LEVEL_INFO, LOG_ARGUMENTS(__VA_ARGS__, LOG_END))
#define log_debug(...)                                                         \
	log_event(LOG_LEVEL_DEBUG, LOG_ARGUMENTS(__VA_ARGS__, LOG_END))
#define LOG_END ((struct log_field){ .key = 0 })
#define LOG_ARGUMENTS(sentence, ...)                                           \
	(sentence), (struct log_field[])                                       \
	{                                                                      \
		__VA_ARGS__                                                    \
	}

void log_event(enum log_level level, const char *sentence,
	const struct log_field *fields);
/* For a FIFO that no other program writes to by the same descriptor. */
void log_never_block(void);
void log_set_level(enum log_level level);
/* Tests look at lines through this; NULL restores standard error. */
typedef void log_sink_fn(const char *line, void *context);
void log_set_sink(log_sink_fn *sink, void *context);

#endif
