/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What this machine does at this moment, to read other results beside:
 * SHA-256 of one thread, a 4 KiB write with fsync, and a round trip of one
 * byte between two processes on a Unix socket. Prints one line of JSON.
 *
 *	bench-yardstick [DIRECTORY of the fsync file]
 */
#include <fcntl.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

#define BLOCK (1 << 20)
#define HASH_BLOCKS 96
#define FSYNCS 64
#define ROUND_TRIPS 20000

static double
sha256_mib_per_s(void)
{
	static unsigned char block[BLOCK];
	unsigned char digest[crypto_hash_sha256_BYTES];
	int64_t start = clock_monotonic_us();

	for (int i = 0; i < HASH_BLOCKS; i++)
		(void)crypto_hash_sha256(digest, block, sizeof(block));
	return HASH_BLOCKS * 1e6 / (double)(clock_monotonic_us() - start);
}

static int
compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a;
	int64_t y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Median in milliseconds, or -1. */
static double
fsync_ms(const char *directory)
{
	char path[512];
	char block[4096];
	int64_t times[FSYNCS];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/yardstick-XXXXXX", directory);
	memset(block, 'y', sizeof(block));
	fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -1;
	(void)unlink(path);
	for (int i = 0; i < FSYNCS; i++) {
		int64_t start = clock_monotonic_us();

		if (pwrite(fd, block, sizeof(block), 0) != sizeof(block) ||
			fsync(fd) != 0) {
			(void)close(fd);
			return -1;
		}
		times[i] = clock_monotonic_us() - start;
	}
	(void)close(fd);
	qsort(times, FSYNCS, sizeof(times[0]), compare);
	return (double)times[FSYNCS / 2] / 1000;
}

static void
echo(int fd)
{
	char byte;

	while (read(fd, &byte, 1) == 1)
		if (write(fd, &byte, 1) != 1)
			break;
	_exit(0);
}

/* Mean in microseconds, or -1. */
static double
round_trip_us(void)
{
	int pair[2];
	char byte = 'y';
	int64_t start;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return -1;
	child = fork();
	if (child == 0) {
		(void)close(pair[0]);
		echo(pair[1]);
	}
	(void)close(pair[1]);
	start = clock_monotonic_us();
	for (int i = 0; child > 0 && i < ROUND_TRIPS; i++)
		if (write(pair[0], &byte, 1) != 1 ||
			read(pair[0], &byte, 1) != 1)
			return -1;
	start = clock_monotonic_us() - start;
	(void)close(pair[0]);
	if (child > 0)
		(void)waitpid(child, NULL, 0);
	return (double)start / ROUND_TRIPS;
}

int
main(int argc, char **argv)
{
	if (sodium_init() < 0)
		return EXIT_FAILURE;
	(void)printf("{\"sha256_mib_s\":%.0f,\"fsync_4k_ms\":%.3f,"
		     "\"round_trip_us\":%.2f}\n",
		sha256_mib_per_s(), fsync_ms(argc > 1 ? argv[1] : "/tmp"),
		round_trip_us());
	return EXIT_SUCCESS;
}
