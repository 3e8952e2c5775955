/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A line of /proc/net/tcp holds the local address as hexadecimal numbers
 * of 32 bits in the machine's byte order, which is how they stand in
 * memory. A listening TCP socket has state 0A, a UDP socket without a
 * peer 07.
 */
#include "cli/listener.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/strbuf.h"

#define TABLE_MAX (16 * 1024 * 1024)
#define STATE_LISTEN 0x0a
#define STATE_UNCONNECTED 0x07
#define V4_HEX_LENGTH 8
#define V6_HEX_LENGTH 32
#define PROC_PATH_MAX 320

static const unsigned char MAPPED[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff,
	0xff };
static const unsigned char ANY[16];

static bool
parse_address(const char *hex, struct listener *out)
{
	size_t length = strlen(hex), words = length / V4_HEX_LENGTH;
	unsigned char bytes[16];

	if (length != V4_HEX_LENGTH && length != V6_HEX_LENGTH)
		return false;
	for (size_t i = 0; i < words; i++) {
		char word[V4_HEX_LENGTH + 1];
		uint32_t number;

		snprintf(word, sizeof(word), "%s", hex + i * V4_HEX_LENGTH);
		number = (uint32_t)strtoul(word, NULL, 16);
		memcpy(bytes + 4 * i, &number, sizeof(number));
	}
	out->is_v4 = words == 1;
	out->any = memcmp(bytes, ANY, 4 * words) == 0;
	if (out->is_v4) {
		memcpy(out->address, MAPPED, sizeof(MAPPED));
		memcpy(out->address + sizeof(MAPPED), bytes, 4);
	} else {
		memcpy(out->address, bytes, sizeof(bytes));
	}
	return true;
}

static bool
parse_line(const char *line, unsigned port, struct listener *out)
{
	char address[V6_HEX_LENGTH + 1];
	unsigned local, state;

	*out = (struct listener){ 0 };
	return sscanf(line,
		       " %*u: %32[0-9A-F]:%x %*[0-9A-F]:%*x %x %*s %*s %*s %*u %*d %lu",
		       address, &local, &state, &out->inode) == 4 &&
	       local == port &&
	       (state == STATE_LISTEN || state == STATE_UNCONNECTED) &&
	       parse_address(address, out);
}

static size_t
read_table(const char *table, unsigned port, struct listener *out, size_t max)
{
	struct strbuf text;
	char *line, *rest, path[64];
	size_t count = 0;

	(void)snprintf(path, sizeof(path), "/proc/net/%s", table);
	strbuf_init(&text, TABLE_MAX);
	if (fs_read(path, TABLE_MAX, &text, NULL) == 0) {
		rest = text.data;
		while (count < max && (line = strsep(&rest, "\n")) != NULL)
			count += parse_line(line, port, &out[count]);
	}
	strbuf_deinit(&text);
	return count;
}

size_t
listener_find(int type, unsigned port, struct listener *out, size_t max)
{
	bool is_stream = type == SOCK_STREAM;
	size_t count = read_table(is_stream ? "tcp" : "udp", port, out, max);

	return count + read_table(is_stream ? "tcp6" : "udp6", port,
			       out + count, max - count);
}

/* A socket of :: takes IPv4 too, unless it was told not to; the programs
 * here all open one of each. */
bool
listener_covers(const struct listener *listener, const char *address)
{
	unsigned char bytes[16];
	bool is_v4 = strchr(address, ':') == NULL;

	if (is_v4) {
		memcpy(bytes, MAPPED, sizeof(MAPPED));
		if (inet_pton(AF_INET, address, bytes + sizeof(MAPPED)) != 1)
			return false;
	} else if (inet_pton(AF_INET6, address, bytes) != 1) {
		return false;
	}
	if (listener->any)
		return listener->is_v4 == is_v4;
	return memcmp(bytes, listener->address, sizeof(bytes)) == 0;
}

static bool
has_inode(const char *pid, unsigned long inode)
{
	char path[PROC_PATH_MAX], target[64], want[64];
	struct dirent *entry;
	bool found = false;
	DIR *directory;

	(void)snprintf(want, sizeof(want), "socket:[%lu]", inode);
	(void)snprintf(path, sizeof(path), "/proc/%s/fd", pid);
	directory = opendir(path);
	if (directory == NULL)
		return false;
	while (!found && (entry = readdir(directory)) != NULL) {
		ssize_t length = readlinkat(dirfd(directory), entry->d_name,
			target, sizeof(target) - 1);

		if (length > 0) {
			target[length] = '\0';
			found = strcmp(target, want) == 0;
		}
	}
	(void)closedir(directory);
	return found;
}

pid_t
listener_process(const struct listener *listener)
{
	DIR *processes = opendir("/proc");
	struct dirent *entry;
	pid_t pid = 0;

	if (processes == NULL)
		return 0;
	while (pid == 0 && (entry = readdir(processes)) != NULL)
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
			has_inode(entry->d_name, listener->inode))
			pid = (pid_t)strtol(entry->d_name, NULL, 10);
	(void)closedir(processes);
	return pid;
}

void
listener_process_name(pid_t pid, char name[LISTENER_NAME_SIZE])
{
	char path[64];
	struct strbuf text;

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	strbuf_init(&text, 256);
	name[0] = '\0';
	if (pid != 0 && fs_read(path, 255, &text, NULL) == 0)
		(void)snprintf(name, LISTENER_NAME_SIZE, "%.*s",
			(int)strcspn(text.data, "\n"), text.data);
	strbuf_deinit(&text);
}
