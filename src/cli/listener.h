/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Who listens on a port of this machine, by the kernel's tables: sockets
 * from /proc/net, their holders from /proc/<pid>/fd. Needs root to see
 * other users' processes. Unix sockets are not looked at.
 */
#ifndef CLI_LISTENER_H
#define CLI_LISTENER_H

#include <stdbool.h>
#include <sys/types.h>

#define LISTENERS_MAX 64
#define LISTENER_NAME_SIZE 64

struct listener {
	unsigned char address[16]; /* as IPv6; IPv4 is ::ffff:a.b.c.d */
	bool is_v4;
	bool any; /* 0.0.0.0 or :: */
	unsigned long inode;
};

/* type SOCK_STREAM or SOCK_DGRAM; at most max; how many there are. */
size_t listener_find(int type, unsigned port, struct listener *out, size_t max);
/* Whether it takes connections to a numeric address. */
bool listener_covers(const struct listener *listener, const char *address);
/* A process that holds the socket (the first one found), or 0. */
pid_t listener_process(const struct listener *listener);
/* The name of a process as in ps, or "". */
void listener_process_name(pid_t pid, char name[LISTENER_NAME_SIZE]);

#endif
