/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Child processes without a shell: an argv, optional user, captured
 * output with a limit, a deadline after which the group is killed.
 */
#ifndef IO_CHILD_H
#define IO_CHILD_H

#include <event2/event.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/strbuf.h"

struct child_spec {
	const char *const *argv; /* argv[0] is an absolute path; NULL-ended */
	const char *const
		*environment; /* NULL-ended; NULL: PATH, LANG=C, TZ only */
	const char *user; /* NULL: as we are */
	const char *directory; /* NULL: "/" */
	struct span input; /* for standard input; empty: /dev/null */
	size_t output_max; /* of what is captured; the rest is dropped */
	/* NULL: standard error is captured with the output. Else it gets it,
	 * up to its limit, when the program has ended; lives until then. */
	struct strbuf *errors;
	int deadline_ms;
	const char *
		private_mount; /* NULL, or "SRC\0DST": bind in a mount namespace */
	bool inherit_output; /* output goes to our own descriptors */
	/* Gets output as it comes (may be NULL), beside what is captured;
	 * context is that of the call, of child_start() only. */
	void (*on_output)(struct span bytes, void *context);
	int nice; /* 0: as we are; only ever more */
	size_t memory_max; /* bytes of address space; 0: as we are */
	/* SIGTERM when we end: who begins anew would find it at work. */
	bool ends_with_us;
};

struct child_result {
	int status; /* exit status, or 128 + signal */
	bool timed_out;
};

/* Waits. -1 only when the program could not be started. */
MUST_CHECK int child_run(const struct child_spec *spec, struct strbuf *output,
	struct child_result *result_out, struct err *err);
/*
 * Waits for one that has to succeed: it ends in time, with status 0. If
 * not, the error (ERR_SYSTEM) is what it said last, behind `what`: on
 * standard error, where that is apart. output (may be NULL) gets all that
 * was captured, byte for byte.
 */
MUST_CHECK int child_succeed(const struct child_spec *spec, const char *what,
	struct strbuf *output, struct err *err);
/* child_run() inside a loop. done is called exactly once. */
typedef void child_done_fn(const struct child_result *result,
	const struct strbuf *output, const struct err *err, void *context);
void child_start(struct event_base *loop, const struct child_spec *spec,
	child_done_fn *done, void *context);

#endif
