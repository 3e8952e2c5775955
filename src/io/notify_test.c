/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the two supervisors hear. */
#include "io/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "io/test_socket.h"

static void
s6_hears_a_newline_once(void **state)
{
	(void)state;
	int ends[2];
	char text[10];
	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	if (pid == 0) {
		dup2(ends[1], 3);
		if (ends[1] != 3)
			close(ends[1]);
		notify_s6_ready();
		notify_s6_ready();
		_exit(fcntl(3, F_GETFD) < 0 ? 0 : 1);
	}
	close(ends[1]);
	int status;
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
	assert_int_equal(read(ends[0], text, sizeof(text)), 1);
	assert_int_equal(text[0], '\n');
	close(ends[0]);
}

static void
a_file_at_three_is_left_alone(void **state)
{
	(void)state;
	pid_t pid = fork();
	if (pid == 0) {
		int fd = memfd_create("three", 0);
		dup2(fd, 3);
		notify_s6_ready();
		_exit(lseek(3, 0, SEEK_END) == 0 ? 0 : 1);
	}
	int status;
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

static void
systemd_hears_a_datagram(void **state)
{
	(void)state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char directory[] = "/tmp/mh-no-XXXXXX", text[100] = "";
	assert_non_null(mkdtemp(directory));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/n", directory);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
		bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	notify_systemd(address.sun_path, "READY=1");
	assert_int_equal(recv(fd, text, sizeof(text), MSG_DONTWAIT), 7);
	assert_string_equal(text, "READY=1");
	close(fd);
	unlink(address.sun_path);
	rmdir(directory);
	notify_systemd(NULL, "READY=1");
	notify_systemd("/nonexistent", "READY=1");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(s6_hears_a_newline_once),
		cmocka_unit_test(a_file_at_three_is_left_alone),
		cmocka_unit_test(systemd_hears_a_datagram),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
