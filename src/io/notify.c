/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Descriptor 3 is taken for s6's only when it is a pipe: a program started
 * by hand may have something of its own there.
 */
#include "io/notify.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define NOTIFY_S6_DESCRIPTOR 3

void
notify_s6_ready(void)
{
	struct stat status;
	if (fstat(NOTIFY_S6_DESCRIPTOR, &status) < 0 ||
		!S_ISFIFO(status.st_mode))
		return;
	/* A supervisor that went away does not want to know. */
	ssize_t written = write(NOTIFY_S6_DESCRIPTOR, "\n", 1);
	(void)written;
	close(NOTIFY_S6_DESCRIPTOR);
}

void
notify_systemd(const char *socket_path, const char *message)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = socket_path ? strlen(socket_path) : 0;
	if (length < 2 || length >= sizeof(address.sun_path))
		return;
	memcpy(address.sun_path, socket_path, length);
	if (address.sun_path[0] == '@') /* the abstract name space */
		address.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	(void)sendto(fd, message, strlen(message), MSG_NOSIGNAL,
		(struct sockaddr *)&address,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
	close(fd);
}
