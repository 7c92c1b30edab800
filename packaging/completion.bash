# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Completion for the tools: their options from --help, and files of the kind that each takes.

_neuron_tool()
{
	local cur prev words cword pattern

	_init_completion || return
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_parse_help "$1")" -- "$cur")
		return
	fi
	case ${1##*/}:$prev in
	*:-a | *:--auto-cast)
		mapfile -t COMPREPLY < <(compgen -W 'none bf16 fp16' -- "$cur")
		return ;;
	*:--spread)
		mapfile -t COMPREPLY < <(compgen -W 'auto parts stages' -- "$cur")
		return ;;
	*:--input-dir | *:-I | *:--output-dir | neuron-test:*)
		_filedir -d
		return ;;
	*:--output-format)
		mapfile -t COMPREPLY < <(compgen -W 'summary-text summary-json perfetto' -- "$cur")
		return ;;
	neuron-profile:neuron-profile)
		mapfile -t COMPREPLY < <(compgen -W 'capture view' -- "$cur")
		return ;;
	neuron-profile:-s | neuron-profile:--session-file) pattern=ntff ;;
	neuron-profile:-n | neuron-profile:--neff | neuron-profile:--neff-path) pattern=neff ;;
	neuron-profile:*) pattern='@(pb|npy|bin|json)' ;;
	neuron-compile:-o | neuron-compile:--output | neuron-dis:*) pattern=neff ;;
	neuron-monitor:-c | neuron-monitor:--config-file)
		_filedir
		return ;;
	neuron-compile:*) pattern=onnx ;;
	neuron-run:*) pattern='@(neff|onnx)' ;;
	*) return ;;
	esac
	_filedir "$pattern"
}

complete -F _neuron_tool neuron-compile neuron-run neuron-test neuron-dis neuron-ls \
	neuron-monitor neuron-top neuron-reset neuron-profile
