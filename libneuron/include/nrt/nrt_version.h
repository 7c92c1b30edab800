/* SPDX-License-Identifier: MIT */
#ifndef NRT_NRT_VERSION_H
#define NRT_NRT_VERSION_H

#include <stddef.h>
#include <stdint.h>
#include "nrt_status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RT_VERSION_DETAIL_LEN	128
#define GIT_HASH_LEN		64

/**
 * struct nrt_version - version of the library
 * @rt_major: NRT_MAJOR_VERSION
 * @rt_minor: NRT_MINOR_VERSION
 * @rt_patch: release of this library within these
 * @rt_maintenance: the same, finer
 * @rt_detail: all of them and the library's name, NUL-terminated
 * @git_hash: source revision, NUL-terminated; empty if unknown
 */
typedef struct nrt_version {
	uint64_t rt_major;
	uint64_t rt_minor;
	uint64_t rt_patch;
	uint64_t rt_maintenance;
	char rt_detail[RT_VERSION_DETAIL_LEN];
	char git_hash[GIT_HASH_LEN];
} nrt_version_t;

/**
 * nrt_get_version() - the version of the library
 * @ver: filled in
 * @size: sizeof(*ver) of the caller; no more bytes than that are written
 *
 * Callable before nrt_init(), from any thread.
 *
 * Return: NRT_SUCCESS, or NRT_INVALID when @ver is NULL or @size is zero.
 */
NRT_STATUS nrt_get_version(nrt_version_t *ver, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* NRT_NRT_VERSION_H */
