// SPDX-License-Identifier: MIT
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>
#include "export.h"
#include "log.h"

static const struct {
	const char *name;
	const char *other;	/* as the documentation of some versions has it */
	int priority;
} levels[] = {
	[NEURON_LOG_QUIET] = { "QUIET", "NONE", LOG_DEBUG },
	[NEURON_LOG_ERROR] = { "ERROR", "FATAL", LOG_ERR },
	[NEURON_LOG_WARN] = { "WARN", "WARNING", LOG_WARNING },
	[NEURON_LOG_INFO] = { "INFO", "NOTICE", LOG_INFO },
	[NEURON_LOG_DEBUG] = { "DEBUG", "DEBUG", LOG_DEBUG },
	[NEURON_LOG_TRACE] = { "TRACE", "TRACE", LOG_DEBUG },
};

#define NUM_LEVELS	(sizeof(levels) / sizeof(levels[0]))

static _Atomic int log_level = -1;	/* not configured */
static _Atomic bool log_syslog;
static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;
static void (*log_function)(void *opaque, enum neuron_log_level level,
			    const char *function, const char *message);
static void *log_opaque;

static _Thread_local char last_error[512];

const char *neuron_log_configure(void)
{
	const char *level = getenv("NEURON_RT_LOG_LEVEL");
	const char *location = getenv("NEURON_RT_LOG_LOCATION");
	const char *bad = NULL;
	int parsed = NEURON_LOG_ERROR;
	bool to_syslog = false;

	if (level && *level) {
		size_t n;

		for (n = 0; n < NUM_LEVELS; n++) {
			if (!strcasecmp(level, levels[n].name) ||
			    !strcasecmp(level, levels[n].other))
				break;
		}
		if (n < NUM_LEVELS)
			parsed = n;
		else
			bad = "NEURON_RT_LOG_LEVEL";
	}
	if (location && *location) {
		if (!strcasecmp(location, "syslog"))
			to_syslog = true;
		else if (strcasecmp(location, "console"))
			bad = "NEURON_RT_LOG_LOCATION";
	}
	atomic_store(&log_syslog, to_syslog);
	atomic_store(&log_level, parsed);
	return bad;
}

bool neuron_log_enabled(enum neuron_log_level level)
{
	if (atomic_load_explicit(&log_level, memory_order_relaxed) < 0)
		neuron_log_configure();
	return (int)level <= atomic_load_explicit(&log_level, memory_order_relaxed);
}

/*
 * The line has the form of the real library's, which people have filters for:
 * 2026-Jan-31 12:00:00.0000 PID:TID ERROR  NRT:function  message
 */
static void print(enum neuron_log_level level, const char *function,
		  const char *message)
{
	struct timespec now;
	char date[32];
	struct tm tm;

	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	strftime(date, sizeof(date), "%Y-%b-%d %H:%M:%S", &tm);
	/* One call, so that lines of several processes do not mix. */
	fprintf(stderr, "%s.%04ld %d:%d %-6s NRT:%s  %s\n", date,
		now.tv_nsec / 100000, (int)getpid(), (int)gettid(),
		levels[level].name, function, message);
}

void neuron_log(enum neuron_log_level level, const char *function,
		const char *format, ...)
{
	char message[sizeof(last_error)];
	va_list args;
	char *c;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	/* Names come from files: keep it one line that no terminal obeys. */
	for (c = message; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
	if (level == NEURON_LOG_ERROR)
		memcpy(last_error, message, sizeof(last_error));
	if (!neuron_log_enabled(level))
		return;
	pthread_mutex_lock(&log_lock);
	if (log_function)
		log_function(log_opaque, level, function, message);
	else if (atomic_load(&log_syslog))
		syslog(LOG_USER | levels[level].priority, "NRT:%s  %s", function,
		       message);
	else
		print(level, function, message);
	pthread_mutex_unlock(&log_lock);
}

void neuron_log_forget(void)
{
	pthread_mutex_init(&log_lock, NULL);
}

EXPORT void neuron_set_log(void (*log)(void *opaque, enum neuron_log_level level,
				       const char *function, const char *message),
			   void *opaque)
{
	pthread_mutex_lock(&log_lock);
	log_function = log;
	log_opaque = opaque;
	pthread_mutex_unlock(&log_lock);
}

EXPORT const char *neuron_error(void)
{
	return last_error;
}
