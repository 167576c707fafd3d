# shellcheck shell=bash
# Weir between two real interfaces of this machine. Sourced by run, after common.sh.

PROTECT_FILE=00-protect.rules

check_interfaces() {
  local name
  [[ -n $1 && -n $2 ]] || die "give both: --inside INTERFACE --outside INTERFACE"
  [[ $1 != "$2" ]] || die "--inside and --outside are both '$1': two interfaces are needed"
  for name in "$1" "$2"; do
    [[ -e /sys/class/net/$name ]] ||
      die "no interface '$name' / 没有此接口 (there are: $(ls -m /sys/class/net))"
    # A bridge port has no addresses; taking an interface that has one could cut this very login.
    [[ -z $(ip -br address show dev "$name" scope global | awk '{ print $3 }') ]] ||
      die "interface '$name' has an address: Weir needs interfaces of its own, without one"
  done
}

# What the interfaces were like before, as commands that make them so again, last change first.
RESTORE=()

restore() {
  local command
  for command in "${RESTORE[@]}"; do
    bash -c "$command" > /dev/null 2>&1 || true
  done
  RESTORE=()
}

change() { # change UNDO COMMAND...
  "${@:2}"
  RESTORE=("$1" "${RESTORE[@]}")
}

# On a wire packets have their own size and their VLAN tags; and AF_XDP reads one queue.
prepare_interface() {
  local name=$1 bridge=$2 feature queues
  for feature in generic-receive-offload large-receive-offload rx-vlan-offload; do
    if ethtool -k "$name" | grep -q "^$feature: on$"; then
      change "ethtool -K $name $feature on" ethtool -K "$name" "$feature" off
    fi
  done
  queues=$(ethtool -l "$name" 2> /dev/null |
    awk '/^Current/ { now = 1 } now && /^Combined:/ { print $2 }') || true
  if [[ $queues =~ ^[0-9]+$ ]] && ((queues > 1)); then
    change "ethtool -L $name combined $queues" ethtool -L "$name" combined 1
  fi
  if [[ ! -e /sys/class/net/$name/master ]]; then
    change "ip link set $name nomaster" ip link set "$name" master "$bridge"
  fi
  if [[ $(($(cat "/sys/class/net/$name/flags") & 1)) == 0 ]]; then
    change "ip link set $name down" ip link set "$name" up
  fi
}

make_hardware_bridge() {
  local bridge=$1
  change "ip link del $bridge" ip link add "$bridge" type bridge \
    stp_state 0 forward_delay 0 mcast_snooping 0
  ip link set "$bridge" addrgenmode none
  echo 1 > "/proc/sys/net/ipv6/conf/$bridge/disable_ipv6"
  ip link set "$bridge" up
}

# Gateways, DNS, log-in servers and managers are found and shown; written only when the answer is yes.
propose_protection() {
  local build=$1 file=$2
  [[ ! -e $file ]] || return 0
  title "What is never to be blocked / 永不封堵"
  "$ROOT/scripts/protect" --ask "$file" --replay "$build/dataplane/app/weir-replay" ||
    warn "nothing is protected yet: scripts/protect --write $file"
}

write_hardware_config() {
  local home=$1 inside=$2 outside=$3 eal='[]' rules='[]'
  [[ ! -e $home/$PROTECT_FILE ]] || rules="[\"$PROTECT_FILE\"]"
  # As many hugepages as the packet buffers need, or none at all.
  (($(awk '/^HugePages_Free/ { print $2 }' /proc/meminfo) >= 256)) ||
    eal='["--no-huge"]'
  cat > "$home/weir.toml" << CONFIG
[ports]
inside = "$inside"
outside = "$outside"
[dpdk]
args = $eal
[workers]
cores = [$(($(nproc) - 1))]
idle = "sleep"
[policy]
mode = "monitor"
rules = $rules
[fail]
mode = "open"
[journal]
dir = "$home/journal"
[control]
listen = "127.0.0.1:8443"
socket = "$home/control.sock"
data_dir = "$home/data"
dataplane_socket = "$home/dataplane.sock"
CONFIG
}

# Ends both programs, undoes each change; the record stays in its folder.
leave_hardware() {
  trap '' INT TERM HUP
  kill "${PROGRAMS[@]}" 2> /dev/null || true
  wait "${PROGRAMS[@]}" 2> /dev/null || true
  restore
  say "interfaces are as they were; the record is in $HARDWARE_HOME"
}

run_on_hardware() {
  local build=$1 inside=$2 outside=$3 bridge=weir-hw0
  HARDWARE_HOME=/var/lib/weir/run PROGRAMS=()
  [[ ! -e /sys/class/net/$bridge ]] || die "interface '$bridge' exists: is another run going on?"
  mkdir -p "$HARDWARE_HOME/journal" "$HARDWARE_HOME/data"
  propose_protection "$build" "$HARDWARE_HOME/$PROTECT_FILE"
  title "Weir between $inside and $outside / 桥接真实接口"
  trap leave_hardware EXIT
  trap 'exit 0' INT TERM HUP
  make_hardware_bridge "$bridge"
  prepare_interface "$inside" "$bridge"
  prepare_interface "$outside" "$bridge"
  write_hardware_config "$HARDWARE_HOME" "$inside" "$outside"
  setsid "$build/dataplane/app/weir-dataplane" --config "$HARDWARE_HOME/weir.toml" < /dev/null &
  PROGRAMS+=($!)
  setsid "$build/control/app/weir-control" --config "$HARDWARE_HOME/weir.toml" < /dev/null &
  PROGRAMS+=($!)
  say "monitor mode: everything passes and is recorded; running until Ctrl-C / 按 Ctrl-C 结束"
  say "weirctl  $build/control/cli/weirctl --socket $HARDWARE_HOME/control.sock status"
  wait -n "${PROGRAMS[@]}" || true
  die "a program ended by itself; its last words are above"
}
