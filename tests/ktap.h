/* SPDX-License-Identifier: MIT */
/*
 * KTAP for host-side test programs.
 *
 *	static void adds(void)
 *	{
 *		CHECK_EQ(1 + 1, 2);
 *	}
 *
 *	int main(void)
 *	{
 *		ktap_run("adds", adds);
 *		return ktap_done();
 *	}
 *
 * A failing check prints file, line, expected and seen, and the test goes on.
 * The plan comes last, as KTAP allows, so tests can be added in loops.
 */
#ifndef TESTS_KTAP_H
#define TESTS_KTAP_H

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Weak: a program of several files has one of each. */
__attribute__((weak)) int ktap_count, ktap_failures;
__attribute__((weak)) bool ktap_failed;
__attribute__((weak)) const char *ktap_skip_reason;

#define CHECK(cond)							\
	do {								\
		if (!(cond)) {						\
			printf("# %s:%d: expected %s\n",		\
			       __FILE__, __LINE__, #cond);		\
			ktap_failed = true;				\
		}							\
	} while (0)

#define CHECK_EQ(seen, expected)					\
	do {								\
		long long ktap_s = (long long)(seen);			\
		long long ktap_e = (long long)(expected);		\
									\
		if (ktap_s != ktap_e) {					\
			printf("# %s:%d: %s: expected %lld (%s), saw %lld\n", \
			       __FILE__, __LINE__, #seen, ktap_e,	\
			       #expected, ktap_s);			\
			ktap_failed = true;				\
		}							\
	} while (0)

#define CHECK_STR(seen, expected)					\
	do {								\
		const char *ktap_s = (seen), *ktap_e = (expected);	\
									\
		if (!ktap_s || strcmp(ktap_s, ktap_e)) {		\
			printf("# %s:%d: %s: expected \"%s\", saw \"%s\"\n", \
			       __FILE__, __LINE__, #seen, ktap_e,	\
			       ktap_s ? ktap_s : "(null)");		\
			ktap_failed = true;				\
		}							\
	} while (0)

/* Say inside a test that it cannot run here, and why; then return from it. */
static inline void ktap_skip(const char *reason)
{
	ktap_skip_reason = reason;
}

/* Report a result that was found out some other way. */
static inline void ktap_result(const char *name, bool ok, const char *skip)
{
	if (!ktap_count++)
		printf("KTAP version 1\n");
	if (!ok)
		ktap_failures++;
	printf("%s %d %s%s%s\n", ok ? "ok" : "not ok", ktap_count, name,
	       skip ? " # SKIP " : "", skip ? skip : "");
	fflush(stdout);
}

static inline void ktap_run(const char *name, void (*test)(void))
{
	ktap_failed = false;
	ktap_skip_reason = NULL;
	if (!ktap_count)
		setvbuf(stdout, NULL, _IOLBF, 0);
	test();
	ktap_result(name, !ktap_failed, ktap_failed ? NULL : ktap_skip_reason);
}

static inline int ktap_done(void)
{
	printf("1..%d\n", ktap_count);
	return ktap_failures ? 1 : 0;
}

#endif /* TESTS_KTAP_H */
