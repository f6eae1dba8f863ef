"""What schemathesis is told of Sendoff: how scalars are written, which ids there are, what every answer must be.

An answer is held against the schema by executing its document once more, with the answer's own data for the service:
a field that is missing, that nobody asked for, that stands in the wrong place or is not of its type comes out
differently.
"""

import atexit
import collections
import datetime
import json
import os
import pathlib

import graphql
import requests
import schemathesis
from hypothesis import strategies as st
from schemathesis.graphql import nodes

ROOT = pathlib.Path(__file__).resolve().parents[3]
SCHEMA = graphql.build_schema((ROOT / "schema.graphql").read_text(encoding="utf-8"))
CODES = {page.stem for page in (ROOT / "docs" / "errors").glob("*.md")} - {"README"}
# None of these is an answer to what is asked here: a key that may do everything, and no faster than it may.
NEVER = {"FORBIDDEN", "INTERNAL", "RATE_LIMITED", "TIMEOUT", "UNAUTHENTICATED", "UNAVAILABLE"}

THERE = """{ site {
  id
  audiences { nodes { id } }
  subscribers(first: 3) { nodes { id } }
  campaigns(first: 20) { nodes { id steps { id } messages(first: 1) { nodes { id } } } }
} }"""


def there():
    """The ids of what the site has."""
    answer = requests.post(
        os.environ["SENDOFF_URL"],
        json={"query": THERE},
        headers={"authorization": f"Bearer {os.environ['SENDOFF_KEY']}"},
        timeout=10,
    ).json()
    found, left = [], [answer["data"]]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            found.extend(text for name, text in value.items() if name == "id")
            value = value.values()
        left.extend(one for one in value if isinstance(one, (dict, list)))
    return found


# Years in which schedules can be, and others.
DATES = st.dates(datetime.date(2026, 1, 1), datetime.date(2029, 1, 1)) | st.dates()
TIMES = st.times().map(lambda time: time.replace(microsecond=0))
MOMENTS = st.tuples(DATES, TIMES).map(lambda both: f"{both[0]}T{both[1]}")
ZONES = ["America/New_York", "America/Los_Angeles", "Europe/Berlin", "Asia/Kathmandu", "UTC", "Mars/Olympus"]
SPANS = ["PT0S", "PT30M", "PT1H", "P2D", "P1W", "PT48H", "-PT1H", "P1M", "PT1S"]
PHONES = ["+14155550100", "+12125550142", "+491711234567", "+1415", "4155550100"]
SCALARS = {
    "DateTime": MOMENTS.map("{}Z".format),
    "Decimal": st.decimals(allow_nan=False, allow_infinity=False).map("{:f}".format),
    "Duration": st.sampled_from(SPANS),
    "EventCursor": st.text(max_size=40),
    "ID": st.sampled_from(there()) | st.sampled_from(there()) | st.text(max_size=40),
    "LocalDate": DATES.map(str),
    "LocalDateTime": MOMENTS,
    "LocalTime": TIMES.map(str),
    "PhoneNumber": st.sampled_from(PHONES),
    "TimeZone": st.sampled_from(ZONES),
    "URL": st.sampled_from(["https://example.com/a", "http://", "nothing"]),
}
for name, strategy in SCALARS.items():
    schemathesis.graphql.scalar(name, strategy.map(nodes.String))
# Pages are small more often than not.
INTEGERS = st.integers(0, 20) | st.integers(-(2**31), 2**31 - 1)
schemathesis.graphql.scalar("Int", INTEGERS.map(nodes.Int))


def is_one_of(error):
    return error.message.startswith("OneOf Input Object")


def faults(document):
    """What graphql-core has against a document."""
    return graphql.validate(SCHEMA, document)


class Completed(graphql.Visitor):
    """Asks for `__typename` wherever an answer may be of several types, and fills one field of what takes one."""

    def __init__(self, info, is_sound):
        super().__init__()
        self.info = info
        self.is_sound = is_sound

    def leave_selection_set(self, node, *_):
        if not graphql.is_abstract_type(self.info.get_parent_type()):
            return None
        typename = graphql.FieldNode(name=graphql.NameNode(value="__typename"), arguments=(), directives=())
        return graphql.SelectionSetNode(selections=(*node.selections, typename))

    def leave_object_value(self, node, *_):
        of = graphql.get_named_type(self.info.get_input_type())
        if not (self.is_sound and graphql.is_input_object_type(of) and of.is_one_of):
            return None
        told = [field for field in node.fields if not isinstance(field.value, graphql.NullValueNode)]
        return graphql.ObjectValueNode(fields=tuple(told[:1]))


@schemathesis.hook
def map_body(context, body):
    """The document, so that its answer can be read. What is wrong on purpose stays wrong."""
    info = graphql.TypeInfo(SCHEMA)
    is_sound = all(is_one_of(error) for error in faults(body))
    return graphql.visit(body, graphql.TypeInfoVisitor(info, Completed(info, is_sound)))


def again(document, data):
    """What a service would answer whose fields are those of `data`."""
    return graphql.execute_sync(
        SCHEMA,
        document,
        data,
        field_resolver=lambda source, info, **_: source[info.path.key],
        type_resolver=lambda value, *_: value["__typename"],
    )


def check_error(error, data):
    """An error has a sentence and a code of the catalogue, and stands at a null."""
    assert set(error) <= {"message", "locations", "path", "extensions"}, error
    assert error["message"].strip(), error
    assert error["extensions"]["code"] in CODES - NEVER, error
    for step in error.get("path", []):
        if data is None:
            break
        data = data[step]
    assert data is None, f"an error at what is there: {error}"


answered = collections.Counter()
refused = collections.Counter()


@schemathesis.check
def is_an_answer(context, response, case):
    """Every answer is GraphQL's, says what it refuses by code, and is otherwise what the schema promises. What
    graphql-core finds wrong is refused."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == ["application/json; charset=utf-8"], response.headers
    body = response.json()
    assert set(body) <= {"data", "errors", "extensions"}, list(body)
    assert body.get("errors") != [], "an empty list of errors"
    for error in body.get("errors", []):
        check_error(error, body.get("data"))
    document = graphql.parse(case.body)
    if wrong := faults(document):
        assert "data" not in body, f"executed although {wrong}"
    if body.get("data") is None:
        assert body.get("errors"), "neither data nor errors"
        refused[case.operation.label] += 1
        return
    copy = again(document, body["data"])
    assert not copy.errors, copy.errors
    assert json.dumps(copy.data) == json.dumps(body["data"]), "not what was asked for, or in another order"
    answered[case.operation.label] += 1


@atexit.register
def tell():
    """How much was tried, for `.ci/fuzz` to read."""
    for label in sorted(answered | refused):
        print(f"{label}: {answered[label]} answered, {refused[label]} refused")
