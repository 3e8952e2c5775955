/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Keeps directory->core and directory->usage open. A file that is not
 * there, is locked or has a foreign schema is tried again four times a
 * second, for ever: meanwhile the pointer is NULL and answers are
 * temporary. A file that was replaced (another inode) is opened anew. How
 * they are is told to the agent (facts database.lookups, database.usage).
 * usage.db is the directory's own: it is created and migrated here, and
 * marked as long as we run (usage_mark.h).
 */
#ifndef DIRECTORY_DATABASES_H
#define DIRECTORY_DATABASES_H

struct databases;
struct directory;

/* Tries at once, then by a timer of directory->loop. */
struct databases *databases_new(struct directory *directory);
/* No number was lost and none follows: this is a clean end. */
void databases_stop(struct databases *databases);
/* Closes both and sets the pointers to NULL. */
void databases_free(struct databases **databases);
/* What the timer does; for tests. */
void databases_check(struct databases *databases);

#endif
