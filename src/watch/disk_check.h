/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Looks at the room of the instance's file systems (io/disk_space.h),
 * every few seconds, oftener while one is bad, and reports each as the
 * fact disk.NAME. A look is one statvfs(2) per place. What follows from a
 * full file system is decided by whoever writes there.
 */
#ifndef WATCH_DISK_CHECK_H
#define WATCH_DISK_CHECK_H

#include <event2/event.h>

#include "base/paths.h"

struct disk_check;

/* paths outlive it. The first look is taken within this call. */
struct disk_check *disk_check_new(struct event_base *loop,
	const struct paths *paths, const char *agent_socket);
void disk_check_free(struct disk_check **check);

#endif
