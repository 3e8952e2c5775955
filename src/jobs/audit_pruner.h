/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Forgets what the audit has kept for longer than the setting audit_days:
 * some minutes after the start and every hour, in small transactions with
 * a pause between them, so that nobody who changes something waits for it.
 */
#ifndef JOBS_AUDIT_PRUNER_H
#define JOBS_AUDIT_PRUNER_H

#include <event2/event.h>

#include "store/db.h"

struct audit_pruner;

/* core outlives it. */
struct audit_pruner *audit_pruner_new(struct event_base *loop, struct db *core);
void audit_pruner_free(struct audit_pruner **pruner);
/* Looks now. */
void audit_pruner_wake(struct audit_pruner *pruner);

#endif
