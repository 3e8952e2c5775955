/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * io/stream.h without a socket, for the tests and fuzz targets of this
 * folder: a connection is fed with bytes and its replies are looked at.
 * Link it instead of using stream_server_new().
 */
#ifndef DIRECTORY_TEST_STREAM_H
#define DIRECTORY_TEST_STREAM_H

#include "io/stream.h"

/* Opens a connection; the loop is turned while an answer is awaited. */
struct stream *test_stream_new(struct event_base *loop,
	const struct stream_protocol *protocol, void *context);
/* The peer goes away; frees when nothing refers to it any more. */
void test_stream_hang_up(struct stream *stream);
/*
 * Bytes from the peer. Parses until the input is used up, the stream is
 * paused or dropped.
 */
void test_stream_feed(struct stream *stream, struct span bytes);
/* Turns the loop until the stream is not paused; ms at most. */
void test_stream_settle(struct stream *stream, int deadline_ms);
/* Feeds, settles and returns what was replied, until the next call. */
const char *test_stream_ask(struct stream *stream, const char *text);
bool test_stream_dropped(const struct stream *stream);
bool test_stream_paused(const struct stream *stream);

#endif
