/* SPDX-License-Identifier: MIT */
/* Mel spectrograms as HiFi-GAN's authors make them: its config.json. */
#ifndef TESTS_CONFORMANCE_MEL_H
#define TESTS_CONFORMANCE_MEL_H

#include "sound.h"

#define MEL_BANDS	80

/**
 * mel_spectrogram() - logarithms of magnitudes in mel bands
 * @sound: 22.05 kHz
 * @frames: one every 256 samples
 *
 * Return: @frames values of each band, from malloc().
 */
float *mel_spectrogram(const struct sound *sound, size_t frames);

#endif /* TESTS_CONFORMANCE_MEL_H */
