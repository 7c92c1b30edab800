// SPDX-License-Identifier: MIT
/* Resets chips, or cores of them, through the driver. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <tools/common/options.h>
#include <tools/common/say.h>
#include <tools/common/system.h>

static const char help[] =
"Usage: neuron-reset [OPTION]... CHIP...\n"
"       neuron-reset [OPTION]... --core CORE CHIP\n"
"Reset chips, or a core of one. CHIP is N of /dev/accel/accelN. What executes there is\n"
"cancelled, what waits goes on afterwards, buffers keep what they hold.\n"
"\n"
"  -c, --core CORE  only this core of the chip\n"
"  -f, --force      also when processes use it\n"
"  -h, --help       print this\n"
"\n"
"The exit status is 0, 1 when a reset fails, 2 for a bad command line, 3 when the chip\n"
"or the core is in use and nothing has been reset.\n";

enum { EXIT_IN_USE = 3 };

struct settings {
	long core;	/* -1: the chip */
	bool force;
};

static struct settings parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "core", required_argument, NULL, 'c' },
		{ "force", no_argument, NULL, 'f' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	struct settings settings = { .core = -1 };
	int c;

	while ((c = getopt_long(argc, argv, "c:fh", options, NULL)) != -1) {
		switch (c) {
		case 'c':
			if (!parse_number(optarg, 0, 31, &settings.core))
				usage_error("'%s' is not the number of a core", optarg);
			break;
		case 'f':
			settings.force = true;
			break;
		case 'h':
			fputs(help, stdout);
			exit(EXIT_OK);
		default:
			usage_error("the command line is not understood");
		}
	}
	if (optind == argc)
		usage_error("which chip? Give its number, as neuron-ls shows it");
	if (settings.core >= 0 && argc - optind > 1)
		usage_error("--core takes one CHIP");
	return settings;
}

/* Says who uses it. Return: whether somebody does. */
static bool in_use(const struct chips *chips, long number, long core)
{
	char name[64];
	bool used = false;

	snprintf(name, sizeof(name), "/dev/accel/accel%ld", number);
	for (unsigned int i = 0; i < chips->count; i++) {
		const struct chip *chip = &chips->chip[i];

		if (strcmp(chip->info.name, name))
			continue;
		for (unsigned int k = 0; k < chip->num_users; k++) {
			const struct user *user = &chip->users[k];

			if (core >= 0 && !(user->cores >> core & 1))
				continue;
			say_error("chip %ld is in use by process %d (%.60s)", number, user->pid,
				  user->command);
			used = true;
		}
	}
	return used;
}

static bool write_reset(const char *path)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok;

	if (fd < 0)
		return false;
	ok = write(fd, "1", 1) == 1;
	if (!ok) {
		int error = errno;

		close(fd);
		errno = error;
		return false;
	}
	close(fd);
	return true;
}

static bool reset(long number, long core)
{
	char path[128], what[64];

	snprintf(what, sizeof(what), core < 0 ? "chip %ld" : "chip %ld, core %ld", number, core);
	if (core < 0)
		snprintf(path, sizeof(path), "/sys/class/neuron_device/neuron%ld/reset", number);
	else
		snprintf(path, sizeof(path),
			 "/sys/class/neuron_device/neuron%ld/neuron_core%ld/reset", number, core);
	if (write_reset(path))
		return true;
	switch (errno) {
	case ENOENT:
		say_error("%s: there is none: neuron-ls lists them; is neuron.ko loaded?", what);
		break;
	case EACCES:
	case EPERM:
		say_error("%s: only root may reset it: use sudo", what);
		break;
	case EIO:
		say_error("%s: no reset helps: remove its PCI function and rescan the bus (neuron-reset(1) says how), or reboot", what);
		break;
	case EBUSY:
		say_error("%s: its PCI function is being reset: try again", what);
		break;
	default:
		say_error("%s: %m: the kernel's log (dmesg) may say why", what);
	}
	return false;
}

int main(int argc, char **argv)
{
	struct settings settings = parse_options(argc, argv);
	struct chips chips = { 0 };
	int status = EXIT_OK, i;
	bool used = false;
	long number;

	/* Those of the driver, whatever programs are told to use. */
	unsetenv("NEURON_RT_DEVICE");
	for (i = optind; i < argc; i++)
		if (!parse_number(argv[i], 0, 65535, &number))
			usage_error("'%s' is not the number of a chip", argv[i]);
	if (!settings.force) {
		if (!chips_read(&chips)) {
			say_error("who uses it is not known: nothing is reset without --force");
			return EXIT_FAILED;
		}
		for (i = optind; i < argc; i++)
			used |= in_use(&chips, strtol(argv[i], NULL, 10), settings.core);
		chips_free(&chips);
		if (used) {
			say_error("nothing has been reset: end these processes, or use --force");
			return EXIT_IN_USE;
		}
	}
	for (i = optind; i < argc; i++)
		if (!reset(strtol(argv[i], NULL, 10), settings.core))
			status = EXIT_FAILED;
	return status;
}
