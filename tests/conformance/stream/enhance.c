// SPDX-License-Identifier: MIT
/*
 * Speech enhancement, frame by frame.
 *
 * GTCRN works on spectra of 512 samples every 256, through a square root of a
 * Hann window on both sides; the first is centred on the first sample, and the
 * sound is mirrored at its ends. DTLN works on spectra of 512 samples every 128,
 * without a window, and adds up a quarter of each result.
 */
#include <complex.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <tools/common/say.h>
#include "net.h"
#include "stream.h"

#define RATE	16000
#define SIZE	512
#define BINS	(SIZE / 2 + 1)
#define HOP	256
#define SHIFT	128

static size_t limit(const struct stream *stream, const struct sound *sound)
{
	double most = stream->seconds * RATE;

	return (double)sound->count > most ? (size_t)most : sound->count;
}

static void make_sound(struct sound *sound, size_t count)
{
	sound->count = count;
	sound->rate = RATE;
	sound->samples = calloc(count + SIZE, sizeof(*sound->samples));
	if (!sound->samples)
		die_oom();
}

/* A sample of a sound that goes on behind mirrors. */
static float mirrored(const struct sound *sound, long at)
{
	long last = (long)sound->count - 1;

	if (at < 0)
		at = -at;
	if (at > last)
		at = 2 * last - at;
	return at < 0 ? 0 : sound->samples[at];
}

static bool gtcrn_frame(struct net *net, const float *x, float *y)
{
	float complex bins[BINS];
	float mix[BINS][2];
	int i;

	spectrum(x, SIZE, bins);
	for (i = 0; i < BINS; i++) {
		mix[i][0] = crealf(bins[i]);
		mix[i][1] = cimagf(bins[i]);
	}
	if (!net_set(net, "mix", mix, sizeof(mix)) || !net_run(net) ||
	    !net_get(net, "enh", mix, sizeof(mix)) ||
	    !net_feed_back(net, "conv_cache_out", "conv_cache") ||
	    !net_feed_back(net, "tra_cache_out", "tra_cache") ||
	    !net_feed_back(net, "inter_cache_out", "inter_cache"))
		return false;
	for (i = 0; i < BINS; i++)
		bins[i] = mix[i][0] + mix[i][1] * I;
	spectrum_inverse(bins, SIZE, y);
	return true;
}

bool stream_gtcrn(struct stream *stream, const char *model, const struct sound *sound,
		  struct sound *clean)
{
	const struct net_input inputs[] = {
		{ "mix", NC_F32, 4, { 1, BINS, 1, 2 }, NULL },
		{ "conv_cache", NC_F32, 5, { 2, 1, 16, 16, 33 }, NULL },
		{ "tra_cache", NC_F32, 5, { 2, 3, 1, 1, 16 }, NULL },
		{ "inter_cache", NC_F32, 4, { 2, 1, 33, 16 }, NULL },
	};
	float window[SIZE], x[SIZE], y[SIZE];
	struct net net;
	long start;
	bool ok;
	int i;

	make_sound(clean, limit(stream, sound));
	hann_window(window, SIZE);
	for (i = 0; i < SIZE; i++)
		window[i] = sqrtf(window[i]);
	ok = net_open(&net, model, stream->auto_cast, inputs, 4);
	if (!ok)
		return false;
	for (start = -HOP; ok && start < (long)clean->count; start += HOP) {
		for (i = 0; i < SIZE; i++)
			x[i] = mirrored(sound, start + i) * window[i];
		ok = gtcrn_frame(&net, x, y);
		/* The squares of overlapping windows add up to one. */
		for (i = 0; ok && i < SIZE; i++)
			if (start + i >= 0)
				clean->samples[start + i] += y[i] * window[i];
	}
	stream_count(stream, &net);
	net_close(&net);
	return ok;
}

static bool dtln_frame(struct net *mask, struct net *wave, const float *x, float *y)
{
	float complex bins[BINS];
	float magnitude[BINS], gain[BINS];
	int i;

	spectrum(x, SIZE, bins);
	for (i = 0; i < BINS; i++)
		magnitude[i] = cabsf(bins[i]);
	if (!net_set(mask, "input_2", magnitude, sizeof(magnitude)) || !net_run(mask) ||
	    !net_get(mask, "activation_2", gain, sizeof(gain)) ||
	    !net_feed_back(mask, "tf_op_layer_stack_2", "input_3"))
		return false;
	for (i = 0; i < BINS; i++)
		bins[i] *= gain[i];
	spectrum_inverse(bins, SIZE, y);
	return net_set(wave, "input_4", y, SIZE * sizeof(*y)) && net_run(wave) &&
	       net_get(wave, "conv1d_3", y, SIZE * sizeof(*y)) &&
	       net_feed_back(wave, "tf_op_layer_stack_5", "input_5");
}

bool stream_dtln(struct stream *stream, const char *model_1, const char *model_2,
		 const struct sound *sound, struct sound *clean)
{
	const struct net_input inputs_1[] = {
		{ "input_2", NC_F32, 3, { 1, 1, BINS }, NULL },
		{ "input_3", NC_F32, 4, { 1, 2, 128, 2 }, NULL },
	};
	const struct net_input inputs_2[] = {
		{ "input_4", NC_F32, 3, { 1, 1, SIZE }, NULL },
		{ "input_5", NC_F32, 4, { 1, 2, 128, 2 }, NULL },
	};
	float x[SIZE] = { 0 }, y[SIZE], sum[SIZE] = { 0 };
	struct net mask = { 0 }, wave = { 0 };
	size_t at;
	bool ok;
	int i;

	make_sound(clean, limit(stream, sound) / SHIFT * SHIFT);
	ok = net_open(&mask, model_1, stream->auto_cast, inputs_1, 2) &&
	     net_open(&wave, model_2, stream->auto_cast, inputs_2, 2);
	for (at = 0; ok && at < clean->count; at += SHIFT) {
		memmove(x, x + SHIFT, (SIZE - SHIFT) * sizeof(*x));
		memcpy(x + SIZE - SHIFT, sound->samples + at, SHIFT * sizeof(*x));
		ok = dtln_frame(&mask, &wave, x, y);
		memmove(sum, sum + SHIFT, (SIZE - SHIFT) * sizeof(*sum));
		memset(sum + SIZE - SHIFT, 0, SHIFT * sizeof(*sum));
		for (i = 0; ok && i < SIZE; i++)
			sum[i] += y[i] * SHIFT / SIZE;
		memcpy(clean->samples + at, sum, SHIFT * sizeof(*sum));
	}
	stream_count(stream, &mask);
	stream_count(stream, &wave);
	net_close(&mask);
	net_close(&wave);
	return ok;
}
