/* SPDX-License-Identifier: MIT */
/*
 * What the fuzzers ask of AddressSanitizer. Freed memory is quarantined for a
 * while, so that its use is seen; the default of 256 MiB costs page faults that
 * take longer than most inputs.
 */
#ifndef TESTS_FUZZ_ASAN_H
#define TESTS_FUZZ_ASAN_H

const char *__asan_default_options(void);

__attribute__((used, visibility("default")))
const char *__asan_default_options(void)
{
	return "quarantine_size_mb=8:malloc_context_size=4";
}

#endif /* TESTS_FUZZ_ASAN_H */
