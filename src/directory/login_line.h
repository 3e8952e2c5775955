/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The line protocol between the few lines of Lua in Dovecot's auth process
 * and the judge. One request at a time per connection:
 *
 *	AUTH <service> <remote ip or "-"> <tls 0|1> <user> <base64 password>
 *	OK <user>	canonical address: the mailbox to open
 *	FAIL <reason>	the password does not open it
 *	TEMP <reason>	nobody knows now: ask again
 *
 * Fields are separated by one tab, lines end with a line feed; the user is
 * escaped as in Dovecot's protocols (tab_escape.h). A line that is not of
 * this form ends the connection.
 */
#ifndef DIRECTORY_LOGIN_LINE_H
#define DIRECTORY_LOGIN_LINE_H

#include "io/stream.h"

/* Its context is the struct directory. */
extern const struct stream_protocol login_line_protocol;

#endif
