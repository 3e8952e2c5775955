/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Lock files of Dovecot in the home of a mailbox. Those that nobody holds
 * any more make the next one wait for two minutes: after a power loss, and
 * after a home was moved away under who held them.
 *
 * And links to messages in tmp/, from copies that were not completed: they
 * count as instances of a message, and a message of which there is another
 * instance is not kept when its user deletes it.
 */
#ifndef AGENT_MAIL_LOCKS_H
#define AGENT_MAIL_LOCKS_H

#include <time.h>

/*
 * Removes them below home (an open directory) and returns how many. With
 * before: only those that are older and whose content, lost by the power
 * loss, names no process; links that are older. NULL: all, where nobody can hold one.
 */
int mail_locks_remove(int home, const struct timespec *before);

#endif
