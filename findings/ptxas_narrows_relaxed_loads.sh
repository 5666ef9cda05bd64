#!/bin/sh
# ptxas loads 8 of the 16 bytes of a relaxed 128-bit load whose other half is not used.
#
# Seen 2026-11-27 with ptxas 13.0.88 for sm_90 and sm_100 (PyPI: nvidia-cuda-nvcc, nvidia-cuda-nvdisasm):
#   both halves used         ld.relaxed.sys.b128    LDG.E.128.STRONG.SYS
#   the upper half used      ld.relaxed.sys.b128    LDG.E.64.STRONG.SYS [...+0x8]
#   the upper half used      ld.volatile.v2.u64     LDG.E.128.STRONG.SYS
# An `asm volatile` around the load in CUDA C++ changes nothing: it holds for the compiler before ptxas.
# PTX allows it. It matters to protocols that send a flag with the data in one 16-byte store and first look at the flag
# alone: two loads of which the first saw the flag are not one that saw both. What to do: take flag and data from the same
# load, and let code that looks at the flag alone need nothing of the data; check the machine code, not the PTX.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install -q --no-deps --target "$folder/site" nvidia-cuda-nvcc==13.0.88 nvidia-cuda-nvdisasm==13.5.37
ptxas=$(find "$folder/site" -name ptxas) disassemble=$(find "$folder/site" -name nvdisasm)
# probe NAME LOAD USE: loads a pair into %low and %high, and stores what USE leaves in %result.
probe() {
  printf '.visible .entry %s(.param .u64 from, .param .u64 to) {\n' "$1"
  printf '  .reg .b64 %%low, %%high, %%result, %%a, %%b; .reg .b128 %%both;\n'
  printf '  ld.param.u64 %%a, [from]; ld.param.u64 %%b, [to];\n  %s\n  %s\n  st.global.u64 [%%b], %%result; ret;\n}\n' "$2" "$3"
}
relaxed='ld.relaxed.sys.global.b128 %both, [%a]; mov.b128 {%low, %high}, %both;'
{
  printf '.version 9.0\n.target sm_90\n.address_size 64\n'
  probe both_halves "$relaxed" 'add.u64 %result, %low, %high;'
  probe upper_half "$relaxed" 'mov.u64 %result, %high;'
  probe volatile_half 'ld.volatile.global.v2.u64 {%low, %high}, [%a];' 'mov.u64 %result, %high;'
} >"$folder/probe.ptx"
status=0
# expect ARCHITECTURE FUNCTION INSTRUCTION
expect() {
  seen=$("$disassemble" -c "$folder/$1.cubin" | sed -n "/^\.text\.$2:/,/EXIT/p" | grep -oE 'LDG[.A-Z0-9]*' | head -n 1)
  echo "$1 $2: $seen"
  [ "$seen" = "$3" ] || { echo "it was $3 before"; status=1; }
}
for architecture in sm_90 sm_100; do
  "$ptxas" -arch=$architecture "$folder/probe.ptx" -o "$folder/$architecture.cubin"
  expect $architecture both_halves LDG.E.128.STRONG.SYS
  expect $architecture upper_half LDG.E.64.STRONG.SYS
  expect $architecture volatile_half LDG.E.128.STRONG.SYS
done
exit $status
