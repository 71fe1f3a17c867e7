# shellcheck shell=bash
# Runs programs of another processor here. Sourced; the caller has `die`, and a mount namespace of its own.

# teach_kernel ARCHITECTURE EMULATOR: the kernel starts foreign programs by itself once it is told how; since Linux 6.7 it
# forgets that with the last mount.
teach_kernel() {
  local binfmt=/proc/sys/fs/binfmt_misc
  [[ -e $binfmt/register ]] || mount -t binfmt_misc binfmt_misc "$binfmt" || die "this kernel has no binfmt_misc"
  [[ -e $binfmt/$2 ]] || grep '^:' "/usr/lib/binfmt.d/$2.conf" >"$binfmt/register" ||
    die "the kernel cannot be told to start $1 programs: in a container, install qemu-user-static on its host"
}

# write_cpuinfo ARCHITECTURE FILE: what a Raspberry Pi says of its processors. The runtime's XNNPACK reads it, and crashes on that of a PC.
write_cpuinfo() {
  local processor features architecture part
  case $1 in
    arm64) features="fp asimd evtstrm crc32 cpuid" architecture=8 part=0xd08 ;;
    armhf) features="half thumb vfp edsp neon vfpv3 tls vfpv4 idiva idivt vfpd32 lpae" architecture=7 part=0xc07 ;;
  esac
  for ((processor = 0; processor < $(nproc --all); processor++)); do
    printf '%s\t: %s\n' processor "$processor" BogoMIPS 108.00 Features "$features" "CPU implementer" 0x41 \
      "CPU architecture" "$architecture" "CPU variant" 0x0 "CPU part" "$part" "CPU revision" 3
    echo
  done >"$2"
}

# Gives $system, of the architecture $arch, what a Pi says of itself.
pretend_to_be_a_pi() {
  write_cpuinfo "${arch:?}" "${system:?}/opt/cpuinfo"
  mount --bind "$system/opt/cpuinfo" "$system/proc/cpuinfo"
  if [[ -L $system/sys ]]; then rm "$system/sys"; fi
  mkdir -p "$system/sys"
  mount -t sysfs -o ro sysfs "$system/sys"
}
