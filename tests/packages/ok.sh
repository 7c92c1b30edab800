# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Whether a command succeeds, as KTAP. Sourced by tests, which set $tmp, a folder of theirs,
# and at the end print "1..$n" and exit with $bad.

n=0 bad=0

# ok NAME COMMAND...: a result
ok()
{
	local name=$1

	shift
	n=$((n + 1))
	if "$@" >"$tmp/log" 2>&1; then
		echo "ok $n $name"
	else
		tail -n 20 "$tmp/log" | sed 's/^/# /'
		echo "not ok $n $name"
		bad=1
	fi
}
