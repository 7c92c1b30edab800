// SPDX-License-Identifier: MIT
/*
 * Windows of 1024 samples every 256, the sound mirrored at its ends by 384; 80
 * triangular bands up to 8 kHz on Slaney's scale (linear below 1 kHz, logarithmic
 * above), each with the same area; the natural logarithm, not below 1e-5.
 */
#include <complex.h>
#include <math.h>
#include <stdlib.h>
#include <tools/common/say.h>
#include "mel.h"

#define SIZE	1024
#define BINS	(SIZE / 2 + 1)
#define HOP	256
#define PAD	((SIZE - HOP) / 2)
#define TOP	8000.0

static double mel_of(double hz)
{
	return hz < 1000 ? hz * 3 / 200 : 15 + log(hz / 1000) * 27 / log(6.4);
}

static double hz_of(double mel)
{
	return mel < 15 ? mel * 200 / 3 : 1000 * exp((mel - 15) * log(6.4) / 27);
}

static void make_bands(float bands[MEL_BANDS][BINS], int rate)
{
	double edge[MEL_BANDS + 2];
	int b, i;

	for (b = 0; b < MEL_BANDS + 2; b++)
		edge[b] = hz_of(mel_of(TOP) * b / (MEL_BANDS + 1));
	for (b = 0; b < MEL_BANDS; b++) {
		for (i = 0; i < BINS; i++) {
			double hz = (double)i * rate / SIZE;
			double up = (hz - edge[b]) / (edge[b + 1] - edge[b]);
			double down = (edge[b + 2] - hz) / (edge[b + 2] - edge[b + 1]);
			double height = fmax(0, fmin(up, down));

			bands[b][i] = (float)(height * 2 / (edge[b + 2] - edge[b]));
		}
	}
}

float *mel_spectrogram(const struct sound *sound, size_t frames)
{
	float complex bins[BINS];
	static float bands[MEL_BANDS][BINS];
	float *mel = calloc(frames * MEL_BANDS, sizeof(*mel));
	float window[SIZE], x[SIZE], magnitude[BINS];
	long last = (long)sound->count - 1;
	size_t f;
	int b, i;

	if (!mel)
		die_oom();
	make_bands(bands, sound->rate);
	hann_window(window, SIZE);
	for (f = 0; f < frames; f++) {
		for (i = 0; i < SIZE; i++) {
			long at = labs((long)f * HOP + i - PAD);

			if (at > last)
				at = 2 * last - at;
			x[i] = at < 0 ? 0 : sound->samples[at] * window[i];
		}
		spectrum(x, SIZE, bins);
		for (i = 0; i < BINS; i++)
			magnitude[i] = sqrtf(crealf(bins[i]) * crealf(bins[i]) +
					     cimagf(bins[i]) * cimagf(bins[i]) + 1e-9f);
		for (b = 0; b < MEL_BANDS; b++) {
			double sum = 0;

			for (i = 0; i < BINS; i++)
				sum += (double)bands[b][i] * magnitude[i];
			mel[b * frames + f] = (float)log(fmax(sum, 1e-5));
		}
	}
	return mel;
}
