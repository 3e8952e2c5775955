/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Telling the supervisor: s6 readiness (newline on descriptor 3) and
 * systemd's sd_notify(3) datagrams (READY=1, STATUS=...). */
#ifndef IO_NOTIFY_H
#define IO_NOTIFY_H

/* Writes the newline and closes descriptor 3, once; nothing when not open. */
void notify_s6_ready(void);
/* Nothing happens without a socket; socket_path as in NOTIFY_SOCKET. */
void notify_systemd(const char *socket_path, const char *message);

#endif
