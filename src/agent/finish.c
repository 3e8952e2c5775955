/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * mailherd-finish: the `finish` program of every service. It ends what is
 * left of the service's session, so that ports and sockets are free for
 * the next start, writes down how the run ended, and holds the next start
 * back when runs end soon after each other: 0, 0, 1, 2, 4 ... 60 s
 * (record_count_end()). SIGTERM cuts the wait short, and what was counted is
 * forgotten: the agent sends it when a person asks for a restart or a stop,
 * but not before this program has written its number into the record: until
 * then it would be killed by it, with its work undone.
 *
 * s6-supervise calls it as: finish EXITCODE SIGNAL SERVICE, exit code 256
 * when a signal ended the run. Its working directory is the service's.
 */
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "io/service.h"
#include "supervise/launch.h"
#include "supervise/record.h"
#include "supervise/s6.h"

#define LINGER_MS 300
#define KILLED_CODE 256

/* Blocks SIGTERM from here on, so that none is missed before the wait. */
static void
block_signals(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, signals, NULL); /* a valid call */
}

/* Who was asked to stop may finish what it does; after a crash it counts
 * that the service is back. */
static int
linger_ms(bool asked_for)
{
	struct arena *arena = arena_new();
	struct launch launch;
	struct err ignored;
	int ms = LINGER_MS;

	if (asked_for &&
		launch_read(LAUNCH_FILE, arena, &launch, &ignored) == 0 &&
		launch.linger_ms > 0)
		ms = launch.linger_ms;
	arena_free(&arena);
	return ms;
}

/* The number is forgotten, because the kernel may give it to a stranger. */
static void
end_leftovers(struct record_started *started, bool asked_for)
{
	struct err err;

	(void)process_end_session(&started->process, linger_ms(asked_for));
	started->process = (struct process){ 0 };
	if (record_write_started(".", started, &err) == -1)
		log_warn("end of a process not recorded", LOG_ERR(&err));
}

static enum record_end
how_of(const struct record_ended *ended, bool asked_for)
{
	if (asked_for)
		return RECORD_ENDED_ASKED;
	return ended->exit_code == SERVICE_RENEW_STATUS
		       ? RECORD_ENDED_RENEWS
		       : RECORD_ENDED_BY_ITSELF;
}

/* Somebody has looked after it: what comes next is a first end again. */
static void
forget_row(struct record_ended *ended)
{
	struct err err;

	ended->row = 0;
	if (record_write_ended(".", ended, &err) == -1)
		log_warn("end of a run not recorded", LOG_ERR(&err));
}

int
main(int argc, char **argv)
{
	struct record_started started;
	struct record_ended ended;
	struct s6_status status;
	struct timespec delay = { 0 };
	sigset_t signals;
	struct err err;
	int code = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0;
	bool asked_for;

	block_signals(&signals);
	record_read_started(".", &started);
	record_read_ended(".", &ended);
	s6_status_read(".", &status);
	ended.at_ms = clock_wall_ms();
	ended.finish_pid = getpid();
	ended.exit_signal = argc > 2 && code == KILLED_CODE
				    ? (int)strtol(argv[2], NULL, 10)
				    : 0;
	ended.exit_code = code == KILLED_CODE ? 0 : code;
	asked_for = status.supervised && !status.wanted_up;
	record_count_end(&ended, &started, how_of(&ended, asked_for));
	if (record_write_ended(".", &ended, &err) == -1)
		log_warn("end of a run not recorded", LOG_ERR(&err));
	end_leftovers(&started, asked_for);
	delay.tv_sec = record_delay_s(&ended);
	if (status.wanted_up)
		log_warn("service ended, starting it again",
			LOG_TEXT("service", argc > 3 ? argv[3] : ""),
			LOG_NUMBER("code", ended.exit_code),
			LOG_NUMBER("signal", ended.exit_signal),
			LOG_NUMBER("in_s", delay.tv_sec));
	if (delay.tv_sec > 0 && sigtimedwait(&signals, NULL, &delay) == SIGTERM)
		forget_row(&ended);
	return 0;
}
