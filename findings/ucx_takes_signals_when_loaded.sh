#!/bin/sh
# Loading UCX's base library replaces signal handlers of the program, and its signal stack.
#
# Seen 2026-11-27 with Debian 12's libucx0=1.13.1-1, without a call of any function of it: after dlopen("libucs.so.0") the
# handlers of SIGHUP, SIGILL, SIGBUS, SIGFPE and SIGSEGV are libucs's, and the thread that loaded it has another
# alternate signal stack. SIGHUP is UCX_DEBUG_SIGNO's default: a program that ends, or reads its settings again, on SIGHUP
# does not any more. A library that is linked to UCX does this to every program that loads it, before main().
# What to do: programs set their handlers after MPI_Init, or set UCX_HANDLE_ERRORS=none and UCX_DEBUG_SIGNO=0 in the
# environment that they are started with; libraries load UCX when they need it, and put the program's handlers back.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get -qq download libucx0=1.13.1-1
dpkg -x libucx0_*.deb .
cat >look.c <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <string.h>
#include <stdio.h>
static void mine(int number) { (void)number; }
int main(void) {
  for (int i = 1; i < 32; ++i) signal(i, mine);
  stack_t before, after;
  sigaltstack(NULL, &before);
  if (dlopen("libucs.so.0", RTLD_NOW) == NULL) return puts(dlerror()), 1;
  for (int i = 1; i < 32; ++i) {
    struct sigaction now;
    if (i != SIGKILL && i != SIGSTOP && sigaction(i, NULL, &now) == 0 && now.sa_handler != mine)
      printf("%s ", sigabbrev_np(i));
  }
  sigaltstack(NULL, &after);
  printf("stack:%s\n", before.ss_sp == after.ss_sp ? "kept" : "replaced");
  return 0;
}
C
cc -o look look.c -ldl
status=0
# expect WHAT ENVIRONMENT... : so it prints
expect() {
  wanted=$1
  shift
  seen=$(env "$@" LD_LIBRARY_PATH="$(dirname "$(find "$folder" -name libucs.so.0)")" ./look)
  echo "${1:-as it comes}: $seen"
  [ "$seen" = "$wanted" ] || { echo "it was '$wanted' before"; status=1; }
}
expect "HUP ILL BUS FPE SEGV stack:replaced" UCX_LOG_LEVEL=warn
expect "stack:kept" UCX_HANDLE_ERRORS=none UCX_DEBUG_SIGNO=0
exit $status
