"""What may be changed at one place of a program: an expression or a statement, and its stead.

comparison   bound and sense       arithmetic   its opposite      constant   one more, one less
condition    turned round          and, or      exchanged         not, -     left out
slice        an end left out       arguments    two exchanged     min, any   max, all
return       nothing instead       statement    left out
"""

import ast
from collections.abc import Callable, Iterator, Mapping
from copy import copy
from typing import Final

_COMPARED: Final[Mapping[type[ast.cmpop], tuple[type[ast.cmpop], ...]]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_OPPOSITE: Final[Mapping[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
}
_CALLED: Final[Mapping[str, str]] = {
    "min": "max",
    "max": "min",
    "any": "all",
    "all": "any",
    "minimum": "maximum",
    "maximum": "minimum",
}
# Whose first two arguments may stand either way, or are seen by the type checker alone.
_EITHER_WAY: Final = frozenset(
    ("min", "max", "minimum", "maximum", "isinstance", "issubclass", "cast", "logical_and",
     "logical_or", "array_equal", "assert_never")
)  # fmt: skip


def replacements(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what may stand in the stead of a node; it is left as it is."""
    for kind, changes in _CHANGES.items():
        if isinstance(node, kind):
            yield from changes(node)


def turned(test: ast.expr) -> Iterator[ast.AST]:
    """Yield a condition turned round, where nothing in it is changed to that effect."""
    if not isinstance(test, (ast.Compare, ast.BoolOp, ast.UnaryOp, ast.Constant)):
        yield ast.copy_location(ast.UnaryOp(ast.Not(), test), test)


def name_of(call: ast.Call) -> str:
    """Return the last word of what is called; nothing of what has no name."""
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _compare(node: ast.Compare) -> Iterator[ast.AST]:
    for place, operator in enumerate(node.ops):
        for other in _COMPARED[type(operator)]:
            new = copy(node)
            new.ops = [*node.ops[:place], other(), *node.ops[place + 1 :]]
            yield new


def _arithmetic(node: ast.BinOp | ast.AugAssign) -> Iterator[ast.AST]:
    if type(node.op) in _OPPOSITE:
        new = copy(node)
        new.op = _OPPOSITE[type(node.op)]()
        yield new


def _constant(node: ast.Constant) -> Iterator[ast.AST]:
    if isinstance(node.value, bool):
        values: tuple[float, ...] = (not node.value,)
    elif isinstance(node.value, (int, float)):
        values = (node.value + 1, node.value - 1)
    else:
        values = ()
    for value in values:
        yield ast.copy_location(ast.Constant(value), node)


def _bool_op(node: ast.BoolOp) -> Iterator[ast.AST]:
    new = copy(node)
    new.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    yield new


def _unary(node: ast.UnaryOp) -> Iterator[ast.AST]:
    if isinstance(node.op, (ast.Not, ast.USub)):
        yield node.operand


def _slice(node: ast.Slice) -> Iterator[ast.AST]:
    if node.lower is not None:
        yield ast.copy_location(ast.Slice(None, node.upper, node.step), node)
    if node.upper is not None:
        yield ast.copy_location(ast.Slice(node.lower, None, node.step), node)


def _call(node: ast.Call) -> Iterator[ast.AST]:
    name = name_of(node)
    if name in _CALLED:
        new = copy(node)
        new.func = copy(node.func)
        setattr(new.func, "id" if isinstance(new.func, ast.Name) else "attr", _CALLED[name])
        yield new
    first = node.args[:2]
    starred = any(isinstance(one, ast.Starred) for one in first)
    alike = len({ast.dump(one) for one in first}) < 2
    if not alike and not starred and name not in _EITHER_WAY:
        new = copy(node)
        new.args = [*reversed(first), *node.args[2:]]
        yield new


def _branch(node: ast.If | ast.While | ast.IfExp) -> Iterator[ast.AST]:
    for test in turned(node.test):
        new = copy(node)
        new.test = test  # type: ignore[assignment]  # an expression of one
        yield new


def _comprehension(node: ast.comprehension) -> Iterator[ast.AST]:
    for place, test in enumerate(node.ifs):
        for other in turned(test):
            new = copy(node)
            new.ifs = [*node.ifs[:place], other, *node.ifs[place + 1 :]]  # type: ignore[list-item]  # as above
            yield new


def _return(node: ast.Return) -> Iterator[ast.AST]:
    if node.value is None:
        yield from _left_out(node)
    elif not (isinstance(node.value, ast.Constant) and node.value.value is None):
        nothing = ast.copy_location(ast.Constant(None), node)
        yield ast.copy_location(ast.Return(nothing), node)


def _left_out(node: ast.stmt) -> Iterator[ast.AST]:
    yield ast.copy_location(ast.Pass(), node)


def _assign(node: ast.Assign | ast.AnnAssign) -> Iterator[ast.AST]:
    # A local name that was never given its value would stop whatever reads it.
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    if all(isinstance(one, (ast.Attribute, ast.Subscript)) for one in targets):
        yield from _left_out(node)


def _expression(node: ast.Expr) -> Iterator[ast.AST]:
    if isinstance(node.value, ast.Call) and name_of(node.value) != "assert_never":
        yield from _left_out(node)


_Changed = Callable[..., Iterator[ast.AST]]
_CHANGES: Final[Mapping[type[ast.AST] | tuple[type[ast.AST], ...], _Changed]] = {
    ast.Compare: _compare,
    (ast.BinOp, ast.AugAssign): _arithmetic,
    ast.Constant: _constant,
    ast.BoolOp: _bool_op,
    ast.UnaryOp: _unary,
    ast.Slice: _slice,
    ast.Call: _call,
    (ast.If, ast.While, ast.IfExp): _branch,
    ast.comprehension: _comprehension,
    ast.Return: _return,
    (ast.Assign, ast.AnnAssign): _assign,
    ast.Expr: _expression,
    (ast.AugAssign, ast.Raise, ast.Continue, ast.Break, ast.Delete): _left_out,
}
