/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A listening Unix socket in a directory of its own, for the unit tests of
 * this folder; static functions, because there is no test library.
 */
#ifndef IO_TEST_SOCKET_H
#define IO_TEST_SOCKET_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/compiler.h"

struct test_socket {
	char directory[32];
	char path[40];
	int listen_fd;
};

UNUSED static void
test_socket_open(struct test_socket *s, int type)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	snprintf(s->directory, sizeof(s->directory), "/tmp/mh-io-XXXXXX");
	BUG_ON(!mkdtemp(s->directory));
	snprintf(s->path, sizeof(s->path), "%s/s", s->directory);
	memcpy(address.sun_path, s->path, sizeof(s->path));
	s->listen_fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	BUG_ON(s->listen_fd < 0);
	BUG_ON(bind(s->listen_fd, (struct sockaddr *)&address,
		       sizeof(address)) < 0);
	BUG_ON(listen(s->listen_fd, 16) < 0);
}

/* The descriptor belongs to the server that the test made of it. */
UNUSED static void
test_socket_close(struct test_socket *s)
{
	unlink(s->path);
	rmdir(s->directory);
}

UNUSED static int
test_socket_connect(const struct test_socket *s, int type)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	memcpy(address.sun_path, s->path, sizeof(s->path));
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	BUG_ON(fd < 0);
	BUG_ON(connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0);
	return fd;
}

#endif
