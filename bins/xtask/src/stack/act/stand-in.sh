#!/bin/sh
# Stands for a program: writes down how it was called.
set -eu
# One write: jobs run at the same time.
text=$(
    echo $(($# + 1))
    basename "$0"
    for argument in "$@"; do printf '%s\n' "$argument"; done
)
printf '%s\n' "$text" >>"$ACT_PLACE/calls"
case "$*" in *'--payload -'*) cat >"$ACT_PLACE/stdin" ;; *--payload=*) cat "${GITHUB_EVENT_PATH:?}" >"$ACT_PLACE/stdin" ;; esac
