/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Does the resolver answer? Address queries for a few names go to it by
 * UDP; it does when one of them is answered with an address. "No such
 * name" and an empty answer are no data, and final; silence and failure
 * are asked about again until the limit, so that a resolver that is just
 * starting is found healthy as soon as it is.
 */
#ifndef WATCH_DNS_CHECK_H
#define WATCH_DNS_CHECK_H

#include <event2/event.h>
#include <stdbool.h>

#define DNS_CHECK_NAMES_MAX 16
#define DNS_CHECK_TEXT_SIZE 160

struct dns_check;

/* text says what each name came to when none was answered, else "". */
typedef void dns_check_done_fn(bool answered, const char *text, void *context);

struct dns_check_options {
	const char *resolver; /* "ADDRESS" or "ADDRESS:PORT" */
	const char *const *names; /* NULL-ended; all outlive the check */
	int limit_ms; /* then it has failed */
	int again_ms; /* until open names are asked about again */
};

/* done is called once, never from within this call. */
struct dns_check *dns_check_start(struct event_base *loop,
	const struct dns_check_options *options, dns_check_done_fn *done,
	void *context);
/* Before done: it is not called then. Clears the pointer; accepts NULL. */
void dns_check_cancel(struct dns_check **check);

#endif
