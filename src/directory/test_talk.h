/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One row of a protocol test: what the peer sends and what must come back.
 * Apart from test_stream.h, because fuzz targets link that without cmocka.
 */
#ifndef DIRECTORY_TEST_TALK_H
#define DIRECTORY_TEST_TALK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "directory/test_stream.h"

/* Asks, compares, hangs up. want NULL: the connection must be dropped. */
static inline void
test_talk(struct stream *stream, const char *name, const char *input,
	const char *want)
{
	const char *got = test_stream_ask(stream, input);

	if (test_stream_dropped(stream) != (want == NULL))
		fail_msg("%s: dropped %d", name, want != NULL);
	if (want != NULL && strcmp(got, want) != 0)
		fail_msg("%s: got %s, want %s", name, got, want);
	test_stream_hang_up(stream);
}

#endif
