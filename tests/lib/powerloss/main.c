/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * powerloss [--each] [--survive=PERCENT] DIRECTORY
 *
 * Mounts a file system over DIRECTORY, with what lies there, and keeps
 * all of it in memory (tree.h). SIGUSR1 is the power loss: what no sync
 * has carried over is gone, but for PERCENT of it (0), the rest is put
 * back into DIRECTORY below the mount, and this program ends without
 * another answer: whoever uses the mount gets errors until it is
 * unmounted. SIGTERM ends it with everything in its place. (An unmount
 * may not end it: other mount namespaces may hold a copy of the mount.)
 *
 * Says "ready" on standard output when the mount is there. Changes of
 * names reach the disk by themselves after 5 s, as with ext4; bytes do
 * not. For tests: small trees, one thread, no limits.
 */
#define FUSE_USE_VERSION 312
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "disk.h"

#define COMMIT_MS 5000
#define CACHED_S 3600.0 /* nobody else changes anything */
#define BLOCKS (1 << 20)

struct loss {
	struct tree tree;
	unsigned survive_percent;
	int directory;
};

static struct tree *
tree_of(fuse_req_t req)
{
	struct loss *loss = fuse_req_userdata(req);

	return &loss->tree;
}

/* The kernel's number of a node is its address. */
static struct node *
node_of(fuse_req_t req, fuse_ino_t number)
{
	return number == FUSE_ROOT_ID ? tree_of(req)->root
				      : (struct node *)(uintptr_t)number;
}

static struct stat
stat_of(const struct node *node)
{
	struct stat stat = node->live.stat;

	stat.st_ino = node->number;
	stat.st_nlink = node->links;
	stat.st_size = (off_t)node->live.content.size;
	stat.st_blksize = TREE_PAGE;
	stat.st_blocks = (stat.st_size + 511) / 512;
	return stat;
}

static void
touch(struct node *node)
{
	(void)clock_gettime(CLOCK_REALTIME, &node->live.stat.st_mtim);
	node->live.stat.st_ctim = node->live.stat.st_mtim;
}

static struct fuse_entry_param
entry_param(struct node *node)
{
	node->lookups++;
	return (struct fuse_entry_param){ .ino = (uintptr_t)node,
		.attr = stat_of(node),
		.attr_timeout = CACHED_S,
		.entry_timeout = CACHED_S };
}

static void
reply_entry(fuse_req_t req, struct node *node)
{
	const struct fuse_entry_param param = entry_param(node);

	fuse_reply_entry(req, &param);
}

/* A group-inheriting directory hands its group down. */
static struct node *
make(fuse_req_t req, struct node *parent, const char *name, mode_t mode,
	dev_t device)
{
	const struct fuse_ctx *context = fuse_req_ctx(req);
	struct stat stat = { .st_mode = mode,
		.st_uid = context->uid,
		.st_gid = context->gid,
		.st_rdev = device };
	struct node *node;

	if (parent->live.stat.st_mode & S_ISGID) {
		stat.st_gid = parent->live.stat.st_gid;
		if (S_ISDIR(mode))
			stat.st_mode |= S_ISGID;
	}
	node = tree_node_new(tree_of(req), &stat);
	touch(node);
	node->live.stat.st_atim = node->live.stat.st_mtim;
	node->disk.stat = node->live.stat;
	tree_set_name(tree_of(req), parent, name, node);
	touch(parent);
	return node;
}

static void
on_init(void *context, struct fuse_conn_info *connection)
{
	(void)context;
	connection->want &=
		~(FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_HANDLE_KILLPRIV);
}

static void
on_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	const struct fuse_entry_param absent = { .entry_timeout = CACHED_S };
	struct node *node = tree_find(node_of(req, parent), name);

	if (node == NULL)
		fuse_reply_entry(req, &absent);
	else
		reply_entry(req, node);
}

static void
on_forget(fuse_req_t req, fuse_ino_t number, uint64_t count)
{
	tree_node_forget(tree_of(req), node_of(req, number), count);
	fuse_reply_none(req);
}

static void
on_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++)
		tree_node_forget(tree_of(req), node_of(req, forgets[i].ino),
			forgets[i].nlookup);
	fuse_reply_none(req);
}

static void
on_getattr(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *file)
{
	const struct stat stat = stat_of(node_of(req, number));

	(void)file;
	fuse_reply_attr(req, &stat, CACHED_S);
}

static void
set_times(struct stat *stat, const struct stat *wanted, int what)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (what & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW))
		stat->st_atim =
			what & FUSE_SET_ATTR_ATIME_NOW ? now : wanted->st_atim;
	if (what & (FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW))
		stat->st_mtim =
			what & FUSE_SET_ATTR_MTIME_NOW ? now : wanted->st_mtim;
	stat->st_ctim = now;
}

static void
on_setattr(fuse_req_t req, fuse_ino_t number, struct stat *wanted, int what,
	struct fuse_file_info *file)
{
	struct node *node = node_of(req, number);
	struct stat *stat = &node->live.stat;

	if (what & FUSE_SET_ATTR_SIZE) {
		tree_truncate(node, (size_t)wanted->st_size);
		touch(node);
	}
	if (what & FUSE_SET_ATTR_MODE)
		stat->st_mode =
			(stat->st_mode & S_IFMT) | (wanted->st_mode & 07777);
	if (what & FUSE_SET_ATTR_UID)
		stat->st_uid = wanted->st_uid;
	if (what & FUSE_SET_ATTR_GID)
		stat->st_gid = wanted->st_gid;
	set_times(stat, wanted, what);
	on_getattr(req, number, file);
}

static void
on_readlink(fuse_req_t req, fuse_ino_t number)
{
	fuse_reply_readlink(req, node_of(req, number)->live.content.bytes);
}

static void
on_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	dev_t device)
{
	reply_entry(req, make(req, node_of(req, parent), name, mode, device));
}

static void
on_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	on_mknod(req, parent, name, S_IFDIR | mode, 0);
}

static void
on_symlink(
	fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct node *node =
		make(req, node_of(req, parent), name, S_IFLNK | 0777, 0);

	tree_write(node, target, strlen(target), 0);
	tree_node_carry(node);
	reply_entry(req, node);
}

static void
on_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
	struct fuse_file_info *file)
{
	struct node *node = make(req, node_of(req, parent), name, mode, 0);
	const struct fuse_entry_param param = entry_param(node);

	file->keep_cache = 1;
	fuse_reply_create(req, &param, file);
}

static void
on_open(fuse_req_t req, fuse_ino_t number, struct fuse_file_info *file)
{
	struct node *node = node_of(req, number);

	if (file->flags & O_TRUNC) {
		tree_truncate(node, 0);
		touch(node);
	} else {
		file->keep_cache = 1;
	}
	fuse_reply_open(req, file);
}

static void
on_link(fuse_req_t req, fuse_ino_t number, fuse_ino_t parent, const char *name)
{
	struct node *node = node_of(req, number);

	tree_set_name(tree_of(req), node_of(req, parent), name, node);
	touch(node_of(req, parent));
	reply_entry(req, node);
}

static void
on_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	tree_set_name(tree_of(req), node_of(req, parent), name, NULL);
	touch(node_of(req, parent));
	fuse_reply_err(req, 0);
}

static void
on_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	if (!tree_is_empty(tree_find(node_of(req, parent), name)))
		fuse_reply_err(req, ENOTEMPTY);
	else
		on_unlink(req, parent, name);
}

static void
on_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
	fuse_ino_t new_parent, const char *new_name, unsigned flags)
{
	struct node *from = node_of(req, parent), *to;
	struct node *target;

	to = node_of(req, new_parent);
	target = tree_find(to, new_name);
	if (flags & ~(unsigned)RENAME_NOREPLACE) {
		fuse_reply_err(req, EINVAL);
	} else if (target != NULL && (flags & RENAME_NOREPLACE)) {
		fuse_reply_err(req, EEXIST);
	} else if (target != NULL && !tree_is_empty(target)) {
		fuse_reply_err(req, ENOTEMPTY);
	} else {
		tree_rename(tree_of(req), from, name, to, new_name);
		touch(from);
		touch(to);
		fuse_reply_err(req, 0);
	}
}

static void
on_read(fuse_req_t req, fuse_ino_t number, size_t size, off_t offset,
	struct fuse_file_info *file)
{
	const struct content *content = &node_of(req, number)->live.content;
	size_t from =
		(size_t)offset < content->size ? (size_t)offset : content->size;

	(void)file;
	if (size > content->size - from)
		size = content->size - from;
	fuse_reply_buf(req, content->bytes + from, size);
}

static void
on_write(fuse_req_t req, fuse_ino_t number, const char *bytes, size_t size,
	off_t offset, struct fuse_file_info *file)
{
	struct node *node = node_of(req, number);

	(void)file;
	tree_write(node, bytes, size, (size_t)offset);
	touch(node);
	fuse_reply_write(req, size);
}

static void
on_fsync(fuse_req_t req, fuse_ino_t number, int only_data,
	struct fuse_file_info *file)
{
	(void)only_data;
	(void)file;
	tree_sync(tree_of(req), node_of(req, number));
	fuse_reply_err(req, 0);
}

/* Offsets 1 and 2 follow "." and "..", 3 + n the entry n. */
static void
on_readdir(fuse_req_t req, fuse_ino_t number, size_t size, off_t offset,
	struct fuse_file_info *file)
{
	const struct node *node = node_of(req, number);
	char *block = xmalloc(size);
	size_t used = 0;

	(void)file;
	for (size_t i = (size_t)offset; i < node->entry_count + 2; i++) {
		const struct entry *entry =
			i < 2 ? NULL : &node->entries[i - 2];
		const struct node *other = entry ? entry->live : node;
		struct stat stat;
		size_t needed;

		if (other == NULL)
			continue;
		stat = stat_of(other);
		needed = fuse_add_direntry(req, block + used, size - used,
			entry    ? entry->name
			: i == 0 ? "."
				 : "..",
			&stat, (off_t)i + 1);
		if (needed > size - used)
			break;
		used += needed;
	}
	fuse_reply_buf(req, block, used);
	x_free(&block);
}

static void
on_statfs(fuse_req_t req, fuse_ino_t number)
{
	const struct statvfs statvfs = { .f_bsize = TREE_PAGE,
		.f_frsize = TREE_PAGE,
		.f_blocks = BLOCKS,
		.f_bfree = BLOCKS,
		.f_bavail = BLOCKS,
		.f_files = BLOCKS,
		.f_ffree = BLOCKS,
		.f_namemax = NAME_MAX };

	(void)number;
	fuse_reply_statfs(req, &statvfs);
}

static const struct fuse_lowlevel_ops OPERATIONS = {
	.init = on_init,
	.lookup = on_lookup,
	.forget = on_forget,
	.forget_multi = on_forget_multi,
	.getattr = on_getattr,
	.setattr = on_setattr,
	.readlink = on_readlink,
	.mknod = on_mknod,
	.mkdir = on_mkdir,
	.symlink = on_symlink,
	.create = on_create,
	.open = on_open,
	.link = on_link,
	.unlink = on_unlink,
	.rmdir = on_rmdir,
	.rename = on_rename,
	.read = on_read,
	.write = on_write,
	.fsync = on_fsync,
	.fsyncdir = on_fsync,
	.readdir = on_readdir,
	.statfs = on_statfs,
};

/* The signal that ends it; SIGTERM also when the mount is gone. Or -1. */
static int
serve(struct fuse_session *session, struct loss *loss, int signals)
{
	struct pollfd fds[] = { { .fd = fuse_session_fd(session),
					.events = POLLIN },
		{ .fd = signals, .events = POLLIN } };
	struct fuse_buf request = { 0 };
	struct signalfd_siginfo signal;
	int got = 1;

	while (!fuse_session_exited(session) && got > 0) {
		if (poll(fds, 2, -1) == -1)
			return -1;
		if (read(signals, &signal, sizeof(signal)) == sizeof(signal))
			return (int)signal.ssi_signo;
		tree_sync_old_names(&loss->tree, COMMIT_MS);
		got = fuse_session_receive_buf(session, &request);
		if (got > 0)
			fuse_session_process_buf(session, &request);
		else if (got == -EINTR || got == -EAGAIN)
			got = 1;
	}
	return got < 0 && got != -ENODEV ? -1 : SIGTERM;
}

/* Blocks the signals; they are read from the descriptor. */
static int
signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &set, NULL); /* a valid call */
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int
run(struct loss *loss, const char *directory)
{
	char *argv[] = { "powerloss", "-oallow_other,default_permissions",
		NULL };
	struct fuse_args arguments = FUSE_ARGS_INIT(2, argv);
	struct fuse_session *session = fuse_session_new(
		&arguments, &OPERATIONS, sizeof(OPERATIONS), loss);
	int signals = signals_open();
	int end;

	if (session == NULL || fuse_session_mount(session, directory) != 0)
		return -1;
	puts("ready");
	fflush(stdout);
	end = serve(session, loss, signals);
	if (end == -1)
		return -1;
	if (end == SIGUSR1)
		tree_tear(&loss->tree, loss->survive_percent);
	else
		tree_sync_all(&loss->tree);
	return disk_store(&loss->tree, loss->directory);
}

int
main(int argc, char **argv)
{
	enum tree_promise promise = TREE_ORDERED;
	struct loss loss = { 0 };

	for (int i = 1; i < argc - 1; i++) {
		if (strcmp(argv[i], "--each") == 0)
			promise = TREE_EACH;
		(void)sscanf(argv[i], "--survive=%u", &loss.survive_percent);
	}
	if (argc < 2) {
		fputs("usage: powerloss [--each] [--survive=PERCENT] DIRECTORY\n",
			stderr);
		return 2;
	}
	tree_init(&loss.tree, promise);
	loss.directory =
		open(argv[argc - 1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (loss.directory == -1 ||
		disk_load(&loss.tree, loss.directory) == -1 ||
		run(&loss, argv[argc - 1]) == -1) {
		perror("powerloss");
		return 1;
	}
	return 0;
}
