/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The self-signed certificate with which a new instance starts, until an
 * authority has issued one: an EC P-256 leaf for the host name and its
 * autoconfig names, in tls/cert.pem, its key in tls/key.pem for root only.
 */
#ifndef CLI_SETUP_CERTIFICATE_H
#define CLI_SETUP_CERTIFICATE_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/paths.h"

/* Whether the certificate in force names the host; true when it is unreadable. */
bool setup_certificate_names(
	const struct paths *paths, struct arena *arena, const char *hostname);
/* domain may be NULL. Files that are there stay; made_out says if not. */
MUST_CHECK int setup_certificate(const struct paths *paths, struct arena *arena,
	const char *hostname, const char *domain, bool *made_out,
	struct err *err);

#endif
