"""What ``tests/test_tidy.py`` holds the code to: each check takes a file's text and says what is wrong with it."""

import ast
import functools
import re
import sys
import tokenize
from collections.abc import Collection, Iterator
from io import StringIO

LAYERS = ("schemas", "engine", "consumers", "scripts")  # each imports itself and those before it
FILE_LINES_MAX = 450
FUNCTION_LINES_MAX = 70

PURE = ("schemas", "engine")
BANNED_IMPORTS = {
    "asyncio": "effects, which the edges perform",
    "time": "the shard's logical clock",
    "random": "engine/hashing.py's keyed draw",
    "secrets": "engine/hashing.py's keyed draw",
    "os": "what the caller passes in",
    "pathlib": "what the caller passes in",
    "socket": "the edges",
    "subprocess": "the edges",
    "threading": "one thread a shard, owned by the edges",
    "logging": "counts and reasons in the effects",
    "structlog": "counts and reasons in the effects",
    "aiokafka": "Input and Record",
    "aiohttp": "the edges",
    "rich": "scripts/",
    "click": "scripts/",
}
BANNED_CALLS = {
    "print": "effects or an exception",
    "open": "what the caller passes in",
    "input": "what the caller passes in",
    "hash": "engine/hashing.py: hash() of a text differs from process to process",
    "eval": "a parser",
    "exec": "a parser",
}
BANNED_CLOCKS = ("now", "utcnow", "today")
FLOAT_DOORS = ("nanos_to_cpm_decimal",)  # OpenRTB's bid.price is a JSON number
NAMES_THAT_SAY_NOTHING = {"utils", "util", "common", "helpers", "helper", "misc", "shared"}
UNFINISHED_COMMENT = re.compile(r"\b(TODO|FIXME|XXX|HACK|PLACEHOLDER)\b|\b[Ff]or now\b")
UNFINISHED_CODE = re.compile(r"\bNotImplemented(Error)?\b")
SUPPRESSION = re.compile(r"#\s*(type:\s*ignore|noqa|pragma:|mypy:|ruff:)")
IGNORE_WITH_CODE_AND_REASON = re.compile(r"#\s*type:\s*ignore\[[a-z-]+(,\s*[a-z-]+)*\]\s+#\s+\S+")
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
DOCUMENT = re.compile(r"[\w./-]+\.md\b")
LIMIT = re.compile(r"^(?!U?INT64_).*_(MAX|MIN|KEPT|ROWS)$|^_?SLICE_")  # bounds of int64 are facts of arithmetic
REGISTRIES = re.compile(
    r"maven\.(apache\.)?org|maven\.org|pypi\.org|pythonhosted|docker\.io|ghcr\.io|quay\.io|artifactory|nexus\."
)
MACHINE_PATHS = re.compile(r"(?<![\w.\"'{}/])/(?:home|root|Users|work|workspace)/\w")


def import_direction(name: str, tree: ast.AST) -> Iterator[str]:
    """``name``: the file's path, such as ``engine/decide.py``. The core never imports the edges."""
    layer = name.partition("/")[0]
    if layer not in LAYERS:
        return
    later = LAYERS[LAYERS.index(layer) + 1 :]
    for module, line in imported(tree):
        package = module.partition(".")[0]
        if package in later or package == "tests":
            yield f"{name}:{line}: {layer} imports {module}; imports point one way: {' <- '.join(LAYERS)}"


@functools.cache
def imported(tree: ast.AST) -> tuple[tuple[str, int], ...]:
    """Each imported module with its line; a relative import is named by its dots."""
    found: list[tuple[str, int]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            found.append(("." * node.level + (node.module or ""), node.lineno))
    return tuple(found)


def imported_tests(name: str, tree: ast.AST) -> Iterator[str]:
    """What several tests need stands in a module that holds no test, so that each file of tests can go or be split."""
    for module, line in imported(tree):
        if module.startswith("tests.") and module.rpartition(".")[2].startswith("test_"):
            yield f"{name}:{line}: imports from the tests in {module}"


def relative_imports(name: str, tree: ast.AST) -> Iterator[str]:
    """Imports are absolute."""
    for module, line in imported(tree):
        if module.startswith("."):
            yield f"{name}:{line}: a relative import"


def impurities(name: str, tree: ast.AST) -> Iterator[str]:
    """I/O, clocks, chance and what differs between processes, in the packages that must be without."""
    if not name.startswith(tuple(f"{layer}/" for layer in PURE)):
        return
    for module, line in imported(tree):
        banned = BANNED_IMPORTS.get(module.partition(".")[0])
        if banned:
            yield f"{name}:{line}: imports {module}; use {banned}"
    for node in ast.walk(tree):
        if isinstance(node, (ast.AsyncFunctionDef, ast.Await, ast.AsyncFor, ast.AsyncWith)):
            yield f"{name}:{node.lineno}: awaits; nothing awaits inside a decision"
        elif isinstance(node, ast.Call):
            yield from _impure_call(name, node)


def _impure_call(name: str, node: ast.Call) -> Iterator[str]:
    called = node.func
    if isinstance(called, ast.Name) and called.id in BANNED_CALLS:
        yield f"{name}:{node.lineno}: calls {called.id}(); use {BANNED_CALLS[called.id]}"
    elif isinstance(called, ast.Attribute) and called.attr in BANNED_CLOCKS:
        yield f"{name}:{node.lineno}: reads a clock with .{called.attr}(); use the shard's logical clock"
    elif isinstance(called, ast.Attribute) and ast.unparse(called).startswith(("np.random.", "numpy.random.")):
        yield f"{name}:{node.lineno}: draws from numpy's generator; use engine/hashing.py's keyed draw"


def set_iterations(name: str, tree: ast.AST) -> Iterator[str]:
    """Iteration over a set, whose order differs from process to process; ``sorted`` and membership are fine."""
    if not name.startswith(tuple(f"{layer}/" for layer in PURE)):
        return
    for node in ast.walk(tree):
        loops = [node.iter] if isinstance(node, (ast.For, ast.comprehension)) else []
        if isinstance(node, ast.Call) and _keeps_order(node.func):
            loops += node.args
        yield from (f"{name}:{loop.lineno}: takes the order of a set; sort it" for loop in loops if _is_set(loop))


def _keeps_order(called: ast.expr) -> bool:
    if isinstance(called, ast.Attribute):
        return called.attr == "join"
    return isinstance(called, ast.Name) and called.id in ORDER_KEEPING


ORDER_KEEPING = ("list", "tuple", "enumerate", "iter", "zip", "map", "filter", "next")


def _is_set(node: ast.AST) -> bool:
    if isinstance(node, (ast.Set, ast.SetComp)):
        return True
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.BitOr, ast.BitAnd, ast.Sub, ast.BitXor)):
        return _is_set(node.left) or _is_set(node.right)
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("set", "frozenset")


def floats(name: str, tree: ast.AST) -> Iterator[str]:
    """Floats in modules where money is counted, but for the one door to JSON."""
    doors = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name in FLOAT_DOORS]
    allowed = {id(node) for door in doors for node in ast.walk(door)}
    for node in ast.walk(tree):
        if id(node) not in allowed:
            yield from _float(name, node)


def _float(name: str, node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, float):
        yield f"{name}:{node.lineno}: the float {node.value} beside money"
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float":
        yield f"{name}:{node.lineno}: float() beside money"
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
        yield f"{name}:{node.lineno}: / beside money; use // or cdiv"
    elif isinstance(node, ast.Attribute) and node.attr in ("float64", "float32", "float16"):
        yield f"{name}:{node.lineno}: {node.attr} beside money"


def sizes(name: str, text: str, tree: ast.AST) -> Iterator[str]:
    """A file or a function that no longer fits a few screens."""
    lines = text.count("\n")
    if lines > FILE_LINES_MAX:
        yield f"{name}: {lines} lines; at most {FILE_LINES_MAX}"
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                yield f"{name}:{node.lineno}: {node.name} has {length} lines; at most {FUNCTION_LINES_MAX}"


def unused_limits(name: str, tree: ast.Module, others: str) -> Iterator[str]:
    """Constants of a module of limits that no other text names: nothing is held to them."""
    used = set(re.findall(r"\w+", others))
    yield from (f"{name}:{line}: {limit} limits nothing" for line, limit, _ in constants(tree) if limit not in used)


def misplaced_limits(name: str, tree: ast.Module, limits: Collection[str]) -> Iterator[str]:
    """Limits of the core that stand elsewhere than in the modules of limits, unless made of others; a second value of one.

    ``limits``: the names of all of them.
    """
    layer = name.partition("/")[0]
    if layer not in LAYERS or name.endswith("/limits.py"):
        return
    for line, constant, value in constants(tree):
        made_of = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}
        if constant in limits:
            yield f"{name}:{line}: {constant} has its value in limits.py"
        elif layer in PURE and LIMIT.search(constant) and made_of.isdisjoint(limits):
            yield f"{name}:{line}: {constant} belongs in engine/limits.py or schemas/limits.py"


def constants(tree: ast.Module) -> Iterator[tuple[int, str, ast.expr]]:
    """Each constant of a module: its line, its name and its value."""
    for node in tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            for target in node.targets if isinstance(node, ast.Assign) else (node.target,):
                if isinstance(target, ast.Name) and target.id.isupper():
                    yield node.lineno, target.id, node.value


def file_name(name: str) -> Iterator[str]:
    """A name that says nothing, or that hides a module of the standard library."""
    *folders, file = name.split("/")
    for part in (*folders, file.removesuffix(".py")):
        if part in NAMES_THAT_SAY_NOTHING:
            yield f"{name}: {part} says nothing of what is in it"
    if file.removesuffix(".py") in sys.stdlib_module_names - {"__init__"}:
        yield f"{name}: named as a module of the standard library"


def package_file(name: str, tree: ast.Module) -> Iterator[str]:
    """``__init__.py`` holds a docstring and nothing else."""
    if name.endswith("__init__.py") and (len(tree.body) != 1 or ast.get_docstring(tree) is None):
        yield f"{name}: holds more, or less, than a docstring"


def unfinished(name: str, text: str) -> Iterator[str]:
    """Marks of what was left for later."""
    marks = [(number, UNFINISHED_COMMENT.search(comment)) for number, comment in comments(text)]
    marks += [(number, UNFINISHED_CODE.search(line)) for number, line in enumerate(text.splitlines(), start=1)]
    yield from (f"{name}:{number}: {found[0]}" for number, found in marks if found)


def suppressions(name: str, text: str) -> Iterator[tuple[str, str]]:
    """Every comment that silences a check: where, and what is wrong with it ("" when it has its code and reason)."""
    for number, comment in comments(text):
        if SUPPRESSION.search(comment):
            place = f"{name}:{number}: {comment}"
            if name.startswith("engine/"):
                yield place, "no exemption in engine/"
            elif not IGNORE_WITH_CODE_AND_REASON.search(comment):
                yield place, "only `type: ignore[code]  # reason` is allowed"
            else:
                yield place, ""


@functools.cache
def comments(text: str) -> tuple[tuple[int, str], ...]:
    """Each comment with its line; marks inside texts do not count."""
    tokens = tokenize.generate_tokens(StringIO(text).readline)
    return tuple((token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT)


def missing_documents(name: str, text: str, tree: ast.AST, documents: Collection[str]) -> Iterator[str]:
    """Documents that a docstring or comment names and nobody can look up. ``documents``: their paths from the root."""
    places = [ast.get_docstring(node) or "" for node in ast.walk(tree) if isinstance(node, DOCUMENTED)]
    places += [comment for _, comment in comments(text)]
    for document in (found for place in places for found in DOCUMENT.findall(place)):
        if not any(f"/{path}".endswith(f"/{document}") for path in documents):
            yield f"{name}: names {document}, which is not here"


def ties_to_a_machine(name: str, text: str) -> Iterator[str]:
    """Hosts of registries and paths of one machine; both belong to configuration."""
    for number, line in enumerate(text.splitlines(), start=1):
        if found := REGISTRIES.search(line):
            yield f"{name}:{number}: names a registry ({found[0]}); installers know theirs"
        if found := MACHINE_PATHS.search(line):
            yield f"{name}:{number}: a path of one machine ({found[0]})"
