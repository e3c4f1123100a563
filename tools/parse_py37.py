"""Check that all source parses as Python 3.7: python tools/parse_py37.py"""
import ast
import pathlib
import sys

_FOLDERS = ("tf1_sampled", "tests", "benchmarks", "examples", "tools")

failed = 0
root = pathlib.Path(__file__).resolve().parent.parent
paths = sorted(root.glob("*.py")) + [p for f in _FOLDERS for p in sorted((root / f).rglob("*.py"))]
for path in paths:
    try:
        ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=(3, 7))
    except SyntaxError as e:
        print("%s:%s: %s" % (path.relative_to(root), e.lineno, e.msg))
        failed += 1
print("%d of %d files parse as Python 3.7" % (len(paths) - failed, len(paths)))
sys.exit(failed > 0)
