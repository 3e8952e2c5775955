/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Listening Unix sockets that outlive their process: kept by the
 * instance's s6-fdholder under their path, so that a restart is a pause
 * for the peers and not a refused connection.
 */
#ifndef IO_FDSTORE_H
#define IO_FDSTORE_H

#include "base/err.h"
#include "base/paths.h"
#include "io/service.h"

/*
 * The listening descriptor of paths.sockets/name: the kept one, or a new
 * one (directory 0750 root:group, socket 0660 root:group) that is then
 * given to the holder. Works without a holder too (tests). As root.
 */
MUST_CHECK int fdstore_listen(const struct paths *paths,
	const struct service_socket *socket, int *fd_out, struct err *err);

#endif
