/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_SOUND_H
#define EXAMPLES_SOUND_H

#define SOUND_RATE		16000	/* samples a second that the models take */
#define SOUND_MAX_SECONDS	600

/*
 * A sound file of any format as mono samples at SOUND_RATE; *@count of them, for the
 * caller to free. Ends the program with a message where that can't be done.
 */
float *read_sound(const char *path, long *count);

#endif /* EXAMPLES_SOUND_H */
