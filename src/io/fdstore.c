/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * s6-fdholderd is spoken to through libs6: a program per descriptor would
 * cost more than the restart it hides. A holder that is absent or slow is
 * no error: the socket is then made afresh and dies with its process.
 */
#include "io/fdstore.h"

#include <errno.h>
#include <fcntl.h>
#include <s6/fdholder.h>
#include <skalibs/tai.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"

#define FDSTORE_DEADLINE_MS 1000
#define FDSTORE_BACKLOG 1024
#define FDSTORE_DIRECTORY_MODE 0750
#define FDSTORE_SOCKET_MODE 0660

struct fdstore_target {
	char directory[PATHS_MAX];
	struct sockaddr_un address;
	int type;
	gid_t gid; /* (gid_t)-1 when we may not set it */
};

struct fdstore_holder {
	s6_fdholder_t connection;
	tain deadline, now;
	bool connected;
};

static int
describe(const struct paths *paths, const struct service_socket *socket,
	struct fdstore_target *target, struct err *err)
{
	char path[2 * PATHS_MAX];
	snprintf(path, sizeof(path), "%s/%s", paths->sockets, socket->name);
	if (strlen(path) >= sizeof(target->address.sun_path))
		return err_set(
			err, ERR_INVALID, "socket path too long: %s", path);
	*target = (struct fdstore_target){
		.address = { .sun_family = AF_UNIX },
		.type = socket->type == SERVICE_STREAM ? SOCK_STREAM
						       : SOCK_SEQPACKET,
		.gid = (gid_t)-1,
	};
	memcpy(target->address.sun_path, path, strlen(path) + 1);
	memcpy(target->directory, path, strlen(path) + 1);
	*strrchr(target->directory, '/') = '\0';
	if (geteuid() != 0) /* a developer's own instance */
		return 0;
	return fs_group(socket->group, &target->gid, err);
}

static int
int_option(int fd, int name)
{
	int value = 0;
	socklen_t length = sizeof(value);
	if (getsockopt(fd, SOL_SOCKET, name, &value, &length) < 0)
		return -1;
	return value;
}

/*
 * A kept descriptor is of use only when peers still reach it: its file may
 * be gone with /run, and the table may say another type now.
 */
static bool
is_usable(int fd, const struct fdstore_target *target)
{
	struct sockaddr_un bound = { 0 };
	socklen_t length = sizeof(bound);
	struct stat status;
	return getsockname(fd, (struct sockaddr *)&bound, &length) == 0 &&
	       strncmp(bound.sun_path, target->address.sun_path,
		       sizeof(bound.sun_path)) == 0 &&
	       int_option(fd, SO_TYPE) == target->type &&
	       int_option(fd, SO_ACCEPTCONN) == 1 &&
	       lstat(target->address.sun_path, &status) == 0 &&
	       S_ISSOCK(status.st_mode);
}

static void
holder_connect(struct fdstore_holder *holder, const struct paths *paths)
{
	char path[PATHS_MAX + sizeof("/fdholder/s")];
	snprintf(path, sizeof(path), "%s/fdholder/s", paths->run);
	*holder = (struct fdstore_holder){ 0 };
	holder->connection =
		(s6_fdholder_t)S6_FDHOLDER_ZERO if (!fs_exists(path)) return;
	tain wait;
	tain_now(&holder->now);
	tain_from_millisecs(&wait, FDSTORE_DEADLINE_MS);
	tain_add(&holder->deadline, &holder->now, &wait);
	holder->connected = s6_fdholder_start(&holder->connection, path,
				    &holder->deadline, &holder->now) != 0;
	if (!holder->connected)
		log_warn(
			"the descriptor holder does not answer, going on without",
			LOG_TEXT("socket", path));
}

static int
holder_retrieve(
	struct fdstore_holder *holder, const struct fdstore_target *target)
{
	const char *id = target->address.sun_path;
	if (!holder->connected)
		return -1;
	int fd = s6_fdholder_retrieve(
		&holder->connection, id, &holder->deadline, &holder->now);
	if (fd < 0)
		return -1;
	if (is_usable(fd, target))
		return fd;
	close(fd);
	if (!s6_fdholder_delete(
		    &holder->connection, id, &holder->deadline, &holder->now))
		log_warn("the descriptor holder keeps a stale socket",
			LOG_TEXT("socket", id));
	return -1;
}

static void
holder_store(struct fdstore_holder *holder, const struct fdstore_target *target,
	int fd)
{
	const char *id = target->address.sun_path;
	tain limit;
	if (!holder->connected)
		return;
	tain_add(&limit, &holder->now, &tain_infinite_relative);
	if (!s6_fdholder_store(&holder->connection, fd, id, &limit,
		    &holder->deadline, &holder->now))
		log_warn("the descriptor holder did not take a socket",
			LOG_TEXT("socket", id));
}

static void
holder_disconnect(struct fdstore_holder *holder)
{
	if (holder->connected)
		s6_fdholder_end(&holder->connection);
}

/* Nobody can connect before listen, so owner and mode are in time. */
static int
bind_and_listen(int fd, const struct fdstore_target *target)
{
	const char *path = target->address.sun_path;
	if (unlink(path) < 0 && errno != ENOENT)
		return -1;
	if (bind(fd, (const struct sockaddr *)&target->address,
		    sizeof(target->address)) < 0)
		return -1;
	if (target->gid != (gid_t)-1 && lchown(path, 0, target->gid) < 0)
		return -1;
	if (chmod(path, FDSTORE_SOCKET_MODE) < 0)
		return -1;
	return listen(fd, FDSTORE_BACKLOG);
}

static int
make_socket(const struct fdstore_target *target, int *fd_out, struct err *err)
{
	uid_t uid = target->gid == (gid_t)-1 ? (uid_t)-1 : 0;
	if (fs_make_directory(target->directory, FDSTORE_DIRECTORY_MODE, uid,
		    target->gid, err) < 0)
		return -1;
	int fd =
		socket(AF_UNIX, target->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_errno(err, errno, "socket");
	if (bind_and_listen(fd, target) < 0) {
		int errno_value = errno;
		close(fd);
		return err_errno(err, errno_value, "listening on %s",
			target->address.sun_path);
	}
	*fd_out = fd;
	return 0;
}

int
fdstore_listen(const struct paths *paths, const struct service_socket *socket,
	int *fd_out, struct err *err)
{
	struct fdstore_target target;
	struct fdstore_holder holder;
	if (describe(paths, socket, &target, err) < 0)
		return -1;
	holder_connect(&holder, paths);
	int fd = holder_retrieve(&holder, &target);
	int result = 0;
	if (fd < 0) {
		result = make_socket(&target, &fd, err);
		if (result == 0)
			holder_store(&holder, &target, fd);
	}
	holder_disconnect(&holder);
	if (result < 0)
		return -1;
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	*fd_out = fd;
	return 0;
}
