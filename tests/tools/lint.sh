#!/bin/sh
# clang-format, clang-tidy, cppcheck and gcc -fanalyzer over our own files; all run, any complaint
# fails.
# lint.sh [FILE...]: only these files. Needs build/host-asan and build/emcraft-sf2
# (compile_commands.json).
set -u
cd "$(dirname "$0")/../.."
build=build/lint
failed=0

# clang does not know every option of GCC that the build uses, nor where the cross compiler has its
# C library.
mkdir -p $build/target
foreign=' -fcallgraph-info=[^ ]*| -fstack-usage'
sed -E "s/$foreign//g" build/host-asan/compile_commands.json >$build/compile_commands.json || exit 1
newlib=$(echo | arm-none-eabi-gcc -E -v - 2>&1 | sed -nE 's,^ (.*/arm-none-eabi/include)$,\1,p' | tail -n 1)
sed -E "s/$foreign//g; s,(arm-none-eabi-gcc) ,\1 --target=arm-none-eabi -isystem $newlib ," \
    build/emcraft-sf2/compile_commands.json >$build/target/compile_commands.json || exit 1

ours() {
    git ls-files --cached --others --exclude-standard -- 'hal/*.h' 'crypto/*.[ch]' 'firmware/*.[ch]' \
        'boards/*.[ch]' 'tests/*.[ch]'
}
if [ $# -gt 0 ]; then files=$*; else files=$(ours); fi

echo "lint: clang-format"
# shellcheck disable=SC2086
clang-format --dry-run --Werror $files 2>&1 | grep -E ': (error|warning):' && failed=1

# compiled DIR: those of our files that have a compile command there.
compiled() {
    known=$(sed -nE 's/^ *"file": "(.*)".*/\1/p' "$1/compile_commands.json" | sort -u)
    for file in $files; do
        case $file in
        *.c) case $known in *"$PWD/$file"*) echo "$file" ;; esac ;;
        esac
    done
}
# tidy DIR FILE...
tidy() {
    dir=$1
    shift
    printf '%s\n' "$@" | xargs -r -P "$(nproc)" -n 4 clang-tidy --quiet -p "$dir" \
        2>"$dir/clang-tidy.log" || failed=1
    grep -E 'error:|Error ' "$dir/clang-tidy.log" && failed=1
}

echo "lint: clang-tidy"
host=$(compiled $build)
# shellcheck disable=SC2086
tidy $build $host
# For the target: what the host does not build, and what sees another lwIP there.
# shellcheck disable=SC2046
tidy $build/target $(compiled $build/target | grep -vxF "$(echo "$host" | grep -v '^firmware/net/')")

echo "lint: cppcheck"
# shellcheck disable=SC2086
cppcheck --quiet --std=c11 --platform=unix64 --enable=warning,performance,portability \
    --inline-suppr --suppress=missingInclude --suppress=missingIncludeSystem \
    --suppress=preprocessorErrorDirective --suppress=comparePointers:boards/*/startup.c --error-exitcode=1 -j "$(nproc)" \
    $(git ls-files '*.h' | xargs -n1 dirname | sort -u | sed 's/^/-I /') \
    $(for file in $files; do case $file in *.c) echo "$file" ;; esac; done) || failed=1

echo "lint: gcc -fanalyzer"
tests/tools/check_analyzer.py $* || failed=1

[ $failed = 0 ] && echo "lint: nothing to complain about"
exit $failed
