/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The functions of io/stream.h on two buffers. */
#include "directory/test_stream.h"

#include "base/alloc.h"
#include "base/clock.h"

#define INPUT_MAX (4 * 1024 * 1024)
#define REPLIED_MAX (16 * 1024 * 1024)
#define SETTLE_MS 10000

struct stream {
	struct event_base *loop;
	const struct stream_protocol *protocol;
	void *state;
	struct strbuf input;
	struct strbuf output;
	struct strbuf replied;
	unsigned references;
	bool alive;
	bool paused;
	bool parsing;
	bool dropped;
};

static void
process(struct stream *stream)
{
	if (stream->parsing)
		return;
	stream->parsing = true;
	while (stream->alive && !stream->paused && !stream->dropped) {
		struct span input = strbuf_span(&stream->input);
		ptrdiff_t used = 0;

		if (input.length > 0)
			used = stream->protocol->input(
				stream, stream->state, input);
		BUG_ON(used > (ptrdiff_t)input.length);
		if (used < 0 ||
			(used == 0 &&
				input.length >= stream->protocol->input_max))
			stream->dropped = true;
		if (used <= 0)
			break;
		strbuf_consume(&stream->input, (size_t)used);
	}
	stream->parsing = false;
}

struct stream *
test_stream_new(struct event_base *loop, const struct stream_protocol *protocol,
	void *context)
{
	struct stream *stream = xmalloc(sizeof(*stream));

	stream->loop = loop;
	stream->protocol = protocol;
	stream->references = 1;
	stream->alive = true;
	strbuf_init(&stream->input, INPUT_MAX);
	strbuf_init(&stream->output, protocol->output_max);
	strbuf_init(&stream->replied, REPLIED_MAX);
	stream->state = protocol->open(stream, context);
	return stream;
}

void
test_stream_hang_up(struct stream *stream)
{
	stream->alive = false;
	stream->protocol->close(stream->state);
	stream_unref(stream);
}

void
test_stream_feed(struct stream *stream, struct span bytes)
{
	strbuf_add_span(&stream->input, bytes);
	process(stream);
}

void
test_stream_settle(struct stream *stream, int deadline_ms)
{
	int64_t deadline = clock_monotonic_ms() + deadline_ms;

	while (stream->paused && clock_monotonic_ms() < deadline)
		(void)event_base_loop(stream->loop, EVLOOP_ONCE);
}

const char *
test_stream_ask(struct stream *stream, const char *text)
{
	strbuf_reset(&stream->replied);
	test_stream_feed(stream, span_from(text));
	test_stream_settle(stream, SETTLE_MS);
	stream_flush(stream);
	return stream->replied.data;
}

bool
test_stream_dropped(const struct stream *stream)
{
	return stream->dropped;
}

bool
test_stream_paused(const struct stream *stream)
{
	return stream->paused;
}

/* What the protocols call. */

struct strbuf *
stream_output(struct stream *stream)
{
	return &stream->output;
}

/* A peer that takes what it gets. */
void
stream_flush(struct stream *stream)
{
	strbuf_add_span(&stream->replied, strbuf_span(&stream->output));
	strbuf_reset(&stream->output);
}

void
stream_pause(struct stream *stream)
{
	stream->paused = true;
}

void
stream_resume(struct stream *stream)
{
	stream->paused = false;
	process(stream);
}

void
stream_ref(struct stream *stream)
{
	stream->references++;
}

void
stream_unref(struct stream *stream)
{
	if (--stream->references > 0)
		return;
	strbuf_deinit(&stream->input);
	strbuf_deinit(&stream->output);
	strbuf_deinit(&stream->replied);
	x_release(stream);
}

bool
stream_alive(const struct stream *stream)
{
	return stream->alive;
}

/* What comes afterwards is not parsed; close() follows with the hang-up. */
void
stream_close(struct stream *stream)
{
	stream->dropped = true;
	stream->paused = false;
}

unsigned
stream_peer_uid(const struct stream *stream)
{
	(void)stream;
	return 0;
}
