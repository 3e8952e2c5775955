/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Server side of Dovecot's authentication protocol, version 1.2
 * (doc.dovecot.org, "Dovecot Authentication Protocol v1.2"), for Postfix
 * with smtpd_sasl_type = dovecot. Mechanisms: PLAIN (RFC 4616) and LOGIN;
 * both in clear text, so Postfix offers them under TLS only.
 *
 * Answers carry the canonical address as user=. When nobody can judge now,
 * the connection ends without an answer: Postfix (3.7) does not read the
 * protocol's "temp" and would tell the client 535, a wrong password; a
 * lost connection it takes for 454 4.7.0, and it connects again. Unknown
 * commands are ignored as the protocol asks; a broken line ends the
 * connection.
 */
#ifndef DIRECTORY_SASL_H
#define DIRECTORY_SASL_H

#include "io/stream.h"

/* Its context is the struct directory. */
extern const struct stream_protocol sasl_protocol;

#endif
