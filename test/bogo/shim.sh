#!/usr/bin/env bash
# What the runner starts for each test: hands its arguments to the process that serve.ts is, and ends as that says. A Node of its own
# for each test would take longer than the test.
# Asked once: a second process to sign in is an affair of BoringSSL.
if [ "$*" = -is-handshaker-supported ]; then echo No; exit; fi
exec 3<>"/dev/tcp/127.0.0.1/${POLYTLS_BOGO_PORT:?}" || exit 1
printf '%s\0' "$@" '' >&3
IFS= read -r code <&3 || exit 1
cat <&3 >&2
exit "$code"
