/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Reads what every service of the instance writes to its FIFO and keeps it
 * in the service's log file. The name of a FIFO is the name of a service:
 * FIFOs are found in one directory, which is watched, so a new service
 * needs nothing here. Each is opened for reading and writing: a writer
 * never gets SIGPIPE while we are away, and a FIFO without a writer never
 * reads as ended.
 *
 * The collector never ends the process and never waits: what cannot be
 * written is dropped and counted (logfile.h). It judges no line.
 */
#ifndef LOG_COLLECTOR_H
#define LOG_COLLECTOR_H

#include <event2/event.h>

#include "base/err.h"
#include "base/json_write.h"
#include "log/logfile.h"

struct collector;

#define COLLECTOR_OWN_SERVICE "log" /* where our own lines go */

struct collector_options {
	const char *fifos; /* directory of FIFOs */
	const char *logs; /* one directory per service is made here */
	struct logfile_limits limits;
};

/* The options' texts need not outlive the call. */
MUST_CHECK int collector_new(struct event_base *loop,
	const struct collector_options *options,
	struct collector **collector_out, struct err *err);
/* Reads what is waiting once more, then closes everything. */
void collector_free(struct collector **collector);
/* One line of our own, stamped; fit to be a log_sink_fn. */
void collector_own_line(const char *line, void *collector);
/* "services": [{"name", "lines", "bytes", "dropped"}] */
void collector_status(
	const struct collector *collector, struct json_writer *out);
/* service NULL: all. ERR_NOT_FOUND: no such service. */
MUST_CHECK int collector_rotate(
	struct collector *collector, const char *service, struct err *err);

#endif
