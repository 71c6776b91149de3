#!/bin/sh
# clang-format, clang-tidy, cppcheck and gcc -fanalyzer over our own files; all run, any complaint
# fails.
# lint.sh [FILE...]: only these files. Needs build/host-asan (compile_commands.json).
set -u
cd "$(dirname "$0")/../.."
build=build/lint
failed=0

# clang does not know every option of GCC that the build uses.
mkdir -p $build
sed -E 's/ -fcallgraph-info=[^ ]*| -fstack-usage//g' build/host-asan/compile_commands.json \
    >$build/compile_commands.json

ours() {
    git ls-files --cached --others --exclude-standard -- 'hal/*.h' 'crypto/*.[ch]' 'firmware/*.[ch]' \
        'boards/*.[ch]' 'tests/*.[ch]'
}
if [ $# -gt 0 ]; then files=$*; else files=$(ours); fi

echo "lint: clang-format"
# shellcheck disable=SC2086
clang-format --dry-run --Werror $files 2>&1 | grep -E ': (error|warning):' && failed=1

# Only what the host builds has compile commands.
compiled=$(sed -nE 's/^ *"file": "(.*)".*/\1/p' $build/compile_commands.json | sort -u)
sources=
for file in $files; do
    case $file in
    *.c) case $compiled in *"$PWD/$file"*) sources="$sources $file" ;; esac ;;
    esac
done

echo "lint: clang-tidy"
# shellcheck disable=SC2086
printf '%s\n' $sources | xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p $build \
    2>$build/clang-tidy.log || failed=1
grep -E 'error:|Error ' $build/clang-tidy.log && failed=1

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
