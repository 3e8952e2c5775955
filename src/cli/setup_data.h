/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What `mailherd setup` puts on disk: directories with their owners,
 * secrets, databases, the first domain. Each is added where it is missing
 * and otherwise left alone. Databases are opened by children that have
 * become their owners.
 */
#ifndef CLI_SETUP_DATA_H
#define CLI_SETUP_DATA_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/paths.h"

/*
 * Judges what is there already, before anything is changed: a database or
 * a key that got lost (a new one would hide that), a database of a newer
 * release, a host name that is a mail domain, a domain (or NULL) that is
 * an alias domain.
 */
MUST_CHECK int setup_check_data(const struct paths *paths, const char *hostname,
	const char *domain, struct err *err);
MUST_CHECK int setup_directories(
	const struct paths *paths, struct arena *arena, struct err *err);
/* Names what was made in made_out (bool). */
MUST_CHECK int setup_secrets(const struct paths *paths, struct arena *arena,
	bool *made_out, struct err *err);
MUST_CHECK int setup_databases(const struct paths *paths, struct err *err);
/* With its DKIM key. added_out: it was not there. */
MUST_CHECK int setup_domain(const struct paths *paths, const char *domain,
	bool *added_out, struct err *err);

#endif
