/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The order matters. Landlock's paths are opened and the bounding set is
 * cut while we are root; capabilities survive the change of user by
 * KEEPCAPS and are cut after it; no_new_privs comes before landlock and
 * seccomp, which want it. The system call filter is a deny-list: it takes
 * away the kernel's rarely audited corners, while files are landlock's and
 * the users' business.
 */
#include "io/jail.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"

#define JAIL_GROUPS_MAX 16
#define JAIL_FAMILY_COUNT 46 /* AF_MAX of the kernel, some spare */

/* Rights newer than the headers of the oldest Debian we build on. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

/* The whole of struct landlock_ruleset_attr since ABI 6 (Linux 6.12). */
struct ruleset_attributes {
	uint64_t handled_access_fs;
	uint64_t handled_access_net;
	uint64_t scoped;
};

#define RULESET_SCOPE_ABI 6
#define RULESET_SCOPE_ABSTRACT_UNIX_SOCKET (1ULL << 0)
#define RULESET_SCOPE_SIGNAL (1ULL << 1)

#define LANDLOCK_READ                                                          \
	(LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define LANDLOCK_ABI_1 ((LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1)
#define LANDLOCK_OF_FILES                                                      \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE |           \
		LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)

/* What any program needs: libraries, users, time zones, itself. */
static const char *const COMMON_READABLE[] = {
	"/usr",
	"/etc",
	"/lib",
	"/lib64",
	"/bin",
	"/sbin",
	"/proc",
	"/sys/devices/system/cpu",
	"/dev/urandom",
	"/dev/zero",
};
static const char *const COMMON_WRITABLE[] = { "/dev/null" };

/* Never needed by any of ours. */
static const int DENIED_CALLS[] = {
	SCMP_SYS(acct),
	SCMP_SYS(add_key),
	SCMP_SYS(bpf),
	SCMP_SYS(clock_adjtime),
	SCMP_SYS(clock_settime),
	SCMP_SYS(delete_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(init_module),
	SCMP_SYS(ioperm),
	SCMP_SYS(iopl),
	SCMP_SYS(kcmp),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(kexec_load),
	SCMP_SYS(keyctl),
	SCMP_SYS(lookup_dcookie),
	SCMP_SYS(mbind),
	SCMP_SYS(migrate_pages),
	SCMP_SYS(modify_ldt),
	SCMP_SYS(move_pages),
	SCMP_SYS(name_to_handle_at),
	SCMP_SYS(nfsservctl),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(ptrace),
	SCMP_SYS(quotactl),
	SCMP_SYS(reboot),
	SCMP_SYS(request_key),
	SCMP_SYS(sethostname),
	SCMP_SYS(setdomainname),
	SCMP_SYS(settimeofday),
	SCMP_SYS(swapoff),
	SCMP_SYS(swapon),
	SCMP_SYS(syslog),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(vhangup),
};

/* Said to be missing, so that libraries fall back to what can be judged. */
static const int ABSENT_CALLS[] = {
	SCMP_SYS(clone3), /* its flags are out of the filter's sight */
	SCMP_SYS(io_uring_enter),
	SCMP_SYS(io_uring_register),
	SCMP_SYS(io_uring_setup),
};

/* Allowed to those that start programs; the rest have no new code to run. */
static const int EXEC_CALLS[] = {
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(memfd_create),
	SCMP_SYS(personality), /* would make all that is readable executable */
};

/* Allowed to those that keep CAP_SYS_ADMIN. */
static const int MOUNT_CALLS[] = {
	SCMP_SYS(chroot),
	SCMP_SYS(fsconfig),
	SCMP_SYS(fsmount),
	SCMP_SYS(fsopen),
	SCMP_SYS(fspick),
	SCMP_SYS(mount),
	SCMP_SYS(mount_setattr),
	SCMP_SYS(move_mount),
	SCMP_SYS(open_tree),
	SCMP_SYS(pivot_root),
	SCMP_SYS(setns),
	SCMP_SYS(umount2),
	SCMP_SYS(unshare),
};

#define CLONE_NEW_FLAGS                                                        \
	(0x00000080 /* time */ | 0x00020000 /* mount */ |                      \
		0x02000000 /* cgroup */ | 0x04000000 /* uts */ |               \
		0x08000000 /* ipc */ | 0x10000000 /* user */ |                 \
		0x20000000 /* pid */ | 0x40000000 /* net */)

struct jail_identity {
	bool change;
	uid_t uid;
	gid_t gid;
	gid_t groups[JAIL_GROUPS_MAX];
	size_t group_count;
};

static bool
keeps(const struct jail *jail, int capability)
{
	for (const int *c = jail->capabilities; c && *c >= 0; c++) {
		if (*c == capability)
			return true;
	}
	return false;
}

static int
look_up_identity(const struct jail *jail, struct jail_identity *identity,
	struct err *err)
{
	*identity = (struct jail_identity){ .uid = geteuid() };
	if (!jail->user)
		return 0;
	if (fs_user(jail->user, &identity->uid, &identity->gid, err) < 0)
		return -1;
	/* A developer's own instance runs as the developer, or not at all. */
	if (geteuid() != 0 && geteuid() != identity->uid)
		return err_set(err, ERR_DENIED, "only root can become user %s",
			jail->user);
	identity->change = geteuid() == 0;
	for (const char *const *group = jail->groups; group && *group;
		group++) {
		BUG_ON(identity->group_count == JAIL_GROUPS_MAX);
		gid_t gid;
		if (fs_group(*group, &gid, err) < 0)
			return -1;
		identity->groups[identity->group_count++] = gid;
	}
	return 0;
}

/* Of the table's: a container may have taken some away before. */
static uint64_t
present_capabilities(const struct jail *jail)
{
	uint64_t present = 0;
	capng_get_caps_process();
	for (const int *c = jail->capabilities; c && *c >= 0; c++) {
		if (capng_have_capability(CAPNG_PERMITTED, (unsigned)*c))
			present |= 1ULL << *c;
		else
			log_warn("capability is not there, going on without",
				LOG_TEXT("capability", capng_capability_to_name(
							       (unsigned)*c)));
	}
	return present;
}

/* Who may not has got its set from one who has cut it. */
static bool
may_cut_bounds(void)
{
	capng_get_caps_process();
	return capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
}

static void
choose_capabilities(uint64_t chosen, bool ambient)
{
	const capng_type_t kept = CAPNG_EFFECTIVE | CAPNG_PERMITTED |
				  CAPNG_INHERITABLE | CAPNG_BOUNDING_SET |
				  (ambient ? CAPNG_AMBIENT : 0);
	capng_clear(CAPNG_SELECT_ALL);
	for (unsigned c = 0; c < 64; c++) {
		if (chosen & 1ULL << c)
			capng_update(CAPNG_ADD, kept, c);
	}
}

static int
change_user(const struct jail_identity *identity, struct err *err)
{
	if (!identity->change)
		return 0;
	if (setgroups(identity->group_count, identity->groups) < 0 ||
		setresgid(identity->gid, identity->gid, identity->gid) < 0 ||
		setresuid(identity->uid, identity->uid, identity->uid) < 0)
		return err_errno(err, errno, "change of user");
	return 0;
}

static int
drop_privileges(const struct jail *jail, const struct jail_identity *identity,
	struct err *err)
{
	bool was_root = geteuid() == 0;
	/* Ambient ones reach the programs that a non-root user starts. */
	bool ambient = jail->exec && jail->user;
	uint64_t kept = was_root ? present_capabilities(jail) : 0;
	int parent_death_signal = 0;
	(void)prctl(PR_GET_PDEATHSIG, &parent_death_signal, 0, 0, 0);
	if (was_root) {
		bool cut = may_cut_bounds();

		choose_capabilities(kept, false);
		if (cut && capng_apply(CAPNG_SELECT_BOUNDS) < 0)
			return err_set(
				err, ERR_SYSTEM, "cannot cut the bounding set");
		if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
			return err_errno(err, errno, "PR_SET_KEEPCAPS");
	}
	if (change_user(identity, err) < 0)
		return -1;
	if (was_root) {
		choose_capabilities(kept, ambient);
		if (capng_apply(CAPNG_SELECT_CAPS) < 0 ||
			(ambient && capng_apply(CAPNG_SELECT_AMBIENT) < 0))
			return err_set(
				err, ERR_SYSTEM, "cannot drop capabilities");
		(void)prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
	}
	/* A change of user makes the kernel forget it. */
	(void)prctl(PR_SET_PDEATHSIG, parent_death_signal, 0, 0, 0);
	/* Others of the same user read no keys in our memory; no core file. */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
		return err_errno(err, errno, "PR_SET_DUMPABLE");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(err, errno, "PR_SET_NO_NEW_PRIVS");
	return 0;
}

/* 0 when the kernel has no landlock or it is switched off. */
static int
landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
		LANDLOCK_CREATE_RULESET_VERSION);
	return abi < 0 ? 0 : (int)abi;
}

static uint64_t
landlock_rights(int abi)
{
	uint64_t rights = LANDLOCK_ABI_1;
	if (abi >= 2)
		rights |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		rights |= LANDLOCK_ACCESS_FS_TRUNCATE;
	return rights;
}

/* A path that does not exist grants nothing and is no error. */
static int
landlock_allow(int ruleset, const char *path, uint64_t rights, struct err *err)
{
	struct landlock_path_beneath_attr rule = { .allowed_access = rights };
	struct stat status;
	rule.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (rule.parent_fd < 0)
		return errno == ENOENT
			       ? 0
			       : err_errno(err, errno, "opening %s", path);
	if (fstat(rule.parent_fd, &status) == 0 && !S_ISDIR(status.st_mode))
		rule.allowed_access &= LANDLOCK_OF_FILES;
	long result = syscall(SYS_landlock_add_rule, ruleset,
		LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	int errno_value = errno;
	close(rule.parent_fd);
	return result < 0 ? err_errno(err, errno_value, "landlock rule for %s",
				    path)
			  : 0;
}

static int
landlock_allow_all(int ruleset, const struct jail *jail,
	const struct paths *paths, uint64_t all, struct err *err)
{
	uint64_t read_rights =
		LANDLOCK_READ | (jail->exec ? LANDLOCK_ACCESS_FS_EXECUTE : 0);
	for (size_t i = 0; i < ARRAY_LENGTH(COMMON_READABLE); i++) {
		if (landlock_allow(
			    ruleset, COMMON_READABLE[i], read_rights, err) < 0)
			return -1;
	}
	for (size_t i = 0; i < ARRAY_LENGTH(COMMON_WRITABLE); i++) {
		if (landlock_allow(ruleset, COMMON_WRITABLE[i],
			    all & LANDLOCK_OF_FILES, err) < 0)
			return -1;
	}
	for (const struct jail_path *p = jail->paths;
		p->base_offset != SIZE_MAX; p++) {
		char path[2 * PATHS_MAX];
		snprintf(path, sizeof(path), "%s%s",
			(const char *)paths + p->base_offset, p->suffix);
		uint64_t rights = p->write ? all & ~LANDLOCK_ACCESS_FS_EXECUTE
					   : read_rights;
		if (landlock_allow(ruleset, path, rights, err) < 0)
			return -1;
	}
	return 0;
}

/* The rules are made as root, who can open every path; *ruleset_out -1: none. */
static int
landlock_prepare(const struct jail *jail, const struct paths *paths,
	int *ruleset_out, struct err *err)
{
	*ruleset_out = -1;
	if (!jail->paths)
		return 0;
	int abi = landlock_abi();
	if (abi == 0) {
		log_warn(
			"the kernel has no landlock, file access is limited by users alone");
		return 0;
	}
	struct ruleset_attributes attributes = {
		.handled_access_fs = landlock_rights(abi),
	};
	size_t size = sizeof(attributes.handled_access_fs);
	if (abi >= RULESET_SCOPE_ABI) {
		/* Nobody outside of the jail is signalled or spoken to by
		 * an abstract socket: those have no mode. */
		attributes.scoped = RULESET_SCOPE_ABSTRACT_UNIX_SOCKET |
				    RULESET_SCOPE_SIGNAL;
		size = sizeof(attributes);
	}
	int ruleset =
		(int)syscall(SYS_landlock_create_ruleset, &attributes, size, 0);
	if (ruleset < 0)
		return err_errno(err, errno, "landlock");
	if (landlock_allow_all(ruleset, jail, paths,
		    attributes.handled_access_fs, err) < 0) {
		close(ruleset);
		return -1;
	}
	*ruleset_out = ruleset;
	return 0;
}

static int
landlock_enter(int ruleset, struct err *err)
{
	if (ruleset < 0)
		return 0;
	long result = syscall(SYS_landlock_restrict_self, ruleset, 0);
	int errno_value = errno;
	close(ruleset);
	return result < 0 ? err_errno(err, errno_value, "landlock") : 0;
}

static int
refuse(scmp_filter_ctx filter, const int *calls, size_t count, int errno_value)
{
	for (size_t i = 0; i < count; i++) {
		int failed = seccomp_rule_add(filter,
			SCMP_ACT_ERRNO((uint16_t)errno_value), calls[i], 0);
		/* EDOM: a call that this architecture does not have. */
		if (failed && failed != -EDOM)
			return failed;
	}
	return 0;
}

static bool
family_allowed(enum jail_network network, int family)
{
	if (family == AF_UNIX)
		return true;
	if (family == AF_INET || family == AF_INET6)
		return network != JAIL_UNIX_ONLY;
	/* getaddrinfo(3) asks the kernel for its addresses by netlink. */
	return network == JAIL_INET && family == AF_NETLINK;
}

static int
refuse_families(scmp_filter_ctx filter, enum jail_network network)
{
	const uint32_t refused = SCMP_ACT_ERRNO(EAFNOSUPPORT);
	int failed = seccomp_rule_add(filter, refused, SCMP_SYS(socket), 1,
		SCMP_A0(SCMP_CMP_GE, JAIL_FAMILY_COUNT));
	for (int family = 0; !failed && family < JAIL_FAMILY_COUNT; family++) {
		if (!family_allowed(network, family))
			failed = seccomp_rule_add(filter, refused,
				SCMP_SYS(socket), 1,
				SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family));
	}
	return failed;
}

/* TCP and its relatives; raw sockets need a capability anyway. */
static int
refuse_connections(scmp_filter_ctx filter)
{
	static const scmp_datum_t TYPES[] = { SOCK_STREAM, SOCK_RDM,
		SOCK_SEQPACKET, SOCK_DCCP };
	static const scmp_datum_t FAMILIES[] = { AF_INET, AF_INET6 };
	const scmp_datum_t type_mask = 0xf; /* SOCK_TYPE_MASK of the kernel */
	int failed = 0;
	for (size_t f = 0; f < ARRAY_LENGTH(FAMILIES); f++) {
		for (size_t i = 0; !failed && i < ARRAY_LENGTH(TYPES); i++)
			failed = seccomp_rule_add(filter,
				SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket),
				2, SCMP_A0(SCMP_CMP_EQ, FAMILIES[f]),
				SCMP_A1(SCMP_CMP_MASKED_EQ, type_mask,
					TYPES[i]));
	}
	return failed;
}

/* New name spaces by clone(2): any of the flags is one too many. */
static int
refuse_namespaces(scmp_filter_ctx filter)
{
	int failed =
		refuse(filter, MOUNT_CALLS, ARRAY_LENGTH(MOUNT_CALLS), EPERM);
	for (unsigned bit = 0; !failed && bit < 32; bit++) {
		scmp_datum_t flag = (scmp_datum_t)1 << bit;
		if (flag & CLONE_NEW_FLAGS)
			failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM),
				SCMP_SYS(clone), 1,
				SCMP_A0(SCMP_CMP_MASKED_EQ, flag, flag));
	}
	return failed;
}

/*
 * Memory is written or run, never both, so that bytes from a peer do not
 * become code. Libraries that are loaded later map their files readable
 * and executable at once, which stays.
 */
static int
refuse_new_code(scmp_filter_ctx filter)
{
	static const struct {
		int call;
		scmp_datum_t bits; /* all of them in the third argument */
	} CALLS[] = {
		{ SCMP_SYS(mmap), PROT_WRITE | PROT_EXEC },
		{ SCMP_SYS(mprotect), PROT_EXEC },
		{ SCMP_SYS(pkey_mprotect), PROT_EXEC },
		{ SCMP_SYS(shmat), SHM_EXEC },
	};

	int failed = 0;
	for (size_t i = 0; !failed && i < ARRAY_LENGTH(CALLS); i++)
		failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM),
			CALLS[i].call, 1,
			SCMP_A2(SCMP_CMP_MASKED_EQ, CALLS[i].bits,
				CALLS[i].bits));
	return failed;
}

/*
 * Typing into the terminal of whoever started us. The kernel looks at the
 * lower half of the register, so the upper half must not matter here.
 */
static int
refuse_typing(scmp_filter_ctx filter)
{
	static const scmp_datum_t CALLS[] = { TIOCSTI, TIOCLINUX };
	int failed = 0;
	for (size_t i = 0; !failed && i < ARRAY_LENGTH(CALLS); i++)
		failed = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM),
			SCMP_SYS(ioctl), 1,
			SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, CALLS[i]));
	return failed;
}

static int
fill_filter(scmp_filter_ctx filter, const struct jail *jail)
{
	int failed =
		refuse(filter, DENIED_CALLS, ARRAY_LENGTH(DENIED_CALLS), EPERM);
	if (!failed)
		failed = refuse(filter, ABSENT_CALLS,
			ARRAY_LENGTH(ABSENT_CALLS), ENOSYS);
	if (!failed && !jail->exec)
		failed = refuse(
			filter, EXEC_CALLS, ARRAY_LENGTH(EXEC_CALLS), EPERM);
	if (!failed && !jail->exec)
		failed = refuse_new_code(filter);
	if (!failed && !keeps(jail, CAP_SYS_ADMIN))
		failed = refuse_namespaces(filter);
	if (!failed)
		failed = refuse_typing(filter);
	if (!failed)
		failed = refuse_families(filter, jail->network);
	if (!failed && jail->network == JAIL_DATAGRAM)
		failed = refuse_connections(filter);
	return failed;
}

static int
filter_calls(const struct jail *jail, struct err *err)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	if (!filter)
		return err_set(err, ERR_SYSTEM, "seccomp: no filter");
	int failed = fill_filter(filter, jail);
	if (!failed)
		failed = seccomp_load(filter);
	seccomp_release(filter);
	return failed ? err_errno(err, -failed, "seccomp") : 0;
}

int
jail_enter(const struct jail *jail, const struct paths *paths, struct err *err)
{
	struct jail_identity identity;
	int ruleset;
	if (look_up_identity(jail, &identity, err) < 0 ||
		landlock_prepare(jail, paths, &ruleset, err) < 0)
		return -1;
	if (drop_privileges(jail, &identity, err) < 0) {
		if (ruleset >= 0)
			close(ruleset);
		return -1;
	}
	if (landlock_enter(ruleset, err) < 0)
		return -1;
	return filter_calls(jail, err);
}
