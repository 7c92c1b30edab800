// SPDX-License-Identifier: MIT
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sndfile.h>
#include <tools/common/say.h>
#include "sound.h"

bool sound_load(struct sound *sound, const char *path)
{
	SF_INFO info = { 0 };
	SNDFILE *file = sf_open(path, SFM_READ, &info);
	bool ok;

	*sound = (struct sound) { 0 };
	if (!file) {
		say_error("%s: %s", path, sf_strerror(NULL));
		return false;
	}
	ok = info.channels == 1 && info.frames > 0 && info.frames < 1 << 26;
	if (ok) {
		sound->rate = info.samplerate;
		sound->count = (size_t)info.frames;
		sound->samples = malloc(sound->count * sizeof(*sound->samples));
		if (!sound->samples)
			die_oom();
		ok = sf_readf_float(file, sound->samples, info.frames) == info.frames;
	}
	sf_close(file);
	if (!ok) {
		say_error("%s: is not one channel of sound", path);
		sound_free(sound);
	}
	return ok;
}

bool sound_save(const struct sound *sound, const char *path)
{
	SF_INFO info = {
		.samplerate = sound->rate, .channels = 1,
		.format = SF_FORMAT_WAV | SF_FORMAT_PCM_16,
	};
	SNDFILE *file = sf_open(path, SFM_WRITE, &info);
	bool ok;

	if (!file) {
		say_error("%s: %s", path, sf_strerror(NULL));
		return false;
	}
	sf_command(file, SFC_SET_CLIPPING, NULL, SF_TRUE);
	ok = sf_writef_float(file, sound->samples, (sf_count_t)sound->count) ==
	     (sf_count_t)sound->count;
	ok &= !sf_close(file);
	if (!ok)
		say_error("%s: cannot be written", path);
	return ok;
}

void sound_free(struct sound *sound)
{
	free(sound->samples);
	*sound = (struct sound) { 0 };
}

/* In place, decimation in time; @sign -1 forwards, 1 backwards, not scaled. */
static void transform(double complex *x, unsigned int n, int sign)
{
	unsigned int i, j, half, k;

	for (i = 1, j = 0; i < n; i++) {
		unsigned int bit = n >> 1;

		for (; j & bit; bit >>= 1)
			j ^= bit;
		j ^= bit;
		if (i < j) {
			double complex t = x[i];

			x[i] = x[j];
			x[j] = t;
		}
	}
	for (half = 1; half < n; half *= 2) {
		for (k = 0; k < half; k++) {
			double complex w = cexp(sign * I * M_PI * k / half);

			for (i = k; i < n; i += 2 * half) {
				double complex t = w * x[i + half];

				x[i + half] = x[i] - t;
				x[i] += t;
			}
		}
	}
}

void spectrum(const float *x, unsigned int n, float complex *bins)
{
	double complex work[MAX_SPECTRUM];
	unsigned int i;

	for (i = 0; i < n; i++)
		work[i] = x[i];
	transform(work, n, -1);
	for (i = 0; i <= n / 2; i++)
		bins[i] = (float complex)work[i];
}

void spectrum_inverse(const float complex *bins, unsigned int n, float *x)
{
	double complex work[MAX_SPECTRUM];
	unsigned int i;

	work[0] = crealf(bins[0]);
	work[n / 2] = crealf(bins[n / 2]);
	for (i = 1; i < n / 2; i++) {
		work[i] = bins[i];
		work[n - i] = conjf(bins[i]);
	}
	transform(work, n, 1);
	for (i = 0; i < n; i++)
		x[i] = (float)(creal(work[i]) / n);
}

void hann_window(float *window, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		window[i] = (float)(0.5 - 0.5 * cos(2 * M_PI * i / n));
}

double signal_to_noise(const float *seen, const float *reference, size_t count)
{
	double signal = 0, noise = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		double d = (double)seen[i] - reference[i];

		signal += (double)reference[i] * reference[i];
		noise += d * d;
	}
	return 10 * log10(signal / noise);
}

double correlation(const float *a, const float *b, size_t count)
{
	double ma = 0, mb = 0, ab = 0, aa = 0, bb = 0;
	size_t i;

	for (i = 0; i < count; i++) {
		ma += a[i];
		mb += b[i];
	}
	ma /= (double)count;
	mb /= (double)count;
	for (i = 0; i < count; i++) {
		ab += (a[i] - ma) * (b[i] - mb);
		aa += (a[i] - ma) * (a[i] - ma);
		bb += (b[i] - mb) * (b[i] - mb);
	}
	return ab / sqrt(aa * bb);
}
