"""Smoke checks of the packages in ``real_packages_list.py``: real work, whose result is JSON values.

Each imports its package when it is called, as code outside a lab does, and says the same in every process.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import Callable


def networkx() -> object:
    """Routes, trees, ranks and flows over small graphs; an error that is caught by its public name."""
    import networkx as nx

    graph = nx.karate_club_graph()
    roads = nx.DiGraph()
    roads.add_weighted_edges_from([("a", "b", 3), ("b", "c", 4), ("a", "c", 9), ("c", "d", 1)], weight="capacity")
    try:
        nx.shortest_path(roads, "d", "a")
        refused = "none"
    except nx.NetworkXNoPath as error:
        refused = str(error)
    return [
        nx.shortest_path(roads, "a", "d"),
        nx.maximum_flow_value(roads, "a", "d"),
        list(nx.topological_sort(roads)),
        len(nx.minimum_spanning_tree(graph).edges),
        sorted(nx.betweenness_centrality(graph).values())[-1],
        [len(part) for part in nx.community.greedy_modularity_communities(graph)],
        nx.is_isomorphic(nx.cycle_graph(5), nx.complement(nx.cycle_graph(5))),
        nx.density(graph),
        refused,
    ]


def sympy() -> object:
    """Integrate, solve, factor, print; mechanics and optics, which build on the rest."""
    import sympy as sp
    from sympy.parsing.sympy_parser import parse_expr
    from sympy.physics.optics import Medium
    from sympy.physics.vector import ReferenceFrame, dot
    from sympy.stats import Die, E

    x, y = sp.symbols("x y")
    frame = ReferenceFrame("N")
    return [
        str(sp.integrate(sp.exp(-(x**2)) * x, x)),
        str(sp.solve([x**2 + y - 2, y - x], [x, y])),
        str(sp.factor(x**4 - 1)),
        sp.latex(sp.Matrix([[x, 1], [y, 2]]).inv()),
        str(sp.series(sp.sin(x), x, 0, 6)),
        str(parse_expr("2*x + x").subs(x, 4)),
        str(sp.dsolve(sp.Function("f")(x).diff(x) - x)),
        str(dot(2 * frame.x, frame.x)),
        str(E(Die("D", 6))),
        str(Medium("m").refractive_index),
        sp.factorint(360),
    ]


def mpmath() -> object:
    """Constants, zeros, quadrature, special functions and linear algebra to many digits."""
    import mpmath as mp

    with mp.workdps(30):
        return [
            mp.nstr(mp.pi, 28),
            mp.nstr(mp.zeta(3), 25),
            mp.nstr(mp.quad(lambda t: mp.exp(-(t**2)), [0, mp.inf]), 25),
            mp.nstr(mp.findroot(mp.cos, 1.5), 25),
            mp.nstr(mp.legendre(4, mp.mpf("0.3")), 20),
            mp.nstr(mp.bernoulli(10), 20),
            mp.identify(mp.sqrt(2) + 1) or "unknown",
            mp.nstr(mp.lu_solve(mp.matrix([[1, 2], [3, 4]]), mp.matrix([5, 6])), 10),
            [int(mp.factorial(n)) for n in range(6)],
        ]


def werkzeug() -> object:
    """Route and answer requests with the test client; errors become responses."""
    from werkzeug.exceptions import HTTPException, NotFound
    from werkzeug.routing import Map, Rule
    from werkzeug.test import Client
    from werkzeug.utils import secure_filename
    from werkzeug.wrappers import Request, Response

    rules = Map([Rule("/run/<int(fixed_digits=3):number>", endpoint="run"), Rule("/", endpoint="home")])

    @Request.application  # type: ignore[untyped-decorator, unused-ignore]
    def application(request: Request) -> object:
        bound = rules.bind_to_environ(request.environ)
        try:
            endpoint, values = bound.match()
            return Response(f"{endpoint} {values} {request.args.get('q')}", headers={"X-Size": "1"})
        except HTTPException as error:
            return error

    client = Client(application)
    answers = [client.get(path) for path in ("/run/007?q=%C3%A9", "/", "/nowhere")]
    made = rules.bind("lab.example").build("run", {"number": 7})
    return [[answer.status, answer.text] for answer in answers] + [
        made,
        secure_filename("../a b.txt"),
        isinstance(NotFound(), HTTPException),
    ]


def docutils() -> object:
    """A reStructuredText document as HTML, LaTeX and pseudo-XML, in two languages."""
    from docutils.core import publish_parts, publish_string

    text = "Title\n=====\n\n.. note:: Mind :rfc:`2822`.\n\n* one\n* *two* and :math:`x^2`\n\n=== ===\na   b\n=== ===\n"
    settings = {"report_level": 5, "_disable_config": True, "language_code": "de"}
    html = publish_parts(text, writer="html5", settings_overrides=settings)["body"]
    english = publish_string(text, writer="pseudoxml", settings_overrides={**settings, "language_code": "en"})
    latex = publish_parts(text, writer="latex", settings_overrides=settings)["body"]
    return [html, english.decode(), latex]


def sqlglot() -> object:
    """Parse, translate between dialects, optimize and run SQL; an error that is caught by its public name."""
    import sqlglot as sg
    from sqlglot.executor import execute
    from sqlglot.optimizer import optimize

    query = "SELECT a, COUNT(*) AS n FROM t WHERE DATE_FORMAT(d, '%Y-%m') > '2024-01' AND a <> 'x' GROUP BY a LIMIT 3"
    try:
        sg.parse_one("SELECT FROM WHERE (")
        refused = "none"
    except sg.errors.ParseError as error:
        refused = str(error).splitlines()[0]
    dialects = ("duckdb", "postgres", "oracle", "bigquery", "snowflake", "tsql")
    rows = execute("SELECT a, SUM(b) AS s FROM t GROUP BY a ORDER BY a", tables={"t": [{"a": 1, "b": 2}] * 3}).rows
    return [
        [sg.transpile(query, read="mysql", write=dialect) for dialect in dialects],
        [sg.transpile("SELECT CAST(a AS NVARCHAR(9)), CAST(b AS BLOB)", write=name)[0] for name in dialects],
        optimize(
            "SELECT a FROM (SELECT a, b FROM t) AS s WHERE b = 1 + 1", schema={"t": {"a": "int", "b": "int"}}
        ).sql(),
        [list(row) for row in rows],
        refused,
    ]


def pint() -> object:
    """Units are parsed, converted and printed; a wrong conversion is refused."""
    import pint as pt

    units = pt.UnitRegistry()
    speed = units.parse_expression("3.6 km / hour")
    try:
        speed.to("kilogram")
        refused = "none"
    except pt.DimensionalityError as error:
        refused = str(error)
    return [
        str(speed.to("m/s")),
        f"{speed:~P}",
        f"{units.parse_expression('5 N*m').to_base_units():L}",
        str(units.Quantity(20, "degC").to("degF")),
        str((2 * units.meter) ** 2),
        str(speed.dimensionality),
        refused,
    ]


def tornado() -> object:
    """An HTTP server and its client on one event loop; templates, queues and locks."""
    from tornado import escape, httpclient, httpserver, locks, netutil, queues, template, web

    class Hello(web.RequestHandler):  # type: ignore[misc, unused-ignore]
        def get(self, who: str) -> None:
            self.write({"hello": who, "twice": self.get_arguments("q")})

    async def work() -> list[object]:
        sockets = netutil.bind_sockets(0, "127.0.0.1")
        server = httpserver.HTTPServer(web.Application([(r"/hello/(\w+)", Hello)]))
        server.add_sockets(sockets)
        client = httpclient.AsyncHTTPClient(force_instance=True)
        url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}/hello/lab?q=1&q=2"
        answer = await client.fetch(url)
        missing = await client.fetch(url.replace("hello", "no"), raise_error=False)
        client.close()
        server.stop()
        await server.close_all_connections()
        line: queues.LifoQueue[int] = queues.LifoQueue()
        for number in range(3):
            await line.put(number)
        async with locks.Lock():
            taken = [await line.get() for _ in range(3)]
        return [escape.json_decode(answer.body), missing.code, taken]

    page = template.Template("{% for n in names %}<b>{{ n }}</b>{% end %}").generate(names=["a", "<"]).decode()
    return [*asyncio.run(work()), page, escape.url_escape("a b&c")]


def jinja2() -> object:
    """Templates with inheritance, macros, filters and tests; a sandbox and native types."""
    import jinja2 as ji
    from jinja2 import meta, nativetypes, sandbox

    pages = {
        "base": "<{% block body %}{% endblock %}>",
        "page": "{% extends 'base' %}{% macro b(x) %}[{{ x|upper }}]{% endmacro %}"
        "{% block body %}{% for n in names if n is string %}{{ b(n) }}{{ loop.index }}{% endfor %}"
        "{{ {'k': '<'}|tojson }}{{ names|join('&')|e }}{% endblock %}",
    }
    environment = ji.Environment(loader=ji.DictLoader(pages), autoescape=True, extensions=["jinja2.ext.do"])
    try:
        environment.from_string("{% if %}")
        refused = "none"
    except ji.TemplateSyntaxError as error:
        refused = str(error)
    try:
        sandbox.SandboxedEnvironment().from_string("{{ ().__class__.__mro__ }}").render()
        unsafe = "none"
    except ji.exceptions.SecurityError as error:
        unsafe = str(error)
    return [
        environment.get_template("page").render(names=["a", 1, "b"]),
        environment.from_string("{{ 'a\nb'|indent }}{{ cycler('x', 'y').next() }}").render(),
        nativetypes.NativeEnvironment().from_string("{{ [1, 2] }}").render(),
        sorted(meta.find_undeclared_variables(environment.parse("{{ a + b }}"))),
        refused,
        unsafe,
    ]


def pymeasure() -> object:
    """Drivers talk to instruments that are played back; a procedure takes parameters."""
    from pymeasure.experiment import FloatParameter, IntegerParameter, Procedure
    from pymeasure.instruments.keithley import Keithley2000
    from pymeasure.instruments.lakeshore import LakeShore211
    from pymeasure.test import expected_protocol

    class Sweep(Procedure):  # type: ignore[misc, unused-ignore]
        steps = IntegerParameter("Steps", default=10)
        voltage = FloatParameter("Voltage", units="V", default=1.5)

    with expected_protocol(LakeShore211, [(b"DISPFLD 1", None), (b"ANALOG?", b"0,1")]) as thermometer:
        thermometer.display_units = "celsius"
        analog = [int(value) for value in thermometer.analog_configuration]
        try:
            thermometer.display_units = "furlongs"
            refused = "none"
        except (KeyError, ValueError) as error:
            refused = str(error)
    talk = [(b":READ?", b"+1.5E-3"), (b":SENS:VOLT:RANG:AUTO 0;:SENS:VOLT:RANG 10", None)]
    with expected_protocol(Keithley2000, talk) as meter:
        voltage = meter.voltage
        meter.voltage_range = 10
    sweep = Sweep()
    sweep.set_parameters({"steps": 4})
    return [analog, refused, voltage, sweep.steps, {k: str(v) for k, v in sweep.parameter_objects().items()}]


def bluesky() -> object:
    """A count, a scan and a grid scan on simulated devices, run by the run engine; the documents they emit."""
    from bluesky import Msg, RunEngine, plan_stubs, plans, preprocessors

    class Device:
        """A motor, or a detector of its own position."""

        parent = None

        def __init__(self, name: str) -> None:
            self.name, self.at = name, 0.0

        def read(self) -> dict[str, dict[str, float]]:
            return {self.name: {"value": self.at, "timestamp": 0.0}}

        def describe(self) -> dict[str, dict[str, object]]:
            return {self.name: {"source": "simulated", "dtype": "number", "shape": []}}

        def read_configuration(self) -> dict[str, dict[str, float]]:
            return {}

        def describe_configuration(self) -> dict[str, dict[str, object]]:
            return {}

        @property
        def hints(self) -> dict[str, list[str]]:
            return {"fields": [self.name]}

        @property
        def position(self) -> float:
            return self.at

    class Motor(Device):
        def set(self, value: float) -> object:
            self.at = float(value)
            return Done()

    class Done:
        done, success = True, True

        def add_callback(self, callback: Callable[[object], None]) -> None:
            callback(self)

        def exception(self, timeout: float | None = 0.0) -> None:
            return None

    seen: list[object] = []

    def keep(kind: str, document: dict[str, object]) -> None:
        seen.append([kind, document.get("data", document.get("plan_name", document.get("exit_status")))])

    x, y, eye = Motor("x"), Motor("y"), Device("eye")
    engine = RunEngine({}, context_managers=[])
    engine(plans.count([eye], num=2), keep)
    engine(plans.scan([eye], x, 0, 1, 3), keep)
    engine(plans.grid_scan([eye], x, 0, 1, 2, y, 0, 1, 2, snake_axes=True), keep)
    engine(preprocessors.run_wrapper(plan_stubs.mv(x, 5)), keep)
    messages = [message.command for message in plans.count([eye])]
    return [seen, x.at, messages, repr(Msg("null"))]


def pylabrobot() -> object:
    """A liquid handler that only talks: tips, aspirate, dispense; the deck is written out and read back."""
    from pylabrobot.liquid_handling import LiquidHandler
    from pylabrobot.liquid_handling.backends import LiquidHandlerChatterboxBackend
    from pylabrobot.resources import (
        PLT_CAR_L5AC_A00,
        TIP_CAR_480_A00,
        Cor_96_wellplate_360ul_Fb,
        Resource,
        errors,
        hamilton_96_tiprack_1000uL_filter,
        set_tip_tracking,
        set_volume_tracking,
    )
    from pylabrobot.resources.hamilton import STARLetDeck

    async def work() -> list[object]:
        deck = STARLetDeck()
        handler = LiquidHandler(backend=LiquidHandlerChatterboxBackend(), deck=deck)
        await handler.setup()
        tips = TIP_CAR_480_A00(name="tips")
        tips[0] = hamilton_96_tiprack_1000uL_filter("rack")
        plates = PLT_CAR_L5AC_A00(name="plates")
        plates[0] = plate = Cor_96_wellplate_360ul_Fb("plate")
        deck.assign_child_resource(tips, rails=1)
        deck.assign_child_resource(plates, rails=9)
        rack = deck.get_resource("rack")
        await handler.pick_up_tips(rack["A1:C1"])
        plate.get_item("A1").tracker.set_volume(200)
        await handler.aspirate(plate["A1"], vols=[100.0], use_channels=[0])
        await handler.dispense(plate["B2"], vols=[100.0], use_channels=[0])
        try:
            await handler.pick_up_tips(rack["A2"], use_channels=[0])
            refused = "none"
        except errors.HasTipError as error:
            refused = type(error).__name__
        await handler.drop_tips(rack["A1:C1"])
        again = Resource.deserialize(deck.serialize())
        place = again.get_resource(plate.get_item("B2").name).get_absolute_location()
        return [refused, again == deck, len(again.get_all_children()), [place.x, place.y, place.z]]

    set_tip_tracking(True)
    set_volume_tracking(True)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        answers = asyncio.run(work())
    return [answers, said.getvalue()]
