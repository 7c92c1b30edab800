# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What the setup scripts share: where things are, steps with progress and logs,
# and a private apt that leaves the system's own configuration alone.
# Sourced by bash scripts, which set -eu.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
BUILD=${BUILD:-build}
case $BUILD in
/*) ;;
*) BUILD=$TOP/$BUILD ;;
esac
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/neuron-accel
LOGS=$BUILD/log
JOBS=${JOBS:-$(nproc)}

# Temporary folders and the process group of the running step: gone however the
# script ends, so that an interrupted setup leaves nothing half-built.
cleanup_paths=()
step_pid=

cleanup()
{
	local status=$?

	trap - EXIT INT TERM HUP
	if [ -n "$step_pid" ]; then
		kill -TERM -- "-$step_pid" 2>/dev/null || true
		wait "$step_pid" 2>/dev/null || true
	fi
	if [ ${#cleanup_paths[@]} -gt 0 ]; then
		rm -rf -- "${cleanup_paths[@]}"
	fi
	exit "$status"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

die()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
	exit 1
}

say()
{
	printf '  %-8s %s\n' "$1" "$2" >&2
}

# A folder beside DEST, removed at the end unless it was renamed to DEST.
temp_for()
{
	mkdir -p "$(dirname "$1")"
	TEMP=$(mktemp -d "$1.tmp.XXXXXX")
	chmod 755 "$TEMP"
	cleanup_paths+=("$TEMP")
}

# One process at a time works on the cached thing NAME. The lock goes with us.
lock()
{
	mkdir -p "$CACHE"
	exec {lock_fd}>"$CACHE/.lock-$1"
	if ! flock -n "$lock_fd"; then
		say WAIT "another setup works on $1"
		flock "$lock_fd"
	fi
}

# Progress of a running step, from its log: ninja's and apt's own counters, or
# else the share of the lines that such a log has in the end.
progress()
{
	local log=$1 lines=$2 last n

	last=$(tail -c 4000 "$log" 2>/dev/null | tr '\r' '\n' |
		grep -oE '^\[[0-9]+/[0-9]+\]' | tail -n 1) || true
	if [ -n "$last" ]; then
		last=${last#[}
		last=${last%]}
		printf '%d%%' $((${last%/*} * 100 / ${last#*/}))
	elif [ "$lines" -gt 0 ]; then
		n=$(wc -l <"$log")
		n=$((n * 100 / lines))
		printf '%d%%' $((n > 99 ? 99 : n))
	fi
}

# A sed command that turns a build folder's paths into the tree's own.
SHOWN_PATHS=

# What LOG says went wrong: its first lines about errors, else its last ones.
show_errors()
{
	local text

	text=$(grep -E -A 4 '(^|[^a-z])(error|Error|ERROR|FAILED|WARNING)[: ]' "$1" | head -n 24) || true
	[ -n "$text" ] || text=$(tail -n 15 "$1")
	printf '%s\n' "$text" | cut -c1-300 | sed "$SHOWN_PATHS;s/^/  | /" >&2
}

# step [-k] [-l LINES] TAG TEXT COMMAND...: run COMMAND with its output in a log.
# A terminal shows how far it is; else a line is printed now and then. When
# COMMAND fails, so does the script, naming the command and its log; with -k
# step returns the status instead. STEP_LOG is left naming the log.
step()
{
	local keep='' lines=0 tag text start now shown=0 status=0 p

	if [ "$1" = -k ]; then
		keep=y
		shift
	fi
	if [ "$1" = -l ]; then
		lines=$2
		shift 2
	fi
	tag=$1
	text=$2
	shift 2
	mkdir -p "$LOGS"
	STEP_LOG=$LOGS/$(printf '%s' "$text" | tr -cs 'A-Za-z0-9.+' '-' | cut -c1-60).log
	start=$SECONDS
	[ -t 2 ] || say "$tag" "$text"

	# a process group of its own, so that cleanup() can end all of it
	set -m
	"$@" >"$STEP_LOG" 2>&1 </dev/null &
	step_pid=$!
	set +m
	while kill -0 "$step_pid" 2>/dev/null; do
		now=$((SECONDS - start))
		if [ -t 2 ]; then
			p=$(progress "$STEP_LOG" "$lines")
			printf '\r  %-8s %s  %s %d s\033[K' "$tag" "$text" "$p" "$now" >&2
			sleep 0.3
		else
			if [ $((now - shown)) -ge 30 ]; then
				shown=$now
				p=$(progress "$STEP_LOG" "$lines")
				say "$tag" "$text:${p:+ $p} after $now s"
			fi
			sleep 0.1
		fi
	done
	wait "$step_pid" || status=$?
	step_pid=
	now=$((SECONDS - start))
	[ -t 2 ] && printf '\r\033[K' >&2
	if [ "$status" -ne 0 ]; then
		say FAILED "$text, after $now s"
		show_errors "$STEP_LOG"
		printf '%s: failed (status %s): %s\n  its log: %s\n' \
			"${0##*/}" "$status" "$*" "$STEP_LOG" >&2
		[ -z "$keep" ] || return "$status"
		exit 1
	fi
	if [ -t 2 ] || [ "$now" -gt 2 ]; then
		say "$tag" "$text: done in $now s"
	fi
}

# The mirror that this system installs Debian 12 from.
find_mirror()
{
	local suite mirror

	for suite in bookworm stable oldstable; do
		mirror=$(apt-get update --print-uris 2>/dev/null |
			sed -n "s|^'\(.*\)/dists/$suite/\(In\)\?Release'.*|\1|p" |
			sed 's|^mirror+||' | grep -v security | head -n 1)
		if [ -n "$mirror" ]; then
			printf '%s\n' "$mirror"
			return
		fi
	done
	die "apt has no source for Debian 12 (bookworm); give a kernel with KERNEL= and KDIR=," \
		"and a QEMU with QEMU="
}

APT_DIR=$CACHE/apt

# replace FILE: standard input becomes FILE, of which others may read what it was
replace()
{
	cat >"$1.$$"
	mv "$1.$$" "$1"
}

# Our own lists: the system's mirror with backports (kernel, meson) and the
# source packages of Debian 13 (QEMU), signed with Debian's keys.
apt_setup()
{
	local mirror key=/usr/share/keyrings/debian-archive-keyring.gpg

	[ -e "$key" ] || die "no $key: install debian-archive-keyring"
	mkdir -p "$APT_DIR/lists/partial" "$APT_DIR/cache/archives/partial"
	replace "$APT_DIR/apt.conf" <<-END
		#clear APT::Update::Post-Invoke;
		#clear APT::Update::Post-Invoke-Success;
		Dir::Etc::SourceList "$APT_DIR/sources.list";
		Dir::Etc::SourceParts "/dev/null";
		Dir::Etc::Preferences "/dev/null";
		Dir::Etc::PreferencesParts "/dev/null";
		Dir::State::Lists "$APT_DIR/lists";
		Dir::Cache "$APT_DIR/cache";
		Debug::NoLocking "true";
		APT::Sandbox::User "root";
		APT::Get::List-Cleanup "false";
		Acquire::Languages "none";
		Acquire::Retries "3";
	END
	mirror=$(find_mirror) || exit 1
	replace "$APT_DIR/sources.list" <<-END
		deb [signed-by=$key] $mirror bookworm main
		deb [signed-by=$key] $mirror bookworm-backports main
		deb-src [signed-by=$key] $mirror trixie main
	END
}

# suite_setup SUITE: lists of another release alone, and as if nothing were installed, so
# that apt finds all that a package needs. The lists of the other scripts stay as they are.
suite_setup()
{
	local mirror key=/usr/share/keyrings/debian-archive-keyring.gpg

	APT_DIR=$CACHE/apt-$1
	apt_setup
	mirror=$(find_mirror) || exit 1
	echo "deb [signed-by=$key] $mirror $1 main" >"$APT_DIR/sources.list"
	: >"$APT_DIR/status"
	cat >>"$APT_DIR/apt.conf" <<-END
		Dir::State::status "$APT_DIR/status";
		APT::Install-Recommends "false";
	END
}

private_apt()
{
	"$1" -q -c "$APT_DIR/apt.conf" "${@:2}"
}

# Whether the lists were fetched within the last hour.
apt_is_fresh()
{
	[ -n "$(find "$APT_DIR/updated" -mmin -60 2>/dev/null)" ]
}

# Fetch the lists, unless they are fresh.
apt_update()
{
	apt_is_fresh && return
	lock apt
	if ! apt_is_fresh; then	# by whoever had the lock
		apt_setup
		step APT "fetching the package lists" private_apt apt-get update
		touch "$APT_DIR/updated"
	fi
	exec {lock_fd}>&-
}

# apt_download FOLDER PACKAGE...: fetch packages (checked by apt) into FOLDER
apt_download()
{
	(cd "$1" && shift && private_apt apt-get download "$@")
}

# unpack_debs FOLDER DEB...
unpack_debs()
{
	local folder=$1 deb

	shift
	for deb in "$@"; do
		dpkg-deb -x "$deb" "$folder"
	done
}

# link_kernel NAME FOLDER: let build/kernel/NAME be FOLDER. The date of
# build/kernel/NAME.release tells make when it became another kernel.
link_kernel()
{
	mkdir -p "$BUILD/kernel"
	if [ "$(readlink "$BUILD/kernel/$1")" != "$2" ] || [ ! -e "$BUILD/kernel/$1.release" ]; then
		ln -sfn "$2" "$BUILD/kernel/$1"
		cp "$2/release" "$BUILD/kernel/$1.release"
		say KERNEL "$1: $(cat "$2/release")"
	fi
}

# The newest of the version numbers on standard input.
newest()
{
	sort -V | tail -n 1
}
