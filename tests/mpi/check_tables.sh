#!/bin/sh
# osu_ext/tables: the benchmark takes the options of every table, and tables are there whole or not at
# all: check_tables.sh MPIEXEC BENCHMARK TABLES.
set -eu
mpiexec=$1 benchmark=$2 tables=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() { echo "$*"; cat out err; exit 1; }

# Stands for the benchmark: has it read its options, and writes what was asked for.
cat >reads <<SCRIPT
#!/bin/sh
"$benchmark" "\$@" --help >/dev/null || exit
while [ "\$1" != --csv ]; do shift; done
echo table >"\$2"
SCRIPT
cat >breaks <<SCRIPT
#!/bin/sh
while [ "\$1" != --csv ]; do shift; done
echo half >"\$2"
exit 1
SCRIPT
chmod +x reads breaks

MPIEXEC=$mpiexec "$tables" -n 2 -b ./reads >out 2>err || fail "status $?"
names='graph graph_registered eager eager_registered large ctas ctas_registered ctas_skewed skewed skewed_eager'
for name in $names; do
  ls | grep -q "^alltoallv_2x[^_]*_$name.csv\$" || fail "there is no $name"
done
rm alltoallv_*
for name in $names; do
  status=0
  MPIEXEC=$mpiexec "$tables" -n 2 -b ./breaks "$name" >out 2>err || status=$?
  [ $status = 1 ] || fail "status $status where the benchmark failed"
  [ -z "$(find . -name 'alltoallv_*')" ] || fail "half of $name is left"
done
status=0
"$tables" -n 2 -b ./reads none >out 2>err || status=$?
[ $status = 2 ] || fail "status $status for a table that there is not"
