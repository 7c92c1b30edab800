// SPDX-License-Identifier: MIT
/* Sound files as the examples' models want them. */
#include <err.h>
#include <stdlib.h>
#include <samplerate.h>
#include <sndfile.h>
#include "sound.h"

float *read_sound(const char *path, long *count)
{
	SF_INFO info = { 0 };
	SNDFILE *file = sf_open(path, SFM_READ, &info);
	float *frames, *mono, *out;
	SRC_DATA src = { 0 };
	int ret;

	if (!file)
		errx(1, "%s: %s", path, sf_strerror(NULL));
	if (info.frames <= 0 || info.samplerate <= 0 ||
	    info.frames / SOUND_MAX_SECONDS > info.samplerate)
		errx(1, "%s: needs to be a sound of up to %d seconds", path, SOUND_MAX_SECONDS);
	frames = calloc(info.frames, info.channels * sizeof(*frames));
	mono = calloc(info.frames, sizeof(*mono));
	if (!frames || !mono)
		errx(1, "out of memory");
	if (sf_readf_float(file, frames, info.frames) != info.frames)
		errx(1, "%s: the file ends too early", path);
	sf_close(file);
	for (sf_count_t i = 0; i < info.frames; i++)
		for (int c = 0; c < info.channels; c++)
			mono[i] += frames[i * info.channels + c] / info.channels;
	free(frames);
	if (info.samplerate == SOUND_RATE) {
		*count = info.frames;
		return mono;
	}

	src.src_ratio = (double)SOUND_RATE / info.samplerate;
	src.data_in = mono;
	src.input_frames = info.frames;
	src.output_frames = (long)(info.frames * src.src_ratio) + 16;
	out = calloc(src.output_frames, sizeof(*out));
	if (!out)
		errx(1, "out of memory");
	src.data_out = out;
	ret = src_simple(&src, SRC_SINC_FASTEST, 1);
	if (ret)
		errx(1, "%s: resampling: %s", path, src_strerror(ret));
	free(mono);
	*count = src.output_frames_gen;
	return out;
}
