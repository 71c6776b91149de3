#!/usr/bin/env python3
"""Every name that a script of tests/ imports is used there.

    check_imports.py [ROOT]
"""
import ast
import pathlib
import sys


def unused(text):
    """[(line, name)] of what is imported and used nowhere in that text."""
    nodes = list(ast.walk(ast.parse(text)))
    used = {n.id for n in nodes if isinstance(n, ast.Name)}
    names = [(n.lineno, (a.asname or a.name).partition(".")[0]) for n in nodes
             if isinstance(n, (ast.Import, ast.ImportFrom)) for a in n.names]
    return [(line, name) for line, name in names if name not in used]


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2])
    scripts = sorted((root / "tests").rglob("*.py"))
    wrong = [f"{path.relative_to(root)}:{line}: {name} is imported and not used"
             for path in scripts for line, name in unused(path.read_text(encoding="utf-8"))]
    for text in wrong:
        print(text, file=sys.stderr)
    print(f"{len(scripts)} scripts looked at, {len(wrong)} imports without use")
    return 1 if wrong or not scripts else 0


if __name__ == "__main__":
    sys.exit(main())
