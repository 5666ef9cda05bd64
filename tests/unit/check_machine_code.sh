#!/bin/sh
# What ptxas has made of the accesses that lines rely on, which PTX leaves to it:
# check_machine_code.sh NVCC MACHINE_CODE_OBJECT WIDE_LINES_OBJECT
# It reads code for sm_90 with cuobjdump and nvdisasm: of the toolkit, or of PyPI's
# nvidia-cuda-cuobjdump and nvidia-cuda-nvdisasm.
set -u
nvcc=$1 probes=$2 trial=$3
of_python=$(python3 -c '
import glob, site, sys
folders = site.getsitepackages() + [site.getusersitepackages()] + sys.path
print(":".join(sorted({f for folder in folders for f in glob.glob(folder + "/nvidia/*/bin")})))
' 2>/dev/null)
PATH=$PATH:$(dirname "$nvcc"):$of_python
for tool in cuobjdump nvdisasm; do
  command -v $tool >/dev/null || { echo "SKIPPED: no $tool here"; exit 0; }
done
code=$(mktemp)
trap 'rm -f "$code"' EXIT
# One instruction a line, behind its function's name; padding is left out.
read_code() {
  cuobjdump -arch sm_90 -sass "$1" 2>&1 | awk '
    /Function :/ { name = $3 }
    match($0, /\/\*[0-9a-f]+\*\/ .*;/) {
      text = substr($0, RSTART, RLENGTH); sub(/\/\*[0-9a-f]+\*\/ +/, "", text)
      if (text !~ /^NOP/) print name, text
    }' >"$code"
  [ -s "$code" ] || { echo "SKIPPED: no code for sm_90 in $1"; exit 0; }
}
failed=0
# has FUNCTION COUNT PATTERN: so many instructions of the function are like that.
has() {
  found=$(awk -v name="$1" '$1 == name' "$code" | grep -cE "$3")
  [ "$found" -eq "$2" ] && return
  echo "FAILED: $1 has $found of '$3', not $2:"
  awk -v name="$1" '$1 == name' "$code"
  failed=1
}
# Behind the last look whether the warp is together, no branch but that look's own parts the threads
# before they store. BRA.DIV is one to where threads that are apart are brought together.
stores_behind_look() {
  awk -v name="$1" '
    $1 != name { next }
    / VOTE\.ANY R[0-9]+, PT, PT / { looked = 1; branches = 0; stored = 0; next }
    looked && / BRA / { ++branches }
    looked && / (BSSY|CALL)/ { branches = 99 }
    looked && / ST\.E\.128\.STRONG\.SYS / { stored = 1; exit }
    END { exit !(stored && branches == 1) }' "$code" && return
  echo "FAILED: $1 does not store right behind the look whether its warp is together:"
  awk -v name="$1" '$1 == name' "$code"
  failed=1
}

read_code "$probes"
sys_loads=' LD[.A-Z0-9]*\.STRONG\.SYS '
sys_stores=' ST[.A-Z0-9]*\.STRONG\.SYS '
for name in stores_a_line stores_a_line_of_which_half_is_known stores_together \
    stores_together_after_a_sleep; do
  has $name 1 ' ST\.E\.128\.STRONG\.SYS '
  has $name 1 "$sys_stores"
done
for name in loads_a_line loads_both_halves; do
  has $name 1 ' LD\.E\.128\.STRONG\.SYS '
  has $name 1 "$sys_loads"
done
# Half of a line is enough where only that half counts, but it is looked at once.
has looks_at_a_flag 1 ' LD\.E\.(64|128)\.STRONG\.SYS '
has looks_at_a_flag 1 "$sys_loads"
for name in stores_together stores_together_after_a_sleep; do
  has $name 1 ' VOTE\.ANY R[0-9]+, PT, PT '
  stores_behind_look $name
done

# The kernel that tries lines of ll128 out has them whole, and nothing in their place.
read_code "$trial"
for name in $(awk '{ print $1 }' "$code" | sort -u); do
  for access in ST LD; do
    grep -q "^$name .*$access\.E\.128\.STRONG\.SYS " "$code" ||
      { echo "FAILED: $name has no $access.E.128.STRONG.SYS"; failed=1; }
  done
  has "$name" 0 ' (LD|ST)\.E\.64\.STRONG\.SYS '
done
[ "$failed" -eq 0 ] && echo "accesses of 16 bytes are whole, and warps look whether they are together"
exit "$failed"
