/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Our own Debian package: which build is installed, which one a file
 * holds, and installing one by dpkg. A build is known by a hash over the
 * checksums of its files, because several builds may carry one version.
 * The package to go back to is made by the preinst of the newer one.
 */
#ifndef CLI_UPGRADE_PACKAGE_H
#define CLI_UPGRADE_PACKAGE_H

#include <stdbool.h>

#include "base/span.h"
#include "cli/upgrade_state.h"

#define UPGRADE_PACKAGES "packages" /* below the state directory */
#define UPGRADE_PREVIOUS_PACKAGE "previous.deb"

/* Only the machine's own instance, from a package, can be upgraded. */
bool upgrade_package_is_used(const struct paths *paths);
/* 1, 0 when the package is not (or only half) installed, -1. */
MUST_CHECK int upgrade_package_installed(
	struct upgrade_build *out, struct err *err);
/* ERR_NOT_FOUND when there is no such file. */
MUST_CHECK int upgrade_package_read(
	const char *path, struct upgrade_build *out, struct err *err);
/* Waits until nobody installs packages; ERR_BUSY. */
MUST_CHECK int upgrade_package_wait(int deadline_ms, struct err *err);
/*
 * Installs the package, also over a newer one, and waits for dpkg's lock
 * as long as deadline_ms. The file may be replaced meanwhile.
 */
MUST_CHECK int upgrade_package_install(const struct paths *paths,
	const char *path, int deadline_ms, struct err *err);
/* Removes our package; with purge also what dpkg keeps of it. */
MUST_CHECK int upgrade_package_remove(
	bool purge, int deadline_ms, struct err *err);
/* The id of a build from the text of its checksums; out: UPGRADE_ID_SIZE. */
void upgrade_package_id(struct span checksums, char out[UPGRADE_ID_SIZE]);

#endif
