/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * /proc/net/tcp and tcp6 name listening sockets first, with state 0A and
 * the address as 32-bit words in the machine's byte order. A socket on the
 * any-address of IPv6 answers for IPv4 as well.
 */
#include "agent/listening.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define STATE_LISTEN 0x0a
#define WORDS_MAX 4
#define LINE_SIZE 256

struct wanted {
	int port;
	int words; /* 1 IPv4, 4 IPv6, 0 any address */
	uint32_t address[WORDS_MAX];
};

static bool
is_any(const uint32_t *address, int words)
{
	for (int i = 0; i < words; i++)
		if (address[i] != 0)
			return false;
	return true;
}

static struct wanted
parse_wanted(const char *address, int port)
{
	struct wanted wanted = { .port = port };

	if (inet_pton(AF_INET, address, wanted.address) == 1)
		wanted.words = 1;
	else if (inet_pton(AF_INET6, address, wanted.address) == 1)
		wanted.words = WORDS_MAX;
	if (is_any(wanted.address, wanted.words))
		wanted.words = 0;
	return wanted;
}

/* 1 it is the one, 0 another listener, -1 no listener: end of these. */
static int
judge_line(const char *line, int words, const struct wanted *wanted)
{
	uint32_t local[WORDS_MAX] = { 0 };
	unsigned port, state;
	int matched;

	if (words == 1)
		matched = sscanf(line, " %*d: %8x:%4x %*8x:%*4x %2x", &local[0],
			&port, &state);
	else
		matched = sscanf(line,
			" %*d: %8x%8x%8x%8x:%4x %*32[0-9A-F]:%*4x %2x",
			&local[0], &local[1], &local[2], &local[3], &port,
			&state);
	if (matched != words + 2)
		return 0; /* the heading */
	if (state != STATE_LISTEN)
		return -1;
	if ((int)port != wanted->port)
		return 0;
	return wanted->words == 0 || is_any(local, words) ||
	       (wanted->words == words &&
		       memcmp(local, wanted->address, sizeof(local)) == 0);
}

static bool
search(const char *path, int words, const struct wanted *wanted)
{
	FILE *table = fopen(path, "re");
	char line[LINE_SIZE];
	int answer = 0;

	if (table == NULL)
		return false;
	while (answer == 0 && fgets(line, sizeof(line), table) != NULL)
		answer = judge_line(line, words, wanted);
	fclose(table);
	return answer == 1;
}

bool
listening_on(const char *address, int port)
{
	struct wanted wanted = parse_wanted(address, port);

	return search("/proc/net/tcp", 1, &wanted) ||
	       search("/proc/net/tcp6", WORDS_MAX, &wanted);
}
