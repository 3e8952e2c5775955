#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# Creates the users and groups of mailherd's programs, where they are
# missing. Run by the package's postinst and by ./check; safe to repeat.
# With --remove (`mailherd uninstall --purge`) it removes them.
set -eu

group() {
	if [ "$action" = --remove ]; then
		! getent group "$1" >/dev/null || groupdel "$1"
		return 0
	fi
	getent group "$1" >/dev/null || groupadd --system "$1"
}

# user NAME [GROUP,...]: a system user with a group of its own name
user() {
	if [ "$action" = --remove ]; then
		# One with another home was there before us.
		case $(getent passwd "$1") in
		*:/nonexistent:/usr/sbin/nologin) userdel "$1" && group "$1" ;;
		esac
		return 0
	fi
	group "$1"
	getent passwd "$1" >/dev/null || useradd --system --gid "$1" \
		--no-create-home --home-dir /nonexistent \
		--shell /usr/sbin/nologin "$1"
	[ -z "${2-}" ] || usermod --append --groups "$2" "$1"
}

groups() { # of several users: there before them, gone after them
	group mailherd-read
	group mailherd-write
}

action=${1-}
[ "$action" = --remove ] || groups
user mailherd mailherd-read,mailherd-write
user mailherd-directory mailherd-read
user mailherd-render mailherd-read
user mailherd-log
user mailherd-watch
user vmail
[ "$action" != --remove ] || groups
