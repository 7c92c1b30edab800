/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * FIXTURE, VARIANT and TEST_F: the part of the kernel's kselftest harness that
 * these tests use, with the same names and meaning, written for this project.
 *
 * The kernel's own harness comes with the kernel's sources only, a download of
 * 150 MB that running the tests should not depend on. With HARNESS= naming a
 * kselftest_harness.h (of tools/testing/selftests) the tests are built with that.
 *
 * Each test is a process of its own: a crash or a time-out ends that test alone. With
 * TEST_TIMEOUT_FACTOR in the environment, each has that many times its time: a time-out
 * shall say that a test hangs, not that the machine is slow. With TEST_TIMES all run that
 * many times, until one fails.
 * ASSERT_* end the test, EXPECT_* let it go on. The output is KTAP.
 */
#ifdef NEURON_KSELFTEST_HARNESS
#include NEURON_KSELFTEST_HARNESS
#else
#ifndef KSELFTEST_HARNESS_H
#define KSELFTEST_HARNESS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEST_TIMEOUT_DEFAULT	30

enum { HARNESS_PASS = 0, HARNESS_FAIL = 1, HARNESS_SKIP = 4 };

/* What a running test knows of itself. */
struct __test_metadata {
	const char *fixture;
	const char *variant_name;
	const char *name;
	void (*run)(struct __test_metadata *test, const void *variant);
	const void *variant;
	unsigned int timeout;
	bool failed;
	bool skipped;
	char reason[160];
	struct __test_metadata *next;
};

struct __variant_metadata {
	const char *fixture;
	const char *name;
	const void *data;
	struct __variant_metadata *next;
};

static struct __test_metadata *harness_tests, **harness_tests_end = &harness_tests;
static struct __variant_metadata *harness_variants, **harness_variants_end = &harness_variants;

static inline void harness_add_test(struct __test_metadata *test)
{
	*harness_tests_end = test;
	harness_tests_end = &test->next;
}

static inline void harness_add_variant(struct __variant_metadata *variant)
{
	*harness_variants_end = variant;
	harness_variants_end = &variant->next;
}

#define TH_LOG(fmt, ...)						\
	printf("# %s:%d:%s: " fmt "\n", __FILE__, __LINE__, _metadata->name, ##__VA_ARGS__)

#define SKIP(statement, fmt, ...) do {					\
	snprintf(_metadata->reason, sizeof(_metadata->reason), fmt, ##__VA_ARGS__); \
	_metadata->skipped = true;					\
	statement;							\
} while (0)

#define FIXTURE(fixture)						\
	struct harness_self_##fixture;					\
	struct harness_variant_##fixture;				\
	struct harness_self_##fixture

#define FIXTURE_DATA(fixture)	struct harness_self_##fixture

#define FIXTURE_VARIANT(fixture)	struct harness_variant_##fixture

#define FIXTURE_VARIANT_ADD(fixture_name, variant_name)			\
	static const struct harness_variant_##fixture_name		\
		harness_##fixture_name##_##variant_name;		\
	static struct __variant_metadata harness_add_data_##fixture_name##_##variant_name = { \
		#fixture_name, #variant_name,				\
		&harness_##fixture_name##_##variant_name, NULL		\
	};								\
	static void __attribute__((constructor))			\
	harness_add_##fixture_name##_##variant_name(void)		\
	{								\
		harness_add_variant(&harness_add_data_##fixture_name##_##variant_name); \
	}								\
	static const struct harness_variant_##fixture_name		\
		harness_##fixture_name##_##variant_name =

#define FIXTURE_SETUP(fixture)						\
	static void fixture##_setup(struct __test_metadata *_metadata,	\
				    struct harness_self_##fixture *self,		\
				    const struct harness_variant_##fixture *variant __attribute__((unused)))

#define FIXTURE_TEARDOWN(fixture)					\
	static void fixture##_teardown(struct __test_metadata *_metadata __attribute__((unused)), \
				       struct harness_self_##fixture *self __attribute__((unused)), \
				       const struct harness_variant_##fixture *variant __attribute__((unused)))

#define TEST_F_TIMEOUT(fixture_name, test_name, seconds)		\
	static void fixture_name##_##test_name(struct __test_metadata *_metadata, \
					       struct harness_self_##fixture_name *self, \
					       const struct harness_variant_##fixture_name *variant); \
	static void harness_run_##fixture_name##_##test_name(		\
		struct __test_metadata *_metadata, const void *variant)	\
	{								\
		static struct harness_self_##fixture_name self;			\
									\
		fixture_name##_setup(_metadata, &self, variant);	\
		if (!_metadata->failed && !_metadata->skipped)		\
			fixture_name##_##test_name(_metadata, &self, variant); \
		fixture_name##_teardown(_metadata, &self, variant);	\
	}								\
	static struct __test_metadata harness_test_##fixture_name##_##test_name = { \
		.fixture = #fixture_name,				\
		.name = #test_name,					\
		.run = harness_run_##fixture_name##_##test_name,	\
		.timeout = seconds,					\
	};								\
	static void __attribute__((constructor))			\
	harness_register_##fixture_name##_##test_name(void)		\
	{								\
		harness_add_test(&harness_test_##fixture_name##_##test_name); \
	}								\
	static void fixture_name##_##test_name(				\
		struct __test_metadata *_metadata __attribute__((unused)), \
		struct harness_self_##fixture_name *self __attribute__((unused)),	\
		const struct harness_variant_##fixture_name *variant __attribute__((unused)))

#define TEST_F(fixture_name, test_name)					\
	TEST_F_TIMEOUT(fixture_name, test_name, TEST_TIMEOUT_DEFAULT)

static inline void harness_fail(struct __test_metadata *_metadata, bool fatal)
{
	_metadata->failed = true;
	if (fatal) {
		fflush(stdout);
		_exit(HARNESS_FAIL);
	}
}

#define HARNESS_COMPARE(expected, op, seen, fatal) do {			\
	__typeof__((seen) + 0) harness_e = (expected);			\
	__typeof__((seen) + 0) harness_s = (seen);			\
	if (!(harness_e op harness_s)) {				\
		TH_LOG("Expected %s (%lld) %s %s (%lld)", #expected,	\
		       (long long)(intptr_t)harness_e, #op, #seen,	\
		       (long long)(intptr_t)harness_s);			\
		harness_fail(_metadata, fatal);				\
	}								\
} while (0)

#define HARNESS_STR(expected, op, seen, fatal) do {			\
	const char *harness_e = (expected), *harness_s = (seen);	\
	if (!(strcmp(harness_e, harness_s) op 0)) {			\
		TH_LOG("Expected '%s' %s '%s'", harness_e, #op, harness_s); \
		harness_fail(_metadata, fatal);				\
	}								\
} while (0)

#define ASSERT_EQ(expected, seen)	HARNESS_COMPARE(expected, ==, seen, true)
#define ASSERT_NE(expected, seen)	HARNESS_COMPARE(expected, !=, seen, true)
#define ASSERT_LT(expected, seen)	HARNESS_COMPARE(expected, <, seen, true)
#define ASSERT_LE(expected, seen)	HARNESS_COMPARE(expected, <=, seen, true)
#define ASSERT_GT(expected, seen)	HARNESS_COMPARE(expected, >, seen, true)
#define ASSERT_GE(expected, seen)	HARNESS_COMPARE(expected, >=, seen, true)
#define ASSERT_TRUE(seen)		HARNESS_COMPARE(0, !=, !!(seen), true)
#define ASSERT_FALSE(seen)		HARNESS_COMPARE(0, ==, !!(seen), true)
#define EXPECT_EQ(expected, seen)	HARNESS_COMPARE(expected, ==, seen, false)
#define EXPECT_NE(expected, seen)	HARNESS_COMPARE(expected, !=, seen, false)
#define EXPECT_LT(expected, seen)	HARNESS_COMPARE(expected, <, seen, false)
#define EXPECT_LE(expected, seen)	HARNESS_COMPARE(expected, <=, seen, false)
#define EXPECT_GT(expected, seen)	HARNESS_COMPARE(expected, >, seen, false)
#define EXPECT_GE(expected, seen)	HARNESS_COMPARE(expected, >=, seen, false)
#define EXPECT_TRUE(seen)		HARNESS_COMPARE(0, !=, !!(seen), false)
#define EXPECT_FALSE(seen)		HARNESS_COMPARE(0, ==, !!(seen), false)
#define EXPECT_STREQ(expected, seen)	HARNESS_STR(expected, ==, seen, false)

/* In the child: run the test, tell the parent through the exit status and a pipe. */
static inline void harness_child(struct __test_metadata *test, const void *variant, int report)
{
	/* Dies with the harness, however that ends. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	test->run(test, variant);
	fflush(stdout);
	if (test->skipped && write(report, test->reason, strlen(test->reason)) < 0)
		_exit(HARNESS_FAIL);
	_exit(test->failed ? HARNESS_FAIL : test->skipped ? HARNESS_SKIP : HARNESS_PASS);
}

/* A number of the environment, 1 to @max; 1 where it is not set. */
static inline unsigned int harness_env(const char *name, int max)
{
	const char *text = getenv(name);
	int value = text ? atoi(text) : 1;

	return value < 1 ? 1 : value > max ? max : value;
}

static inline int harness_wait(pid_t pid, unsigned int seconds, bool *timed_out)
{
	unsigned int step = 0, steps = seconds * 200;
	int status;

	*timed_out = false;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		usleep(5000);
		if (++step == steps) {
			*timed_out = true;
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			break;
		}
	}

	/* Nothing of the test survives it. */
	kill(-pid, SIGKILL);

	return status;
}

static int harness_count, harness_failures;

static inline void harness_run(struct __test_metadata *test,
			       const struct __variant_metadata *variant, const char *name)
{
	char reason[sizeof(test->reason)] = "";
	unsigned int limit = test->timeout * harness_env("TEST_TIMEOUT_FACTOR", 100);
	int status, report[2];
	bool timed_out;
	ssize_t got;
	pid_t pid;

	fflush(stdout);
	if (pipe(report))
		abort();
	pid = fork();
	if (pid < 0)
		abort();
	if (!pid)
		harness_child(test, variant ? variant->data : NULL, report[1]);
	close(report[1]);
	status = harness_wait(pid, limit, &timed_out);
	got = read(report[0], reason, sizeof(reason) - 1);
	reason[got > 0 ? got : 0] = '\0';
	close(report[0]);

	harness_count++;
	if (timed_out)
		printf("# %s: no end after %u seconds\n", test->name, limit);
	else if (WIFSIGNALED(status))
		printf("# %s: killed by signal %d\n", test->name, WTERMSIG(status));

	if (WIFEXITED(status) && WEXITSTATUS(status) == HARNESS_SKIP) {
		printf("ok %d %s # SKIP %s\n", harness_count, name, reason);
	} else if (WIFEXITED(status) && WEXITSTATUS(status) == HARNESS_PASS) {
		printf("ok %d %s\n", harness_count, name);
	} else {
		harness_failures++;
		printf("not ok %d %s\n", harness_count, name);
	}
}

/* Arguments: names of tests to run, by substring of what is printed; none for all. */
static inline bool harness_wanted(const char *name, int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (strstr(name, argv[i]))
			return true;

	return argc < 2;
}

static inline void harness_run_wanted(struct __test_metadata *test,
				      const struct __variant_metadata *variant,
				      int argc, char **argv)
{
	char name[160];

	snprintf(name, sizeof(name), "%s%s%s.%s", test->fixture, variant ? "." : "",
		 variant ? variant->name : "", test->name);
	if (harness_wanted(name, argc, argv))
		harness_run(test, variant, name);
}

static inline void harness_run_all(int argc, char **argv)
{
	struct __variant_metadata *variant;
	struct __test_metadata *test;
	bool has_variants;

	for (test = harness_tests; test; test = test->next) {
		has_variants = false;
		for (variant = harness_variants; variant; variant = variant->next) {
			if (strcmp(variant->fixture, test->fixture))
				continue;
			has_variants = true;
			harness_run_wanted(test, variant, argc, argv);
		}
		if (!has_variants)
			harness_run_wanted(test, NULL, argc, argv);
	}
}

static inline int test_harness_run(int argc, char **argv)
{
	unsigned int times = harness_env("TEST_TIMES", 1000000);

	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("KTAP version 1\n");
	while (times-- && !harness_failures)
		harness_run_all(argc, argv);
	printf("1..%d\n", harness_count);

	return harness_failures ? 1 : 0;
}

#define TEST_HARNESS_MAIN						\
	int main(int argc, char **argv)					\
	{								\
		return test_harness_run(argc, argv);			\
	}

#endif /* KSELFTEST_HARNESS_H */
#endif /* NEURON_KSELFTEST_HARNESS */
