# shellcheck shell=bash
# What every script here shares: where the checkout is, how progress is told, how to become root.
# Sourced, never run.

# shellcheck disable=SC2034  # read by the scripts that source this file
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

if [[ -t 1 && -z ${NO_COLOR:-} ]]; then
  BOLD=$'\e[1m' GREEN=$'\e[32m' RED=$'\e[31m' YELLOW=$'\e[33m' PLAIN=$'\e[0m'
else
  BOLD='' GREEN='' RED='' YELLOW='' PLAIN=''
fi

title() { printf '\n%s== %s%s\n' "$BOLD" "$*" "$PLAIN"; }
say() { printf '   %s\n' "$*"; }
warn() { printf '%s   warning: %s%s\n' "$YELLOW" "$*" "$PLAIN" >&2; }
die() {
  printf '%s%s: %s%s\n' "$RED" "$(basename "$0")" "$*" "$PLAIN" >&2
  exit 1
}
passed() { printf '%s   ok      %s%s\n' "$GREEN" "$*" "$PLAIN"; }
failed() { printf '%s   FAILED  %s%s\n' "$RED" "$*" "$PLAIN"; }

# Sets AS_ROOT to nothing for root, to sudo for everybody else.
find_root() {
  if ((EUID == 0)); then
    AS_ROOT=()
  elif command -v sudo > /dev/null; then
    AS_ROOT=(sudo)
  else
    die "needs root: run it as root, or install sudo / 需要 root 权限"
  fi
}

# Starts the script again as root when it is not. Arguments: the script's own. Only the variables
# named here cross over, as sudo drops the rest.
become_root() {
  ((EUID == 0)) && return
  find_root
  exec "${AS_ROOT[@]}" env "WEIR_LAB_PREFIX=${WEIR_LAB_PREFIX:-weir}" "CI=${CI:-}" \
    "NO_COLOR=${NO_COLOR:-}" "$0" "$@"
}

# wait_for SECONDS COMMAND...: tries five times a second until it succeeds; 1 when time is up.
wait_for() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@" > /dev/null 2>&1; do
    ((SECONDS < deadline)) || return 1
    sleep 0.2
  done
}
