/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The moment in front of a log line, as mailherd-log writes it: local time
 * with its offset. Text does not sort by time: an hour in autumn comes
 * twice, and an administrator may change the zone.
 */
#ifndef CLI_LOG_STAMP_H
#define CLI_LOG_STAMP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

/* Milliseconds since 1970; false when the line does not begin with one. */
bool log_stamp_parse(struct span line, int64_t *at_ms_out);

#endif
