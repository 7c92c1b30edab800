/* SPDX-License-Identifier: MIT */
/* Sound: files, and spectra of short pieces. */
#ifndef TESTS_CONFORMANCE_SOUND_H
#define TESTS_CONFORMANCE_SOUND_H

#include <complex.h>
#include <stdbool.h>
#include <stddef.h>

/**
 * struct sound - one channel of samples from -1 to 1
 * @samples: from malloc()
 * @count: number of them
 * @rate: samples a second
 */
struct sound {
	float *samples;
	size_t count;
	int rate;
};

/* Both return false after a line on standard error. */
bool sound_load(struct sound *sound, const char *path);
bool sound_save(const struct sound *sound, const char *path);
void sound_free(struct sound *sound);

/**
 * spectrum() - discrete Fourier transform of real samples
 * @x: @n samples; n is a power of two, at most MAX_SPECTRUM
 * @n: how many
 * @bins: receives n / 2 + 1 bins
 */
#define MAX_SPECTRUM	2048
void spectrum(const float *x, unsigned int n, float complex *bins);

/* The inverse; imaginary parts of the first and the last bin are ignored. */
void spectrum_inverse(const float complex *bins, unsigned int n, float *x);

/* A Hann window whose copies, shifted by a fraction of @n, add up to a constant. */
void hann_window(float *window, unsigned int n);

/* 10 log10 of the reference's energy over that of the difference. */
double signal_to_noise(const float *seen, const float *reference, size_t count);

/* Pearson's coefficient. */
double correlation(const float *a, const float *b, size_t count);

#endif /* TESTS_CONFORMANCE_SOUND_H */
