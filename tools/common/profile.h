/* SPDX-License-Identifier: MIT */
/* Reader of profile files; the format is in include/neuron/profile.h. */
#ifndef TOOLS_COMMON_PROFILE_H
#define TOOLS_COMMON_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <neuron/profile.h>

/**
 * struct profile - a file that was found sound
 * @header: start of the file
 * @models: header->num_models of them
 * @events: header->num_events of them
 * @jobs: header->num_jobs of them
 * @records: header->num_records of them
 *
 * All of it points into the file's bytes.
 */
struct profile {
	const struct neuron_profile_header *header;
	const struct neuron_profile_model *models;
	const struct neuron_profile_event *events;
	const struct neuron_profile_job *jobs;
	const struct neuron_inst_record *records;
};

#define PROFILE_ERROR_SIZE	160

/**
 * profile_parse() - check a file and find its parts
 * @data: the file's bytes, aligned to 8; may be hostile
 * @size: number of them
 * @profile: filled in
 * @error: receives one line that says what is wrong
 *
 * What a job says of its instructions is checked against the model's program by whoever
 * has that. Time linear in @size, and no memory.
 *
 * Return: whether it is sound.
 */
bool profile_parse(const void *data, size_t size, struct profile *profile,
		   char error[PROFILE_ERROR_SIZE]);

#endif /* TOOLS_COMMON_PROFILE_H */
