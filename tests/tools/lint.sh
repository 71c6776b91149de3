#!/bin/sh
# clang-format, clang-tidy and cppcheck over our own files; all three run, any complaint fails.
# lint.sh [FILE...]: only these files. Needs build/host (compile_commands.json).
set -u
cd "$(dirname "$0")/../.."
build=build/host
failed=0

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
# GCC's own options mean nothing to clang.
# shellcheck disable=SC2086
printf '%s\n' $sources | xargs -P "$(nproc)" -n 4 clang-tidy --quiet -p $build \
    --extra-arg=-Wno-unknown-warning-option --extra-arg=-Wno-ignored-optimization-argument \
    2>$build/clang-tidy.log || failed=1
grep -E 'error:|Error ' $build/clang-tidy.log && failed=1

echo "lint: cppcheck"
# shellcheck disable=SC2086
cppcheck --quiet --std=c11 --platform=unix64 --enable=warning,performance,portability \
    --inline-suppr --suppress=missingInclude --suppress=missingIncludeSystem \
    --suppress=preprocessorErrorDirective --error-exitcode=1 -j "$(nproc)" \
    $(git ls-files '*.h' | xargs -n1 dirname | sort -u | sed 's/^/-I /') \
    $(for file in $files; do case $file in *.c) echo "$file" ;; esac; done) || failed=1

[ $failed = 0 ] && echo "lint: nothing to complain about"
exit $failed
