#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Creates the users and groups of mailherd's programs, where they are
# missing. Run by the package's postinst and by ./check; safe to repeat.
set -eu

group() {
	getent group "$1" >/dev/null || groupadd --system "$1"
}

# user NAME [GROUP,...]: a system user with a group of its own name
user() {
	group "$1"
	getent passwd "$1" >/dev/null || useradd --system --gid "$1" \
		--no-create-home --home-dir /nonexistent \
		--shell /usr/sbin/nologin "$1"
	[ -z "${2-}" ] || usermod --append --groups "$2" "$1"
}

group mailherd-read
group mailherd-write
user mailherd mailherd-read,mailherd-write
user mailherd-directory mailherd-read
user mailherd-render mailherd-read
user mailherd-log
user mailherd-watch
user vmail
