# SPDX-License-Identifier: MIT
# shellcheck shell=sh
#
# How a command ended, as KTAP. Sourced by tests of the tools, which set $tmp, a folder
# of theirs, and at the end print "1..$n" and exit with $bad.

n=0 bad=0

# ok NAME STATUS: a result
ok()
{
	n=$((n + 1))
	if [ "$2" -eq 0 ]; then
		echo "ok $n $1"
	else
		sed 's/^/# /' "$tmp/out" "$tmp/err" 2>/dev/null | head -n 20
		echo "not ok $n $1"
		bad=1
	fi
}

# ends STATUS TEXT NAME COMMAND...: it ends so, and says TEXT on standard error
ends()
{
	want=$1 text=$2 name=$3
	shift 3
	"$@" >"$tmp/out" 2>"$tmp/err" </dev/null
	status=$?
	[ $status -eq "$want" ] && { [ -z "$text" ] || grep -qF -- "$text" "$tmp/err"; }
	ok "$name" $?
}
