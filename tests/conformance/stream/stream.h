/* SPDX-License-Identifier: MIT */
/*
 * Real models end to end: sound or words in, sound or words out, with the
 * models' states fed back from one execution to the next.
 *
 * Each returns false after a line on standard error, when the chip or a file
 * failed; what comes out is judged elsewhere.
 */
#ifndef TESTS_CONFORMANCE_STREAM_H
#define TESTS_CONFORMANCE_STREAM_H

#include <compiler/neffc.h>
#include "sound.h"

/**
 * struct stream - what all of them share
 * @auto_cast: type of matrix operands
 * @seconds: seconds of sound after which to end
 * @executions: of all models so far
 * @cycles: modelled cycles of them
 */
struct stream {
	enum nc_auto_cast auto_cast;
	double seconds;
	unsigned int executions;
	uint64_t cycles;
};

struct net;
void stream_count(struct stream *stream, const struct net *net);

/**
 * stream_vad() - is there speech?
 * @stream: see there
 * @model: silero_vad, for 16 kHz
 * @sound: 16 kHz
 * @probability: receives one value for each 512 samples, rounded down; malloc()
 * @count: receives the number of them
 */
bool stream_vad(struct stream *stream, const char *model, const struct sound *sound,
		float **probability, size_t *count);

/**
 * stream_gtcrn() - remove noise from speech
 * @stream: see there
 * @model: gtcrn
 * @sound: 16 kHz
 * @clean: receives as many samples, without delay
 */
bool stream_gtcrn(struct stream *stream, const char *model, const struct sound *sound,
		  struct sound *clean);

/**
 * stream_dtln() - remove noise from speech
 * @stream: see there
 * @model_1: dtln_1, which makes a mask of spectra
 * @model_2: dtln_2, which works on samples
 * @sound: 16 kHz
 * @clean: receives the sound, STREAM_DTLN_DELAY samples late
 */
#define STREAM_DTLN_DELAY	384
bool stream_dtln(struct stream *stream, const char *model_1, const char *model_2,
		 const struct sound *sound, struct sound *clean);

/**
 * stream_vocoder() - from a mel spectrogram to sound
 * @stream: see there
 * @model: hifigan_v2
 * @mel: 80 bands of @frames values each
 * @frames: number of frames
 * @sound: receives 256 samples a frame at 22.05 kHz
 */
bool stream_vocoder(struct stream *stream, const char *model, const float *mel,
		    size_t frames, struct sound *sound);

/**
 * stream_transliterate() - greedy decoding with an encoder and a decoder
 * @stream: see there
 * @encoder: aren_encoder
 * @decoder: aren_decoder
 * @source: tokens of the word
 * @count: how many
 * @target: receives tokens, without those of beginning and end
 * @room: entries of @target; decoding ends there at the latest
 *
 * Return: number of tokens, or -1 after a line on standard error.
 */
int stream_transliterate(struct stream *stream, const char *encoder,
			 const char *decoder, const int64_t *source,
			 unsigned int count, int64_t *target, unsigned int room);

#endif /* TESTS_CONFORMANCE_STREAM_H */
