"""The packages that ``real_packages.py`` uses as labs: versions, and for each the edits of its modules.

An edit replaces a text that stands exactly once in its module. `seen` is an expression that outside code evaluates:
its value must differ after the edit, and be what a fresh interpreter gives. Most of them look through a module that
took the edited thing by a from-import.
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Edit:
    """One change of a source text, and how it shows from outside.

    Attributes:
        module: the module that is edited.
        old: a text that the module has once.
        new: what it becomes; of another length, so that plain Python's time stamps show it too.
        seen: an expression that shows the edit.
    """

    module: str
    old: str
    new: str
    seen: str


@dataclasses.dataclass(frozen=True)
class Limit:
    """An edit that is known not to come through: it is refused, or what `edit.seen` gives is stale, and why."""

    edit: Edit
    outcome: str
    why: str


@dataclasses.dataclass(frozen=True)
class RealPackage:
    """A package that becomes a lab: its import name, what pip installs, pinned, and what is edited.

    `leaf`, `middle` and `core` stand in the order of how many modules depend on them; `kept` names what rightly holds
    code of an older generation, and why. The smoke check is the function of the package's name in
    ``real_packages_smoke.py``.
    """

    name: str
    requirements: tuple[str, ...]
    leaf: Edit
    middle: Edit
    core: Edit
    limits: tuple[Limit, ...] = ()
    kept: tuple[tuple[str, str], ...] = ()


# What hotlab itself needs.
COMMON = ("attrs==26.1.0", "importlib_metadata==10.2.0", "pluggy==1.7.0")

PACKAGES = (
    RealPackage(
        "networkx",
        ("networkx==3.7",),
        leaf=Edit(
            "networkx.algorithms.tournament",
            "return sorted(d for v, d in G.out_degree())",
            "return sorted(-d for v, d in G.out_degree())",
            "networkx.tournament.score_sequence(networkx.DiGraph([(0, 1), (0, 2), (1, 2)]))",
        ),
        middle=Edit(
            "networkx.classes.function",
            "        d *= 2\n",
            "        d *= 20\n",
            "networkx.density(networkx.path_graph(3))",
        ),
        core=Edit(
            "networkx.exception",
            "power iteration failed to converge",
            "power iteration gave up",
            "str(networkx.PowerIterationFailedConvergence(3))",
        ),
        limits=(
            Limit(
                Edit(
                    "networkx.algorithms.threshold",
                    "return is_threshold_sequence([d for",
                    "return not is_threshold_sequence([d for",
                    "networkx.algorithms.threshold.is_threshold_graph(networkx.path_graph(3))",
                ),
                "refused",
                "its `threshold_graph` registers in `networkx.utils.backends`, which the edit does not "
                "execute again and which refuses a name that it has; nothing but a restart takes it in",
            ),
        ),
    ),
    RealPackage(
        "sympy",
        (
            "sympy==1.14.0",
            "mpmath==1.3.0",
        ),
        leaf=Edit(
            "sympy.physics.optics.medium",
            "return (c/self.speed)",
            "return (7*c/self.speed)",
            "str(sympy.physics.optics.Medium('m').refractive_index)",
        ),
        middle=Edit(
            "sympy.physics.vector.functions",
            "return vec1 & vec2",
            "return 3 * (vec1 & vec2)",
            "[frame := sympy.physics.vector.ReferenceFrame('N'), str(sympy.physics.mechanics.dot(frame.x,"
            " frame.x))][1]",
        ),
        core=Edit(
            "sympy.utilities.misc",
            "return '\\n' + fill(",
            "return '\\n*\\n' + fill(",
            "sympy.core.expr.filldedent('text')",
        ),
    ),
    RealPackage(
        "mpmath",
        ("mpmath==1.3.0",),
        leaf=Edit(
            "mpmath.rational",
            'return "mpq(%s,%s)"',
            'return "rational(%s,%s)"',
            "repr(mpmath.mp.mpq(1, 2))",
        ),
        middle=Edit(
            "mpmath.libmp.gammazeta",
            "a = mpf_psi0(mpf_add(fone, x, prec+5), prec)",
            "a = mpf_psi0(mpf_add(fone, mpf_add(x, x), prec+5), prec)",
            "str(mpmath.harmonic(2))",
        ),
        core=Edit(
            "mpmath.libmp.backend",
            "BACKEND = 'python'",
            "BACKEND = 'plain python'",
            "[mpmath.libmp.BACKEND, mpmath.ctx_mp.BACKEND]",
        ),
        limits=(
            Limit(
                Edit(
                    "mpmath.functions.orthogonal",
                    "    return ctx.hyp2f1(-n,n,(1,2),(1-x)/2, **kwargs)",
                    "    return 5 * ctx.hyp2f1(-n,n,(1,2),(1-x)/2, **kwargs)",
                    "str(mpmath.chebyt(2, 3))",
                ),
                "stale",
                "its functions set themselves on a class of another module, `mpmath.functions."
                "functions`; `mpmath/__init__.py` keeps methods of an instance of that class and imports "
                "nothing of this module by name, so that no import shows that it depends on it",
            ),
        ),
    ),
    RealPackage(
        "werkzeug",
        (
            "Werkzeug==3.1.9",
            "MarkupSafe==3.0.4",
        ),
        leaf=Edit(
            "werkzeug.routing.converters",
            "value_str.zfill(self.fixed_digits)",
            "value_str.zfill(self.fixed_digits + 1)",
            "werkzeug.routing.Map([werkzeug.routing.Rule('/<int(fixed_digits=3):n>', endpoint='e')])."
            "bind('h').build('e', {'n': 7})",
        ),
        middle=Edit(
            "werkzeug.exceptions",
            "The requested URL was not found on the server.",
            "There is no such page.",
            "werkzeug.routing.map.NotFound.description",
        ),
        core=Edit(
            "werkzeug._internal",
            "    return int(value)\n",
            "    return 2 * int(value)\n",
            "werkzeug.http.parse_range_header('bytes=1-2').ranges",
        ),
        kept=(
            (
                "werkzeug.debug.console._displayhook",
                "when it is imported, the module keeps the `sys.displayhook` that it finds, which its predecessor set,"
                " and sets its own; this chain, which `importlib.reload` makes too, keeps old generations in memory",
            ),
        ),
    ),
    RealPackage(
        "docutils",
        ("docutils==0.23",),
        leaf=Edit(
            "docutils.examples",
            "fragment = parts['html_body']",
            "fragment = '<!-- made here -->' + parts['html_body']",
            "docutils.examples.html_body('text')",
        ),
        middle=Edit(
            "docutils.parsers.rst.roles",
            "'RFC '+str(rfcnum)",
            "'RFC no. '+str(rfcnum)",
            "docutils.core.publish_string(':rfc:`1`', writer='pseudoxml').decode()",
        ),
        core=Edit(
            "docutils.nodes",
            "return ' '.join(name.lower().split())",
            "return ' '.join(name.upper().split()) + '.'",
            "docutils.core.publish_string('A B\\n===\\n\\nx\\n\\nC D\\n===\\n', writer='pseudoxml').decode()",
        ),
    ),
    RealPackage(
        "sqlglot",
        ("sqlglot==30.30.0",),
        leaf=Edit(
            "sqlglot.generators.oracle",
            'exp.DType.NVARCHAR: "NVARCHAR2"',
            'exp.DType.NVARCHAR: "NVARCHAR_TWO"',
            "sqlglot.transpile('SELECT CAST(a AS NVARCHAR)', write='oracle')",
        ),
        middle=Edit(
            "sqlglot.generators.postgres",
            'exp.DType.FLOAT: "REAL"',
            'exp.DType.FLOAT: "SURREAL"',
            "[sqlglot.transpile('SELECT CAST(a AS FLOAT)', write=name) for name in ('postgres', "
            "'materialize', 'risingwave')]",
        ),
        core=Edit(
            "sqlglot.time",
            "            precision = 6\n",
            "            precision = 600\n",
            "sqlglot.dialects.dialect.subsecond_precision('2023-01-01 12:13:14.123456')",
        ),
    ),
    RealPackage(
        "pint",
        (
            "Pint==0.26.2",
            "flexcache==0.3",
            "flexparser==0.4",
            "platformdirs==4.14.8",
            "typing_extensions==4.16.0",
        ),
        leaf=Edit(
            "pint.definitions",
            "                return definition\n",
            "                return [definition]\n",
            "str(type(pint.definitions.Definition.from_string('a = 1')))",
        ),
        middle=Edit(
            "pint.delegates.formatter.plain",
            'power_fmt="{} ** {}"',
            'power_fmt="{} to the {}"',
            "str(pint.UnitRegistry().meter ** 2)",
        ),
        core=Edit(
            "pint.errors",
            "Cannot convert from '{self.units1}'",
            "No way from '{self.units1}'",
            "str(pint.facets.plain.quantity.DimensionalityError('a', 'b'))",
        ),
    ),
    RealPackage(
        "tornado",
        ("tornado==6.6.1",),
        leaf=Edit(
            "tornado.queues",
            "        return self._queue.pop()\n",
            "        return self._queue.pop(0)\n",
            "[line := tornado.queues.LifoQueue(), line.put_nowait(1), line.put_nowait(2), line.get_nowait()][-1]",
        ),
        middle=Edit(
            "tornado.httputil",
            "    final_query = urlencode(parsed_query)\n",
            "    final_query = urlencode(sorted(parsed_query))\n",
            "tornado.auth.url_concat('http://host', [('b', '1'), ('a', '2')])",
        ),
        core=Edit(
            "tornado.util",
            "        return e.args[0]\n    else:",
            "        return e.args[-1]\n    else:",
            "tornado.iostream.errno_from_exception(ValueError(1, 2))",
        ),
    ),
    RealPackage(
        "jinja2",
        (
            "Jinja2==3.1.6",
            "MarkupSafe==3.0.4",
        ),
        leaf=Edit(
            "jinja2.sandbox",
            "object is unsafe.",
            "object is not safe.",
            "jinja2.sandbox.SandboxedEnvironment().unsafe_undefined((), 'x')._undefined_message",
        ),
        middle=Edit(
            "jinja2.filters",
            "return soft_str(s).upper()",
            "return soft_str(s).upper() + '!'",
            "jinja2.Environment().from_string(\"{{ 'a'|upper }}\").render()",
        ),
        core=Edit(
            "jinja2.utils",
            'sep: str = ", "',
            'sep: str = " and "',
            "jinja2.Environment().from_string('{% set j = joiner() %}{{ j() }}a{{ j() }}b').render()",
        ),
    ),
    RealPackage(
        "pymeasure",
        (
            "PyMeasure==0.16.0",
            "numpy==2.5.5",
            "pandas==3.1.1",
            "Pint==0.26.2",
            "PyVISA==1.16.2",
            "pyserial==3.5",
            "pyqtgraph==0.14.0",
            "QtPy==2.4.3",
        ),
        leaf=Edit(
            "pymeasure.instruments.lakeshore.lakeshore211",
            '"Lake Shore 211 Temperature Monitor"',
            '"The thermometer"',
            "pymeasure.instruments.lakeshore.LakeShore211(pymeasure.adapters.ProtocolAdapter()).name",
        ),
        middle=Edit(
            "pymeasure.instruments.validators",
            "    elif value > max(values):\n        return max(values)\n",
            "    elif value > max(values):\n        return max(values) + 1\n",
            "pymeasure.instruments.keithley.keithley2000.truncated_range(9, [0, 1])",
        ),
        core=Edit(
            "pymeasure.adapters.adapter",
            'return "<FakeAdapter>"',
            'return "<an adapter that echoes>"',
            "repr(pymeasure.adapters.FakeAdapter())",
        ),
    ),
    RealPackage(
        "bluesky",
        (
            "bluesky==1.15.1",
            "numpy==2.5.5",
            "event-model==1.24.0",
            "msgpack==1.2.4",
        ),
        leaf=Edit(
            "bluesky.plan_patterns",
            "Wrong number of positional arguments for 'inner_product'",
            "Three arguments for each motor, please",
            "bluesky.plans.plan_patterns.inner_product(3, ['x'])",
        ),
        middle=Edit(
            "bluesky.plan_stubs",
            'return (yield Msg("null"))',
            'return (yield Msg("null", None, 1))',
            "[repr(message) for message in bluesky.plan_stubs.null()]",
        ),
        core=Edit(
            "bluesky.utils",
            'return f"Msg({self.command!r}',
            'return f"Message({self.command!r}',
            "repr(bluesky.run_engine.Msg('null'))",
        ),
    ),
    RealPackage(
        "pylabrobot",
        (
            "PyLabRobot==0.2.2",
            "typing_extensions==4.16.0",
            "websockets==17.4",
        ),
        leaf=Edit(
            "pylabrobot.liquid_handling.backends.chatterbox",
            "def __init__(self, num_channels: int = 8)",
            "def __init__(self, num_channels: int = 16)",
            "pylabrobot.liquid_handling.backends.LiquidHandlerChatterboxBackend().num_channels",
        ),
        middle=Edit(
            "pylabrobot.resources.corning.plates",
            "size_z=14.2,",
            "size_z=14.25,",
            "pylabrobot.resources.Cor_96_wellplate_360ul_Fb('plate').get_size_z()",
        ),
        core=Edit(
            "pylabrobot.serializer",
            'return "nan" if math.isnan(obj)',
            'return "not a number" if math.isnan(obj)',
            "pylabrobot.resources.container.serialize(float('nan'))",
        ),
    ),
)
