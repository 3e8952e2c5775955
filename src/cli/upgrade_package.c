/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dpkg has two locks: the frontend's, which apt holds over several runs of
 * dpkg, and its own. We take the first as a frontend does and say so to
 * dpkg (DPKG_FRONTEND_LOCKED), so that no other installation slips in.
 */
#include "cli/upgrade_package.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/encode.h"
#include "base/fs.h"
#include "io/child.h"

#define PACKAGE "mailherd"
#define BINARY "/usr/bin/mailherd"
#define CHECKSUMS "/var/lib/dpkg/info/" PACKAGE ".md5sums"
#define CHECKSUMS_MAX (1024 * 1024)
#define FRONTEND_LOCK "/var/lib/dpkg/lock-frontend"
#define DPKG_LOCK "/var/lib/dpkg/lock"
#define DPKG "/usr/bin/dpkg"
#define DPKG_DEB "/usr/bin/dpkg-deb"
#define DPKG_QUERY "/usr/bin/dpkg-query"
#define RETURN_PACKAGE "return.deb" /* what dpkg reads */
#define QUERY_DEADLINE_MS 20000
#define INSTALL_DEADLINE_MS 300000
#define OUTPUT_MAX 16384
#define POLL_MS 200

/* Maintainer scripts of ours leave the upgrade to us. */
static const char *const ENVIRONMENT[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"LANG=C.UTF-8",
	"DEBIAN_FRONTEND=noninteractive",
	"DPKG_FRONTEND_LOCKED=1",
	"MAILHERD_UPGRADE=driven",
	NULL,
};

static void
pause_ms(int ms)
{
	const struct timespec pause = { .tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000L };

	(void)nanosleep(&pause, NULL);
}

bool
upgrade_package_is_used(const struct paths *paths)
{
	return paths->root[0] == '\0' && strcmp(paths->binary, BINARY) == 0 &&
	       fs_exists(CHECKSUMS);
}

void
upgrade_package_id(struct span checksums, char out[UPGRADE_ID_SIZE])
{
	unsigned char hash[UPGRADE_ID_BYTES];
	struct strbuf text;

	(void)crypto_generichash(hash, sizeof(hash),
		(const unsigned char *)checksums.data, checksums.length, NULL,
		0);
	strbuf_init(&text, UPGRADE_ID_SIZE);
	hex_encode(&text, hash, sizeof(hash));
	(void)snprintf(out, UPGRADE_ID_SIZE, "%s", text.data);
	strbuf_deinit(&text);
}

/* Runs a program whose output is wanted whole, and without its warnings. */
static int
query(const char *const *argv, struct strbuf *output, struct err *err)
{
	struct strbuf errors;
	struct child_spec spec = { .argv = argv,
		.output_max = CHECKSUMS_MAX,
		.errors = &errors,
		.deadline_ms = QUERY_DEADLINE_MS };
	int result;

	strbuf_init(&errors, OUTPUT_MAX);
	result = child_succeed(&spec, argv[0], output, err);
	strbuf_deinit(&errors);
	return result;
}

static int
query_version(
	const char *const *argv, struct upgrade_build *out, struct err *err)
{
	struct strbuf text;
	int result;

	strbuf_init(&text, CHECKSUMS_MAX);
	result = query(argv, &text, err);
	if (result == 0)
		(void)snprintf(out->version, sizeof(out->version), "%.*s",
			(int)strcspn(text.data, "\n"), text.data);
	strbuf_deinit(&text);
	return result;
}

int
upgrade_package_installed(struct upgrade_build *out, struct err *err)
{
	static const char *const VERSION[] = { DPKG_QUERY, "-W", "-f",
		"${Version}", PACKAGE, NULL };
	struct upgrade_build build = { 0 };
	struct err cause = { 0 };
	struct strbuf text;
	int result;

	strbuf_init(&text, CHECKSUMS_MAX);
	result = fs_read(CHECKSUMS, CHECKSUMS_MAX, &text, &cause);
	if (result == 0)
		upgrade_package_id(strbuf_span(&text), build.id);
	strbuf_deinit(&text);
	if (result == -1 && cause.code == ERR_NOT_FOUND)
		return 0;
	if (result == -1) {
		*err = cause;
		return -1;
	}
	if (query_version(VERSION, &build, err) == -1)
		return -1;
	*out = build;
	return 1;
}

int
upgrade_package_read(
	const char *path, struct upgrade_build *out, struct err *err)
{
	const char *const version[] = { DPKG_DEB, "-f", path, "Version", NULL };
	const char *const checksums[] = { DPKG_DEB, "-I", path, "md5sums",
		NULL };
	struct upgrade_build build = { 0 };
	struct strbuf text;
	int result;

	if (!fs_exists(path))
		return err_set(err, ERR_NOT_FOUND, "there is no %s", path);
	strbuf_init(&text, CHECKSUMS_MAX);
	result = query(checksums, &text, err);
	if (result == 0)
		upgrade_package_id(strbuf_span(&text), build.id);
	strbuf_deinit(&text);
	if (result == -1 || query_version(version, &build, err) == -1)
		return err_prefix(err, "%s can not be read", path);
	*out = build;
	return 0;
}

/* dpkg locks by fcntl(). The descriptor that holds it, or -1. */
static int
try_lock(const char *path)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);

	if (fd == -1)
		return -1;
	if (fcntl(fd, F_SETLK, &lock) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

/* The frontend's lock once dpkg's own is free, too. */
static int
lock_frontend(int deadline_ms, int *fd_out, struct err *err)
{
	int64_t until_ms = clock_monotonic_ms() + deadline_ms;

	for (;;) {
		int frontend = try_lock(FRONTEND_LOCK);
		int own = frontend == -1 ? -1 : try_lock(DPKG_LOCK);

		if (own != -1) {
			(void)close(own);
			*fd_out = frontend;
			return 0;
		}
		if (frontend != -1)
			(void)close(frontend);
		if (clock_monotonic_ms() >= until_ms)
			break;
		pause_ms(POLL_MS);
	}
	(void)err_set(err, ERR_BUSY,
		"another program installs packages, and did not end in %d s",
		deadline_ms / 1000);
	return err_remedy(err, "when apt or dpkg has ended: mailherd upgrade");
}

int
upgrade_package_wait(int deadline_ms, struct err *err)
{
	int fd;

	if (lock_frontend(deadline_ms, &fd, err) == -1)
		return -1;
	(void)close(fd);
	return 0;
}

static int
run_dpkg(const char *const *argv, const char *what, struct err *err)
{
	struct child_spec spec = { .argv = argv,
		.environment = ENVIRONMENT,
		.output_max = OUTPUT_MAX,
		.deadline_ms = INSTALL_DEADLINE_MS };

	return child_succeed(&spec, what, NULL, err);
}

int
upgrade_package_install(const struct paths *paths, const char *path,
	int deadline_ms, struct err *err)
{
	char copy[PATHS_MAX + 64];
	const char *const argv[] = { DPKG, "--force-downgrade",
		"--force-confdef", "--force-confold", "-i", copy, NULL };
	int fd, result;

	if (lock_frontend(deadline_ms, &fd, err) == -1)
		return -1;
	/* The preinst of what we install may put another file in its place
	 * before dpkg has unpacked it. */
	(void)snprintf(copy, sizeof(copy),
		"%s/" UPGRADE_PACKAGES "/" RETURN_PACKAGE, paths->state);
	(void)unlink(copy); /* of one that was killed */
	if (link(path, copy) == -1)
		result = err_errno(err, errno, "%s", path);
	else
		result = run_dpkg(argv, "dpkg could not install it", err);
	(void)unlink(copy);
	(void)close(fd);
	return result;
}

int
upgrade_package_remove(bool purge, int deadline_ms, struct err *err)
{
	const char *const argv[] = { DPKG, purge ? "--purge" : "--remove",
		PACKAGE, NULL };
	int fd, result;

	if (lock_frontend(deadline_ms, &fd, err) == -1)
		return -1;
	result = run_dpkg(argv, "dpkg could not remove it", err);
	(void)close(fd);
	return result;
}
