#!/bin/sh
# osu_ext/tables: the benchmarks take the options of every table, and tables are there whole or not at
# all: check_tables.sh MPIEXEC BENCHMARKS TABLES.
set -eu
mpiexec=$1 benchmarks=$2 tables=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() { echo "$*"; cat out err; exit 1; }

# Stand for the benchmarks: have them read their options, and write what was asked for.
mkdir reads breaks
for operation in alltoallv sendrecv neighbor; do
cat >reads/osu_mpix_$operation <<SCRIPT
#!/bin/sh
"$benchmarks/osu_mpix_$operation" "\$@" --help >/dev/null || exit
while [ "\$1" != --csv ]; do shift; done
echo table >"\$2"
SCRIPT
cat >breaks/osu_mpix_$operation <<SCRIPT
#!/bin/sh
while [ "\$1" != --csv ]; do shift; done
echo half >"\$2"
exit 1
SCRIPT
done
# Stands for mpirun, of which one table has the real one.
cat >launch <<'SCRIPT'
#!/bin/sh
until [ "${1#*/osu_mpix_}" != "$1" ]; do shift; done
exec "$@"
SCRIPT
chmod +x reads/* breaks/* launch

MPIEXEC=./launch "$tables" -n 2 -b ./reads >out 2>err || fail "status $?"
names='graph graph_registered eager eager_registered large ctas ctas_registered ctas_skewed skewed skewed_eager'
others='sendrecv_pairs sendrecv_pairs_registered sendrecv_ring sendrecv_ring_registered sendrecv_ctas
  sendrecv_ctas_registered neighbor_halo neighbor_halo_registered'
for name in $names; do
  ls | grep -q "^alltoallv_2x[^_]*_$name.csv\$" || fail "there is no $name"
done
for name in $others; do
  ls | grep -q "^${name%%_*}_2x[^_]*_${name#*_}.csv\$" || fail "there is no $name"
done
rm ./*.csv
for name in $names $others; do
  status=0
  MPIEXEC=./launch "$tables" -n 2 -b ./breaks "$name" >out 2>err || status=$?
  [ $status = 1 ] || fail "status $status where the benchmark failed"
  [ -z "$(find . -name '*.csv*')" ] || fail "half of $name is left"
done
status=0
"$tables" -n 2 -b ./reads none >out 2>err || status=$?
[ $status = 2 ] || fail "status $status for a table that there is not"
