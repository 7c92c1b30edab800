// SPDX-License-Identifier: MIT
/* Shows on a terminal what chips and the processes that use them do. */
#include <getopt.h>
#include <ncurses.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <tools/common/options.h>
#include <tools/common/print.h>
#include <tools/common/say.h>
#include <tools/common/usage.h>

static const char help[] =
"Usage: neuron-top [OPTION]...\n"
"Show on the terminal what the chips of this machine and the processes that use them do.\n"
"\n"
"  -d, --delay SECONDS  time from one look to the next, 1 to 60 (default 1)\n"
"  -h, --help           print this\n"
"\n"
"Keys: q ends it, arrows, j, k, blank and b scroll, f shows operations instead of utilisation,\n"
"Ctrl-L draws anew. Only root sees the processes of all users. The exit status is 0, 1\n"
"when the terminal is of no use, 2 for a bad command line.\n";

/**
 * struct screen - how it is shown
 * @delay_ns: time from one look to the next
 * @flops: operations instead of utilisation
 * @scroll: lines that are left out at the top
 * @line: next line, the scrolled ones counted
 */
struct screen {
	int64_t delay_ns;
	bool flops;
	int scroll;
	int line;
};

static volatile sig_atomic_t ended;
static volatile sig_atomic_t resized;

static void end(int signal)
{
	ended = signal;
}

static void resize(int signal)
{
	resized = signal;
}

static struct screen parse_options(int argc, char **argv)
{
	static const struct option options[] = {
		{ "delay", required_argument, NULL, 'd' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 }
	};
	struct screen screen = { .delay_ns = 1000000000 };
	long seconds;
	int c;

	while ((c = getopt_long(argc, argv, "d:h", options, NULL)) != -1) {
		switch (c) {
		case 'd':
			if (!parse_number(optarg, 1, 60, &seconds))
				usage_error("'%s' is not a number of seconds from 1 to 60", optarg);
			screen.delay_ns = seconds * 1000000000;
			break;
		case 'h':
			fputs(help, stdout);
			exit(EXIT_OK);
		default:
			usage_error("the command line is not understood");
		}
	}
	if (optind < argc)
		usage_error("'%s' is too much", argv[optind]);
	return screen;
}

/* A line, cut to the width; the last column stays free for terminals that wrap. */
static void put_line(struct screen *screen, attr_t attributes, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void put_line(struct screen *screen, attr_t attributes, const char *format, ...)
{
	int y = screen->line++ - screen->scroll;
	char text[512];
	va_list args;

	if (y < 0 || y >= LINES)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	attrset(attributes);
	mvaddnstr(y, 0, text, COLS > 1 ? COLS - 1 : 1);
	attrset(A_NORMAL);
}

static const char *bar(double percent, int width, char *text)
{
	int n = (int)(percent * width / 100 + 0.5), i;

	for (i = 0; i < width; i++)
		text[i] = i < n ? '#' : ' ';
	text[width] = '\0';
	return text;
}

/* Three digits and a letter, such as "12.3G". */
static const char *short_number(double value, char text[16])
{
	const char *unit = " kMGTP";

	while (value >= 1000 && unit[1]) {
		value /= 1000;
		unit++;
	}
	snprintf(text, 16, *unit == ' ' ? "%.0f" : "%.3g%c", value, *unit);
	return text;
}

static double per_second(uint64_t before, uint64_t now, int64_t ns)
{
	return ns > 0 ? usage_growth(before, now) * 1e9 / ns : 0;
}

static int bar_width(void)
{
	int width = COLS - 48;

	return width < 4 ? 4 : width > 50 ? 50 : width;
}

static void show_chips(struct screen *screen, const struct usage *before,
		       const struct usage *now)
{
	int64_t ns = now->time_ns - before->time_ns;
	char fill[64], rate[16], dram[32], host[32];
	unsigned int i, k;

	for (i = 0; i < now->num_chips; i++) {
		const struct chip_usage *chip = &now->chip[i];
		const struct chip_usage *old = usage_same_chip(before, chip);

		if (!old)
			old = chip;
		put_line(screen, A_BOLD, "neuron%u  DRAM %s  host %s  ECC %llu corrected, %llu not",
			 chip->index, bytes_text(chip->device_mem, dram),
			 bytes_text(chip->host_mem, host), (unsigned long long)chip->mem_corrected,
			 (unsigned long long)(chip->mem_uncorrected + chip->sram_uncorrected));
		for (k = 0; k < chip->cores; k++) {
			double percent = usage_percent(old->busy_ns[k], chip->busy_ns[k], ns);

			put_line(screen, A_NORMAL, "  NC%-3u [%s] %5.1f%%  %6s programs/s  %llu resets",
				 chip->first_core + k, bar(percent, bar_width(), fill), percent,
				 short_number(per_second(old->inferences[k], chip->inferences[k],
							 ns), rate),
				 (unsigned long long)chip->resets[k]);
		}
	}
	if (!now->num_chips)
		put_line(screen, A_NORMAL, "no chip of the driver: is neuron.ko loaded?");
}

static uint64_t memory_of(const struct neuron_stats *stats, unsigned int use)
{
	uint64_t sum = 0;
	unsigned int i;

	for (i = 0; i < stats->num_cores; i++)
		sum += stats->core[i].memory[use];
	return sum;
}

static void show_memory(struct screen *screen, const struct usage *now)
{
	static const char *const names[NEURON_NUM_USES] = {
#define X(id, name) [NEURON_USE_##id] = name,
		NEURON_STATS_USES(X)
#undef X
	};
	unsigned int use, i;
	char text[32];

	put_line(screen, A_NORMAL, "%s", "");
	put_line(screen, A_BOLD, "%s", "DEVICE MEMORY OF PROCESSES");
	for (use = 0; use < NEURON_NUM_USES; use++) {
		uint64_t sum = 0;

		for (i = 0; i < now->num_processes; i++)
			sum += memory_of(&now->process[i].stats, use);
		put_line(screen, A_NORMAL, "  %-24s %12s", names[use], bytes_text(sum, text));
	}
}

/* Busy percent, or operations a second, summed over the process's cores. */
static void core_column(const struct screen *screen, const struct neuron_stats *before,
			const struct neuron_stats *now, int64_t ns, char *text, size_t size)
{
	double percent = 0, flops = 0;
	char number[16];
	unsigned int i;

	for (i = 0; i < now->num_cores; i++) {
		percent += usage_percent(before->core[i].busy_ns, now->core[i].busy_ns, ns);
		flops += per_second(before->core[i].flops, now->core[i].flops, ns);
	}
	if (screen->flops)
		snprintf(text, size, "%s", short_number(flops, number));
	else
		snprintf(text, size, "%.1f", percent);
}

static void show_process(struct screen *screen, const struct usage *before,
			 const struct usage *now, const struct process_usage *process)
{
	const struct process_usage *old = usage_same_process(before, process);
	const struct neuron_stats *b = old ? &old->stats : &process->stats;
	const struct neuron_stats *n = &process->stats;
	int64_t ns = now->time_ns - before->time_ns;
	uint64_t values[NEURON_STATS_LATENCIES], device = 0, failed = 0;
	char core[16], rate[16], memory[32], latency[32] = "-";
	unsigned int i, count;

	for (i = 0; i < NEURON_NUM_USES; i++)
		device += memory_of(n, i);
	for (i = 0; i < NEURON_NUM_OUTCOMES; i++)
		if (i != NEURON_OUTCOME_COMPLETED)
			failed += n->outcome[i];
	count = usage_latencies(old ? old : process, process, false, values);
	if (count)
		duration_text(values[(count - 1) / 2] / 1e9, latency);
	core_column(screen, b, n, ns, core, sizeof(core));
	put_line(screen, A_NORMAL, "%7d %-15.15s %7s %7s %9s %7llu %11s  %s", process->pid,
		 process->command, core,
		 short_number(per_second(b->outcome[NEURON_OUTCOME_COMPLETED],
					 n->outcome[NEURON_OUTCOME_COMPLETED], ns), rate),
		 latency, (unsigned long long)failed, bytes_text(device, memory), n->tag);
	for (i = 0; i < NEURON_STATS_MODELS; i++)
		if (n->model[i].id)
			put_line(screen, A_NORMAL, "%9smodel %s on NC%u, %s", "", n->model[i].name,
				 n->core[n->model[i].core].number,
				 bytes_text(n->model[i].constants + n->model[i].code, memory));
}

static void show_processes(struct screen *screen, const struct usage *before,
			   const struct usage *now)
{
	unsigned int i;

	put_line(screen, A_NORMAL, "%s", "");
	put_line(screen, A_REVERSE, "%7s %-15s %7s %7s %9s %7s %11s  %s", "PID", "COMMAND",
		 screen->flops ? "FLOP/S" : "NC %", "RUNS/S", "MEDIAN", "FAILED", "DEVICE MEM",
		 "TAG");
	for (i = 0; i < now->num_processes; i++)
		show_process(screen, before, now, &now->process[i]);
	if (!now->num_processes)
		put_line(screen, A_NORMAL, "%s", geteuid() ?
			 "        none of yours; root sees those of others, too" : "        none");
}

static void show(struct screen *screen, const struct usage *before, const struct usage *now)
{
	char used[32], total[32];
	uint64_t idle, all = 0;
	int i;

	for (i = 0; i < CPU_STATES; i++)
		all += usage_growth(before->all_cpus.ticks[i], now->all_cpus.ticks[i]);
	idle = usage_growth(before->all_cpus.ticks[CPU_IDLE], now->all_cpus.ticks[CPU_IDLE]);
	erase();
	screen->line = 0;
	put_line(screen, A_BOLD, "neuron-top  processors %.0f%%  memory %s of %s  q: quit, f: %s",
		 all ? 100.0 * (all - (idle < all ? idle : all)) / all : 0,
		 bytes_text(now->memory_used, used), bytes_text(now->memory_total, total),
		 screen->flops ? "utilisation" : "operations");
	show_chips(screen, before, now);
	show_memory(screen, now);
	show_processes(screen, before, now);
	refresh();
}

/* Return: whether to go on. */
static bool handle_key(struct screen *screen, int key)
{
	int last = screen->line > LINES ? screen->line - LINES : 0;

	switch (key) {
	case 'q':
	case 'Q':
		return false;
	case 'f':
	case 'F':
		screen->flops = !screen->flops;
		break;
	case KEY_UP:
	case 'k':
		screen->scroll--;
		break;
	case KEY_DOWN:
	case 'j':
		screen->scroll++;
		break;
	case KEY_PPAGE:
	case 'b':
		screen->scroll -= LINES;
		break;
	case KEY_NPAGE:
	case ' ':
		screen->scroll += LINES;
		break;
	case 'L' - '@':
		clear();
	}
	if (screen->scroll > last)
		screen->scroll = last;
	if (screen->scroll < 0)
		screen->scroll = 0;
	return true;
}

/* Until a key, a signal, or the time of the next look. */
static void wait_for_key(int64_t until_ns, const sigset_t *mask)
{
	struct pollfd poller = { .fd = STDIN_FILENO, .events = POLLIN };
	struct timespec now, left;
	int64_t ns;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = until_ns - (now.tv_sec * 1000000000ll + now.tv_nsec);
	if (ns < 0)
		ns = 0;
	left = (struct timespec) { ns / 1000000000, ns % 1000000000 };
	if (ppoll(&poller, 1, &left, mask) > 0 && poller.revents & (POLLHUP | POLLERR | POLLNVAL))
		ended = SIGHUP;
}

static void run(struct screen *screen, const sigset_t *mask)
{
	struct usage *before = usage_read(), *now = usage_get(before), *next;
	bool going = true;
	int key;

	while (going && !ended) {
		show(screen, before, now);
		wait_for_key(now->time_ns + screen->delay_ns, mask);
		if (resized) {
			resized = 0;
			endwin();
			refresh();
		}
		while (going && (key = getch()) != ERR)
			going = handle_key(screen, key);
		next = usage_read();
		if (next->time_ns - now->time_ns < screen->delay_ns) {
			usage_put(next);
			continue;
		}
		usage_put(before);
		before = now;
		now = next;
	}
	usage_put(before);
	usage_put(now);
}

int main(int argc, char **argv)
{
	static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct screen screen = parse_options(argc, argv);
	sigset_t block, mask;
	SCREEN *terminal;
	unsigned int i;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		say_error("this is no terminal: use neuron-monitor");
		return EXIT_FAILED;
	}
	terminal = newterm(NULL, stdout, stdin);
	if (!terminal) {
		say_error("the terminal's kind is not known (TERM=%s): try TERM=vt100",
			  getenv("TERM") ? getenv("TERM") : "");
		return EXIT_FAILED;
	}
	/* Signals come only while it waits, so that the terminal is always left in order. */
	sigemptyset(&block);
	for (i = 0; i < sizeof(ending) / sizeof(ending[0]); i++)
		sigaddset(&block, ending[i]);
	sigaddset(&block, SIGWINCH);
	sigprocmask(SIG_BLOCK, &block, &mask);
	for (i = 0; i < sizeof(ending) / sizeof(ending[0]); i++) {
		sigaction(ending[i], &(struct sigaction) { .sa_handler = end }, NULL);
		sigdelset(&mask, ending[i]);
	}
	sigaction(SIGWINCH, &(struct sigaction) { .sa_handler = resize }, NULL);
	sigdelset(&mask, SIGWINCH);

	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	curs_set(0);
	run(&screen, &mask);
	/* Where the terminal has no screen to go back to, the prompt gets a line. */
	move(LINES - 1, 0);
	clrtoeol();
	refresh();
	endwin();
	delscreen(terminal);
	return EXIT_OK;
}
